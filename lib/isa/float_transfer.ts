/** F and D: loads, stores, moves and sign injection, which look at no value (chapters 11 and 12). */
import { type Code, i64 } from "../wasm/code.ts";
import type { Emission } from "./emission.ts";
import { box, type FloatFormat, floatFormats, magnitude, operandPair } from "./float_format.ts";
import { byFunct3, byFunct7, type Instruction, OPCODE } from "./instruction.ts";

const address = (i: Emission) => i64.add(i.rs1, i.imm);
const letters = { s: "w", d: "d" } as const;

function memory(format: FloatFormat): Instruction[] {
  const letter = letters[format.suffix];
  const funct3 = 2 + format.code;
  return [
    {
      name: `fl${letter}`,
      ...byFunct3(OPCODE.loadFloat, funct3),
      format: "I",
      operands: "fd,imm(rs1)",
      meaning: (i) => {
        i.requireFloat();
        i.fd(box(format, i.load(address(i), format.width, "unsigned")));
      },
    },
    {
      name: `fs${letter}`,
      ...byFunct3(OPCODE.storeFloat, funct3),
      format: "S",
      operands: "fs2,imm(rs1)",
      meaning: (i) => {
        i.requireFloat();
        i.store(address(i), format.width, i.fs2);
      },
    },
  ];
}

function moves(format: FloatFormat): Instruction[] {
  const letter = letters[format.suffix];
  const unary = (funct7: number) => ({
    mask: 0xfff0707f,
    match: byFunct7(OPCODE.float, 0, funct7 | format.code).match,
  });
  return [
    {
      name: `fmv.x.${letter}`,
      ...unary(0x70),
      format: "R",
      operands: "rd,fs1",
      meaning: (i) => {
        i.requireFloat();
        i.rd(format.suffix === "s" ? i64.extend32_s(i.fs1) : i.fs1);
      },
    },
    {
      name: `fmv.${letter}.x`,
      ...unary(0x78),
      format: "R",
      operands: "fd,rs1",
      meaning: (i) => {
        i.requireFloat();
        i.fd(format.suffix === "s" ? box(format, i.rs1) : i.rs1);
      },
    },
  ];
}

function signInjections(format: FloatFormat): Instruction[] {
  const signs: readonly (readonly [string, (a: Code, b: Code) => Code])[] = [
    ["fsgnj", (_a, b) => b],
    ["fsgnjn", (_a, b) => i64.xor(b, i64.const(-1))],
    ["fsgnjx", i64.xor],
  ];
  return signs.map(([name, sign], funct3): Instruction => ({
    name: `${name}.${format.suffix}`,
    ...byFunct7(OPCODE.float, funct3, 0x10 | format.code),
    format: "R",
    operands: "fd,fs1,fs2",
    meaning: (i) => {
      const [a, b] = operandPair(i, format);
      const signBit = i64.and(sign(a, b), i64.const(format.sign));
      i.fd(box(format, i64.or(magnitude(format, a), signBit)));
    },
  }));
}

/** Loads, stores, moves and sign injection of F and D. */
export const floatTransfer: readonly Instruction[] = floatFormats.flatMap((format) => [
  ...memory(format),
  ...moves(format),
  ...signInjections(format),
]);
