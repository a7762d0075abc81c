/**
 * What the host computes inline in place of a routine of F and D, and when that is the same.
 *
 * The host rounds to the nearest even and has no flags. So the rounding mode must be that one, and the flag of inexact
 * results set already, as it is nearly always: code that computes hardly ever clears it. A result above the least
 * normal number did not underflow, a finite one did not overflow, and where it is a number no operand was a NaN.
 */
import type { FloatRoutine } from "../../isa/emission.ts";
import { FLAG } from "../../isa/float_format.ts";
import { type Code, f32, f64, i32, i64 } from "../../wasm/code.ts";
import { hostFuses, multiplyAdd } from "../../wasm/fused.ts";
import { fieldOffset } from "../hart_block.ts";
import { FRM_SHIFT, ROUNDING } from "../soft_float_parts.ts";

/** A result of the host. */
export interface HostResult {
  /** Its type. */
  readonly type: "f32" | "f64";
  /** It. */
  readonly value: Code;
  /** Conditions (32 bits) under which it is what the routine computes, and raises nothing. */
  conditions(result: Code): readonly Code[];
  /** What the routine would answer (64 bits). */
  answer(result: Code): Code;
  /** Whether the result goes into an integer register: then only flags that are raised, even anew, make FS dirty. */
  readonly isInteger: boolean;
}

const FRM_MASK = 7 << FRM_SHIFT;
const fcsr = i32.load(i32.const(0), fieldOffset.fcsr);

/** Formats of the host: bounds of normal numbers, and the ways from bits and back. */
const hosts = {
  s: {
    type: "f32",
    arithmetic: f32,
    from: (bits: Code) => f32.reinterpret(i32.wrap(bits)),
    bits: (value: Code) => i64.extend_u(i32.reinterpret(value)),
    infinity: f32.reinterpret(i32.const(0x7f80_0000)),
    leastNormal: f32.reinterpret(i32.const(0x0080_0000)),
  },
  d: {
    type: "f64",
    arithmetic: f64,
    from: f64.reinterpret,
    bits: (value: Code) => i64.reinterpret(value),
    infinity: f64.reinterpret(i64.const(0x7ff0_0000_0000_0000n)),
    leastNormal: f64.reinterpret(i64.const(0x0010_0000_0000_0000n)),
  },
} as const;

/** Which results may be had from the host: finite ones, normal ones, all. */
type Range = "finite" | "normal" | "all";

function inFormat(suffix: "s" | "d", value: Code, range: Range, rounds: Code): HostResult {
  const { type, arithmetic, infinity, leastNormal, bits } = hosts[suffix];
  const { abs, lt, gt } = arithmetic;
  return {
    type,
    value,
    conditions: (result) => [
      rounds,
      ...(range === "all" ? [] : [lt(abs(result), infinity)]),
      ...(range === "normal" ? [gt(abs(result), leastNormal)] : []),
    ],
    answer: bits,
    isInteger: false,
  };
}

/**
 * What the host can do in place of a routine.
 * @param rounding The rounding mode that the instruction names, or one beyond those for the dynamic one.
 */
export function onHost(
  routine: FloatRoutine,
  rounding: number,
  operands: readonly Code[],
): HostResult | undefined {
  const [operation, suffix] = routine.split(".") as [string, string];
  const [first, second, third] = operands as [Code, Code, Code];
  if (operation === "toInteger") return toInteger(suffix, rounding, first);
  const rounds = roundsAlike(rounding);
  if (rounds === undefined || (suffix !== "s" && suffix !== "d")) return undefined;
  const { type, arithmetic, from } = hosts[suffix];
  const { add, mul, div, sqrt, convert_i64_s, convert_i64_u } = arithmetic;
  switch (operation) {
    // A sum that is not normal is exact.
    case "add":
      return inFormat(suffix, add(from(first), from(second)), "finite", rounds);
    case "multiply":
      return inFormat(suffix, mul(from(first), from(second)), "normal", rounds);
    case "divide":
      return inFormat(suffix, div(from(first), from(second)), "normal", rounds);
    case "squareRoot":
      return inFormat(suffix, sqrt(from(first)), "normal", rounds);
    case "multiplyAdd": {
      if (!hostFuses()) return undefined;
      const sum = multiplyAdd(type, from(first), from(second), from(third));
      return inFormat(suffix, sum, "normal", rounds);
    }
    case "fromSigned":
      return inFormat(suffix, convert_i64_s(first), "all", rounds);
    case "fromUnsigned":
      return inFormat(suffix, convert_i64_u(first), "all", rounds);
    case "narrow":
      return inFormat(suffix, f32.demote(f64.reinterpret(first)), "normal", rounds);
    default:
      return undefined;
  }
}

/** Whether results are rounded to the nearest even and an inexact one raises nothing; undefined if they never are. */
function roundsAlike(rounding: number): Code | undefined {
  if (rounding === ROUNDING.nearestEven) return i32.and(fcsr, i32.const(FLAG.inexact));
  if (rounding <= ROUNDING.nearestMaximum) return undefined;
  const known = i32.and(fcsr, i32.const(FRM_MASK | FLAG.inexact));
  return i32.eq(known, i32.const(ROUNDING.nearestEven << FRM_SHIFT | FLAG.inexact));
}

/** To an integer, by cutting the fraction off: what conversions of programming languages do. */
function toInteger(type: string, rounding: number, operand: Code): HostResult | undefined {
  if (rounding !== ROUNDING.zero) return undefined;
  const beyond = f64.reinterpret(
    i64.const(type.startsWith("w") ? 0x41e0_0000_0000_0000n : 0x43e0_0000_0000_0000n),
  );
  const zero = f64.reinterpret(i64.const(0));
  return {
    type: "f64",
    value: f64.reinterpret(operand),
    conditions: (value) => [
      i32.and(fcsr, i32.const(FLAG.inexact)),
      f64.lt(f64.abs(value), beyond),
      ...(type.endsWith("u") ? [f64.ge(value, zero)] : []),
    ],
    answer: i64.trunc_f64_s,
    isInteger: true,
  };
}
