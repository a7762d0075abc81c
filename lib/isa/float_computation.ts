/** F and D: arithmetic, comparisons, minimum and maximum, classification (chapters 11 and 12). */
import { type Code, either, i32, i64, select } from "../wasm/code.ts";
import type { Emission, FloatRoutine } from "./emission.ts";
import {
  box,
  compare,
  FLAG,
  type FloatFormat,
  floatFormats,
  isNan,
  isSignaling,
  magnitude,
  operandPair,
  unbox,
} from "./float_format.ts";
import { byFunct7, type Instruction, OPCODE } from "./instruction.ts";

const FUNCT7 = 0xfe00007f;

/** The value with its sign changed. */
const negate = ({ sign }: FloatFormat, value: Code) => i64.xor(value, i64.const(sign));

function arithmetic(format: FloatFormat): Instruction[] {
  const two = (
    name: string,
    funct5: number,
    routine: FloatRoutine,
    second = (value: Code): Code => value,
  ): Instruction => ({
    name: `${name}.${format.suffix}`,
    mask: FUNCT7,
    match: OPCODE.float | (funct5 << 2 | format.code) << 25,
    format: "rounding",
    operands: "fd,fs1,fs2,rm",
    meaning: (i) => {
      i.requireFloat();
      const rounding = i.rounding();
      const a = unbox(i, format, i.fs1);
      const b = unbox(i, format, i.fs2);
      i.fd(box(format, i.float(routine, rounding, a, second(b))));
    },
  });
  const { suffix } = format;
  return [
    two("fadd", 0x00, `add.${suffix}`),
    two("fsub", 0x01, `add.${suffix}`, (b) => negate(format, b)),
    two("fmul", 0x02, `multiply.${suffix}`),
    two("fdiv", 0x03, `divide.${suffix}`),
    {
      name: `fsqrt.${suffix}`,
      mask: 0xfff0007f,
      match: OPCODE.float | (0x0b << 2 | format.code) << 25,
      format: "rounding",
      operands: "fd,fs1,rm",
      meaning: (i) => {
        i.requireFloat();
        const rounding = i.rounding();
        const a = unbox(i, format, i.fs1);
        i.fd(box(format, i.float(`squareRoot.${suffix}`, rounding, a)));
      },
    },
  ];
}

/** Each is `±(a × b) ± c`, rounded once. */
function fused(format: FloatFormat): Instruction[] {
  const forms = [
    { name: "fmadd", opcode: OPCODE.multiplyAdd, product: false, addend: false },
    { name: "fmsub", opcode: OPCODE.multiplySubtract, product: false, addend: true },
    { name: "fnmsub", opcode: OPCODE.negatedMultiplySubtract, product: true, addend: false },
    { name: "fnmadd", opcode: OPCODE.negatedMultiplyAdd, product: true, addend: true },
  ];
  return forms.map(({ name, opcode, product, addend }): Instruction => ({
    name: `${name}.${format.suffix}`,
    mask: 0x0600007f,
    match: opcode | format.code << 25,
    format: "rounding",
    operands: "fd,fs1,fs2,fs3,rm",
    meaning: (i) => {
      i.requireFloat();
      const rounding = i.rounding();
      const [a, b, c] = [i.fs1, i.fs2, i.fs3].map((source) => unbox(i, format, source)) as [
        Code,
        Code,
        Code,
      ];
      const result = i.float(
        `multiplyAdd.${format.suffix}`,
        rounding,
        product ? negate(format, a) : a,
        b,
        addend ? negate(format, c) : c,
      );
      i.fd(box(format, result));
    },
  }));
}

/** The flags of an operation that is invalid under this condition. */
const invalidIf = (condition: Code) => i32.mul(condition, i32.const(FLAG.invalid));

function comparisons(format: FloatFormat): Instruction[] {
  const relations = ["le", "lt", "eq"] as const;
  return relations.map((relation, funct3): Instruction => ({
    name: `f${relation}.${format.suffix}`,
    ...byFunct7(OPCODE.float, funct3, 0x50 | format.code),
    format: "R",
    operands: "rd,fs1,fs2",
    meaning: (i) => {
      const [a, b] = operandPair(i, format);
      // feq is a quiet comparison, the others are signaling ones (section 11.8).
      const offends = relation === "eq" ? isSignaling : isNan;
      i.raise(invalidIf(i32.or(offends(format, a), offends(format, b))));
      i.rd(i64.extend_u(compare(format, relation, a, b)));
    },
  }));
}

/** An integer that is in the order of the values, with -0 below +0; of NaNs it says nothing. */
function orderOf({ suffix }: FloatFormat, value: Code): Code {
  const wide = suffix === "s" ? i64.extend32_s(value) : value;
  const negative = i64.shr_s(wide, i64.const(63));
  return i64.xor(wide, i64.shr_u(negative, i64.const(1)));
}

/** IEEE 754-2019's minimumNumber and maximumNumber: of a number and a NaN, the number. */
function extremes(format: FloatFormat): Instruction[] {
  return ["fmin", "fmax"].map((name, funct3): Instruction => ({
    name: `${name}.${format.suffix}`,
    ...byFunct7(OPCODE.float, funct3, 0x14 | format.code),
    format: "R",
    operands: "fd,fs1,fs2",
    meaning: (i) => {
      const [a, b] = operandPair(i, format);
      i.raise(invalidIf(i32.or(isSignaling(format, a), isSignaling(format, b))));
      const less = i64.lt_s(orderOf(format, a), orderOf(format, b));
      const [yes, no] = name === "fmin" ? [a, b] : [b, a];
      const ofNumbers = select(less, yes, no);
      const withoutB = select(isNan(format, a), i64.const(format.canonicalNan), a);
      i.fd(
        box(format, select(isNan(format, b), withoutB, select(isNan(format, a), b, ofNumbers))),
      );
    },
  }));
}

/** One bit of ten for the class of the value (section 11.9). */
function classify(format: FloatFormat): Instruction {
  const leastNormal = 1n << BigInt(format.fractionBits);
  return {
    name: `fclass.${format.suffix}`,
    mask: 0xfff0707f,
    match: byFunct7(OPCODE.float, 1, 0x70 | format.code).match,
    format: "R",
    operands: "rd,fs1",
    meaning: (i: Emission) => {
      i.requireFloat();
      const value = unbox(i, format, i.fs1);
      const size = i.keep(magnitude(format, value));
      const below = (limit: bigint) => i64.extend_u(i64.lt_u(size, i64.const(limit)));
      // From infinity, 0, to zero, 3; counted from the other end for a positive one.
      const bySize = i.keep(
        i64.add(i64.add(below(format.infinity), below(leastNormal)), below(1n)),
      );
      const positive = i64.eqz(i64.and(value, i64.const(format.sign)));
      const ofNumber = select(positive, i64.sub(i64.const(7), bySize), bySize);
      const ofNan = select(isSignaling(format, value), i64.const(8), i64.const(9));
      i.rd(i64.shl(i64.const(1), either("i64", isNan(format, value), ofNan, ofNumber)));
    },
  };
}

/** Arithmetic, comparisons, minimum and maximum, classification of F and D. */
export const floatComputation: readonly Instruction[] = floatFormats.flatMap((format) => [
  ...arithmetic(format),
  ...fused(format),
  ...comparisons(format),
  ...extremes(format),
  classify(format),
]);
