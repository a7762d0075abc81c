/** M, multiplication and division (unprivileged specification, chapter 7). */
import { type Code, either, i32, i64 } from "../wasm/code.ts";
import type { Emission } from "./emission.ts";
import { byFunct7, type Instruction, OPCODE } from "./instruction.ts";

function multiply(
  name: string,
  opcode: number,
  funct3: number,
  value: (a: Code, b: Code, i: Emission) => Code,
) {
  return {
    name,
    ...byFunct7(opcode, funct3, 1),
    format: "R",
    operands: "rd,rs1,rs2",
    meaning: (i: Emission) => i.rd(value(i.rs1, i.rs2, i)),
  } satisfies Instruction;
}

const low = (value: Code) => i64.and(value, i64.const(0xffffffff));
const high = (value: Code) => i64.shr_u(value, i64.const(32));
const sign = (value: Code) => i64.shr_s(value, i64.const(63));
const word = (value: Code) => i64.extend_s(i32.wrap(value));

/** The upper 64 bits of an unsigned product, from products of halves; operands are used several times. */
export function upperUnsigned(a: Code, b: Code, i: Pick<Emission, "keep">): Code {
  const middle = i.keep(
    i64.add(i64.mul(high(a), low(b)), high(i64.mul(low(a), low(b)))),
  );
  const other = i64.add(i64.mul(low(a), high(b)), low(middle));
  return i64.add(i64.add(i64.mul(high(a), high(b)), high(middle)), high(other));
}

/** A division by zero yields `whenZero` and does not trap (specification, table 7.1). */
function guarded(divisor: Code, whenZero: Code, quotient: Code): Code {
  return either("i64", i64.eqz(divisor), whenZero, quotient);
}

const minusOne = i64.const(-1);

/** M. */
export const multiplication: readonly Instruction[] = [
  multiply("mul", OPCODE.op, 0, i64.mul),
  multiply("mulh", OPCODE.op, 1, (a, b, i) =>
    i64.sub(
      i64.sub(upperUnsigned(a, b, i), i64.and(sign(a), b)),
      i64.and(sign(b), a),
    )),
  multiply(
    "mulhsu",
    OPCODE.op,
    2,
    (a, b, i) => i64.sub(upperUnsigned(a, b, i), i64.and(sign(a), b)),
  ),
  multiply("mulhu", OPCODE.op, 3, upperUnsigned),
  // The one overflowing quotient, -2^63 / -1, would trap in WebAssembly.
  multiply("div", OPCODE.op, 4, (a, b) =>
    guarded(
      b,
      minusOne,
      either("i64", i64.eq(b, minusOne), i64.sub(i64.const(0), a), i64.div_s(a, b)),
    )),
  multiply("divu", OPCODE.op, 5, (a, b) => guarded(b, minusOne, i64.div_u(a, b))),
  multiply("rem", OPCODE.op, 6, (a, b) => guarded(b, a, i64.rem_s(a, b))),
  multiply("remu", OPCODE.op, 7, (a, b) => guarded(b, a, i64.rem_u(a, b))),
  multiply("mulw", OPCODE.op32, 0, (a, b) => i64.extend_s(i32.mul(i32.wrap(a), i32.wrap(b)))),
  // In 64 bits the quotient of two words cannot overflow.
  multiply(
    "divw",
    OPCODE.op32,
    4,
    (a, b) => guarded(word(b), minusOne, word(i64.div_s(word(a), word(b)))),
  ),
  multiply(
    "divuw",
    OPCODE.op32,
    5,
    (a, b) => guarded(word(b), minusOne, i64.extend_s(i32.div_u(i32.wrap(a), i32.wrap(b)))),
  ),
  multiply(
    "remw",
    OPCODE.op32,
    6,
    (a, b) => guarded(word(b), word(a), i64.extend_s(i32.rem_s(i32.wrap(a), i32.wrap(b)))),
  ),
  multiply(
    "remuw",
    OPCODE.op32,
    7,
    (a, b) => guarded(word(b), word(a), i64.extend_s(i32.rem_u(i32.wrap(a), i32.wrap(b)))),
  ),
];
