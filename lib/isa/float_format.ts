/** The formats of F and D, and how their values lie in f registers (unprivileged specification, 11.3, 12.2). */
import { type Code, f32, f64, i32, i64, select } from "../wasm/code.ts";
import type { Emission } from "./emission.ts";

/** A floating-point format of IEEE 754. Constants are bits of a value in the format. */
export interface FloatFormat {
  /** How mnemonics name it. */
  readonly suffix: "s" | "d";
  /** How encodings name it (field fmt). */
  readonly code: 0 | 1;
  /** Bytes. */
  readonly width: 4 | 8;
  /** Bits of the exponent. */
  readonly exponentBits: number;
  /** Bits of the fraction. */
  readonly fractionBits: number;
  /** The sign bit. */
  readonly sign: bigint;
  /** Positive infinity. */
  readonly infinity: bigint;
  /** The bit that tells quiet NaNs from signaling ones. */
  readonly quiet: bigint;
  /** The only NaN that arithmetic makes. */
  readonly canonicalNan: bigint;
}

function format(suffix: "s" | "d", exponentBits: number, fractionBits: number): FloatFormat {
  const infinity = (1n << BigInt(exponentBits)) - 1n << BigInt(fractionBits);
  const quiet = 1n << BigInt(fractionBits - 1);
  return {
    suffix,
    code: suffix === "s" ? 0 : 1,
    width: suffix === "s" ? 4 : 8,
    exponentBits,
    fractionBits,
    sign: 1n << BigInt(exponentBits + fractionBits),
    infinity,
    quiet,
    canonicalNan: infinity | quiet,
  };
}

/** The format of F. */
export const single: FloatFormat = format("s", 8, 23);
/** The format of D. */
export const double: FloatFormat = format("d", 11, 52);
/** Both. */
export const floatFormats: readonly FloatFormat[] = [single, double];

/** What the exponent field of a format has more than the exponent. */
export function bias({ exponentBits }: FloatFormat): number {
  return 2 ** (exponentBits - 1) - 1;
}

/** Bits of `fflags` (section 11.2). */
export const FLAG = {
  inexact: 1,
  underflow: 2,
  overflow: 4,
  divideByZero: 8,
  invalid: 16,
} as const;

/** The upper half of an f register that holds a single. */
const BOX = 0xffff_ffff_0000_0000n;

/** What goes into an f register to hold a value, whose bits above the format are 0. */
export function box({ suffix }: FloatFormat, value: Code): Code {
  return suffix === "s" ? i64.or(value, i64.const(BOX)) : value;
}

/** The value in an f register, for several uses: one that is not boxed as a single is the canonical NaN. */
export function unbox(i: Emission, { suffix, canonicalNan }: FloatFormat, register: Code): Code {
  if (suffix === "d") return i.keep(register);
  const whole = i.keep(register);
  return i.keep(
    select(
      i64.ge_u(whole, i64.const(BOX)),
      i64.and(whole, i64.const(0xffff_ffffn)),
      i64.const(canonicalNan),
    ),
  );
}

/** The two operands of an instruction of F or D, which must be switched on. */
export function operandPair(i: Emission, format: FloatFormat): readonly [Code, Code] {
  i.requireFloat();
  return [unbox(i, format, i.fs1), unbox(i, format, i.fs2)];
}

/** The value without its sign. */
export function magnitude({ sign }: FloatFormat, value: Code): Code {
  return i64.and(value, i64.const(sign - 1n));
}

/** Whether it is a NaN (32 bits). */
export function isNan(of: FloatFormat, value: Code): Code {
  return i64.gt_u(magnitude(of, value), i64.const(of.infinity));
}

/** Whether it is a signaling NaN (32 bits). */
export function isSignaling(of: FloatFormat, value: Code): Code {
  const quiet = i64.and(value, i64.const(of.quiet));
  return i32.and(isNan(of, value), i64.eqz(quiet));
}

/** Compares as IEEE 754 does: never true of a NaN. Answers 32 bits. */
export function compare(
  { suffix }: FloatFormat,
  relation: "eq" | "lt" | "le",
  a: Code,
  b: Code,
): Code {
  return suffix === "d"
    ? f64[relation](f64.reinterpret(a), f64.reinterpret(b))
    : f32[relation](f32.reinterpret(i32.wrap(a)), f32.reinterpret(i32.wrap(b)));
}
