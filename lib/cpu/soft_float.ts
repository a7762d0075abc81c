/**
 * The arithmetic of F and D as WebAssembly functions that any engine calls: exact, with integers only.
 *
 * A number is taken apart into sign, exponent and a 64-bit significand whose lowest bit also stands for all that
 * is lost below it ("sticky"); `pack` rounds it once, as IEEE 754 and RISC-V want it.
 */
import type { FloatRoutine } from "../isa/emission.ts";
import { floatFormats } from "../isa/float_format.ts";
import type { ModuleBuilder } from "../wasm/module.ts";
import {
  addAddition,
  addDivision,
  addMultiplication,
  addSquareRoot,
} from "./soft_float_arithmetic.ts";
import { addFromInteger, addNarrowing, addToInteger } from "./soft_float_conversion.ts";
import { addMultiplyAdd } from "./soft_float_fused.ts";
import { addPack } from "./soft_float_pack.ts";
import { addJam, addRaise, type Parts } from "./soft_float_parts.ts";

/** Function indices of all routines: operands (64 bits), then the rounding mode (32 bits); and of `raise`. */
export interface FloatFunctions {
  /** Sets bits of `fflags`, when there are any. */
  readonly raise: number;
  /** Routines by their name. */
  readonly routines: Readonly<Record<FloatRoutine, number>>;
}

/** How many operands each routine takes. */
export const floatOperands: Readonly<Record<FloatRoutine, number>> = {
  "add.s": 2,
  "add.d": 2,
  "multiply.s": 2,
  "multiply.d": 2,
  "divide.s": 2,
  "divide.d": 2,
  "squareRoot.s": 1,
  "squareRoot.d": 1,
  "multiplyAdd.s": 3,
  "multiplyAdd.d": 3,
  "fromSigned.s": 1,
  "fromSigned.d": 1,
  "fromUnsigned.s": 1,
  "fromUnsigned.d": 1,
  "toInteger.w": 1,
  "toInteger.wu": 1,
  "toInteger.l": 1,
  "toInteger.lu": 1,
  "narrow.s": 1,
};

/** Adds the routines to a module. */
export function addFloatFunctions(module: ModuleBuilder): FloatFunctions {
  const raise = addRaise(module);
  const jam = addJam(module);
  const pack = Object.fromEntries(
    floatFormats.map((format) => [format.suffix, addPack(module, format, { raise, jam })]),
  ) as Parts["pack"];
  const parts: Parts = { raise, jam, pack };
  const routines = new Map<FloatRoutine, number>();
  for (const format of floatFormats) {
    const { suffix } = format;
    routines.set(`add.${suffix}`, addAddition(module, parts, format));
    routines.set(`multiply.${suffix}`, addMultiplication(module, parts, format));
    routines.set(`divide.${suffix}`, addDivision(module, parts, format));
    routines.set(`squareRoot.${suffix}`, addSquareRoot(module, parts, format));
    routines.set(`multiplyAdd.${suffix}`, addMultiplyAdd(module, parts, format));
    routines.set(`fromSigned.${suffix}`, addFromInteger(module, parts, format, "signed"));
    routines.set(`fromUnsigned.${suffix}`, addFromInteger(module, parts, format, "unsigned"));
  }
  for (const type of ["w", "wu", "l", "lu"] as const) {
    routines.set(`toInteger.${type}`, addToInteger(module, parts, type));
  }
  routines.set("narrow.s", addNarrowing(module, parts));
  return {
    raise,
    routines: Object.fromEntries(routines) as Record<FloatRoutine, number>,
  };
}
