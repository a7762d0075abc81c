/** F and D: conversions between formats, and from and to integers (sections 11.7, 12.5). */
import { type Code, f32, f64, i32, i64, select } from "../wasm/code.ts";
import type { Emission } from "./emission.ts";
import {
  box,
  double,
  FLAG,
  type FloatFormat,
  floatFormats,
  isNan,
  isSignaling,
  single,
  unbox,
} from "./float_format.ts";
import { type Instruction, OPCODE } from "./instruction.ts";

/** Integer types in the order of their codes (field rs2), and their values as a 64-bit one. */
const integers: readonly { readonly name: "w" | "wu" | "l" | "lu"; widen(value: Code): Code }[] = [
  { name: "w", widen: i64.extend32_s },
  { name: "wu", widen: (value) => i64.and(value, i64.const(0xffff_ffffn)) },
  { name: "l", widen: (value) => value },
  { name: "lu", widen: (value) => value },
];

function conversion(
  name: string,
  funct5: number,
  format: FloatFormat,
  rs2: number,
  operands: string,
  meaning: (i: Emission, rounding: Code) => void,
): Instruction {
  return {
    name,
    mask: 0xfff0007f,
    match: OPCODE.float | (funct5 << 2 | format.code) << 25 | rs2 << 20,
    format: "rounding",
    operands,
    meaning: (i) => {
      i.requireFloat();
      meaning(i, i.rounding());
    },
  };
}

/** The bits of a double with the value of a single; of a NaN, those of some NaN. */
function promote(value: Code): Code {
  return i64.reinterpret(f64.promote(f32.reinterpret(i32.wrap(value))));
}

/** Integers that a double can hold, whatever they are. */
const exactly: Readonly<Partial<Record<string, (value: Code) => Code>>> = {
  w: f64.convert_i32_s,
  wu: f64.convert_i32_u,
};

function fromInteger(format: FloatFormat): Instruction[] {
  return integers.map(({ name, widen }, rs2) =>
    conversion(
      `fcvt.${format.suffix}.${name}`,
      0x1a,
      format,
      rs2,
      "fd,rs1,rm",
      (i, rounding) => {
        const exact = format.suffix === "d" ? exactly[name] : undefined;
        const routine = name === "lu" ? "fromUnsigned" : "fromSigned";
        i.fd(
          exact === undefined
            ? box(format, i.float(`${routine}.${format.suffix}`, rounding, widen(i.rs1)))
            : i64.reinterpret(exact(i32.wrap(i.rs1))),
        );
      },
    )
  );
}

function toInteger(format: FloatFormat): Instruction[] {
  return integers.map(({ name }, rs2) =>
    conversion(
      `fcvt.${name}.${format.suffix}`,
      0x18,
      format,
      rs2,
      "rd,fs1,rm",
      (i, rounding) => {
        const value = unbox(i, format, i.fs1);
        const asDouble = format.suffix === "s" ? promote(value) : value;
        i.rd(i.float(`toInteger.${name}`, rounding, asDouble));
      },
    )
  );
}

const betweenFormats: readonly Instruction[] = [
  conversion("fcvt.s.d", 0x08, single, double.code, "fd,fs1,rm", (i, rounding) => {
    i.fd(box(single, i.float("narrow.s", rounding, unbox(i, double, i.fs1))));
  }),
  conversion("fcvt.d.s", 0x08, double, single.code, "fd,fs1,rm", (i) => {
    const value = unbox(i, single, i.fs1);
    i.raise(i32.mul(isSignaling(single, value), i32.const(FLAG.invalid)));
    i.fd(select(isNan(single, value), i64.const(double.canonicalNan), promote(value)));
  }),
];

/** Conversions of F and D. */
export const floatConversion: readonly Instruction[] = [
  ...floatFormats.flatMap((format) => [...fromInteger(format), ...toInteger(format)]),
  ...betweenFormats,
];
