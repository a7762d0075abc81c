/** Conversions of F and D between formats, and from and to integers, exactly. */
import { double, type FloatFormat, isNan, single } from "../isa/float_format.ts";
import { type Code, either, i32, i64, type Local, select, when } from "../wasm/code.ts";
import type { ModuleBuilder } from "../wasm/module.ts";
import { give, type Parts, ROUNDING } from "./soft_float_parts.ts";
import { isInfinite, isZero, Routine, signOf, Unpacked } from "./soft_float_routine.ts";

/** A double to a single. */
export function addNarrowing(module: ModuleBuilder, parts: Parts): number {
  const routine = new Routine(1, parts);
  const [value] = routine.operands as [Local];
  const number = new Unpacked(routine);
  const sign = i64.shr_u(signOf(double, value.get), i64.const(32));
  return module.addFunction(routine.builder, [
    when(isNan(double, value.get), [
      routine.refuseSignaling(double),
      give(i64.const(single.canonicalNan)),
    ]),
    when(isInfinite(double, value.get), give(i64.or(sign, i64.const(single.infinity)))),
    when(isZero(double, value.get), give(sign)),
    number.set(double, value.get),
    routine.pack(single, sign, number.exponent.get, number.significand.get),
  ]);
}

/** A 64-bit integer to a format. */
export function addFromInteger(
  module: ModuleBuilder,
  parts: Parts,
  format: FloatFormat,
  kind: "signed" | "unsigned",
): number {
  const routine = new Routine(1, parts);
  const [value] = routine.operands as [Local];
  const sign = routine.builder.local("i64");
  return module.addFunction(routine.builder, [
    when(i64.eqz(value.get), give(i64.const(0))),
    kind === "unsigned" ? [] : when(i64.lt_s(value.get, i64.const(0)), [
      sign.set(i64.const(format.sign)),
      value.set(i64.sub(i64.const(0), value.get)),
    ]),
    routine.pack(format, sign.get, i32.const(0), value.get),
  ]);
}

/** Integer types by how mnemonics name them. */
export type IntegerType = "w" | "wu" | "l" | "lu";

/** The largest magnitudes of integer types. */
const limits: Readonly<
  Record<IntegerType, { readonly positive: bigint; readonly negative: bigint }>
> = {
  w: { positive: 0x7fff_ffffn, negative: 0x8000_0000n },
  wu: { positive: 0xffff_ffffn, negative: 0n },
  l: { positive: 0x7fff_ffff_ffff_ffffn, negative: 0x8000_0000_0000_0000n },
  lu: { positive: 0xffff_ffff_ffff_ffffn, negative: 0n },
};

/** A double to an integer, which saturates (section 11.7); 32-bit ones are sign-extended. */
export function addToInteger(
  module: ModuleBuilder,
  parts: Parts,
  type: IntegerType,
): number {
  const routine = new Routine(1, parts);
  const { builder, rounding } = routine;
  const [value] = routine.operands as [Local];
  const number = new Unpacked(routine);
  const whole = builder.local("i64");
  /** What is below the units, as a fraction of 2^64, the lowest bit sticky. */
  const fraction = builder.local("i64");
  const { positive, negative } = limits[type];
  const isNegative = i64.lt_s(value.get, i64.const(0));
  const limit = select(isNegative, i64.const(negative), i64.const(positive));
  const signed = (size: Code) => select(isNegative, i64.sub(i64.const(0), size), size);
  const extended = (result: Code) => type.startsWith("w") ? i64.extend32_s(result) : result;
  const saturate: Code = [routine.raise("invalid"), give(extended(signed(limit)))];
  const way = i64.extend_u(i32.sub(i32.const(0), number.exponent.get));
  return module.addFunction(builder, [
    when(isNan(double, value.get), [
      routine.raise("invalid"),
      give(extended(i64.const(positive))),
    ]),
    when(isZero(double, value.get), give(i64.const(0))),
    when(isInfinite(double, value.get), saturate),
    number.set(double, value.get),
    when(i32.gt_s(number.exponent.get, i32.const(1)), saturate),
    when(
      i32.gt_s(number.exponent.get, i32.const(-1)),
      whole.set(i64.shl(number.significand.get, i64.extend_u(number.exponent.get))),
      when(
        i32.lt_s(number.exponent.get, i32.const(-63)),
        // Less than a half.
        fraction.set(i64.const(1)),
        [
          whole.set(i64.shr_u(number.significand.get, way)),
          fraction.set(i64.shl(number.significand.get, i64.sub(i64.const(64), way))),
        ],
      ),
    ),
    whole.set(i64.add(whole.get, i64.extend_u(roundsUp(rounding, isNegative, whole, fraction)))),
    when(i64.gt_u(whole.get, limit), saturate),
    when(i64.ne(fraction.get, i64.const(0)), routine.raise("inexact")),
    extended(signed(whole.get)),
  ]);
}

/** Whether a magnitude with this fraction is rounded to the next one (32 bits). */
function roundsUp(rounding: Local, isNegative: Code, whole: Local, fraction: Local): Code {
  const half = i64.const(1n << 63n);
  const is = (mode: keyof typeof ROUNDING) => i32.eq(rounding.get, i32.const(ROUNDING[mode]));
  const odd = i32.wrap(i64.and(whole.get, i64.const(1)));
  const nearestEven = i32.or(
    i64.gt_u(fraction.get, half),
    i32.and(i64.eq(fraction.get, half), odd),
  );
  const awayFromZero = select(isNegative, is("down"), is("up"));
  return either(
    "i32",
    is("nearestEven"),
    nearestEven,
    either(
      "i32",
      is("nearestMaximum"),
      i64.ge_u(fraction.get, half),
      i32.and(awayFromZero, i32.eqz(i64.eqz(fraction.get))),
    ),
  );
}
