/** What the exact floating-point routines call, and the smallest things that they are written with. */
import { type Code, either, i32, i64, leave, type Local, when } from "../wasm/code.ts";
import { FunctionBuilder, type ModuleBuilder } from "../wasm/module.ts";
import { fieldOffset } from "./hart_block.ts";
import { MSTATUS } from "./privilege.ts";

/** Rounding modes (unprivileged specification, table 11.1). */
export const ROUNDING = { nearestEven: 0, zero: 1, down: 2, up: 3, nearestMaximum: 4 } as const;
/** In the place of one: that of frm (section 11.2). */
export const DYNAMIC_ROUNDING = 7;
/** Where in fcsr frm lies. */
export const FRM_SHIFT = 5;

/** Function indices of the parts. */
export interface Parts {
  /** Sets bits of `fflags` (32 bits), when there are any. */
  readonly raise: number;
  /** Shifts a significand right by so many bits (32 bits), keeping its lowest bit sticky. */
  readonly jam: number;
  /** Rounds sign, exponent (32 bits) and significand, by a rounding mode (32 bits), to a format. */
  readonly pack: Readonly<Record<"s" | "d", number>>;
}

/** The highest bit of a significand that is taken apart. */
export const HIGHEST = 62;

/**
 * Adds the function that sets flags, which makes the floating-point state dirty (privileged specification, section
 * 3.1.6.6).
 */
export function addRaise(module: ModuleBuilder): number {
  const builder = new FunctionBuilder({ parameters: ["i32"], results: [] });
  const [flags] = builder.parameters as [Local];
  const setBits = (offset: number, bits: Code) =>
    i32.store(i32.const(0), i32.or(i32.load(i32.const(0), offset), bits), offset);
  return module.addFunction(
    builder,
    when(flags.get, [
      setBits(fieldOffset.fcsr, flags.get),
      setBits(fieldOffset.mstatus, i32.const(MSTATUS.FS)),
    ]),
  );
}

/** Adds the function that shifts a significand right. */
export function addJam(module: ModuleBuilder): number {
  const builder = new FunctionBuilder({ parameters: ["i64", "i32"], results: ["i64"] });
  const [significand, count] = builder.parameters as [Local, Local];
  const way = i64.extend_u(count.get);
  const lost = i64.shl(significand.get, i64.sub(i64.const(64), way));
  return module.addFunction(
    builder,
    either(
      "i64",
      i32.gt_u(count.get, i32.const(HIGHEST)),
      sticky(significand.get),
      either(
        "i64",
        i32.eqz(count.get),
        significand.get,
        i64.or(i64.shr_u(significand.get, way), sticky(lost)),
      ),
    ),
  );
}

/** Returns a value from a function. */
export function give(value: Code): Code {
  return [value, leave];
}

/** 1 if any bit is set. */
export function sticky(bits: Code): Code {
  return i64.extend_u(i64.ne(bits, i64.const(0)));
}
