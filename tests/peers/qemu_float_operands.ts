/**
 * Operands of floating-point instructions: values where something happens, and values near to each other.
 *
 * @module
 */

import type { Random } from "./qemu_random.ts";

/** A format by its fields. */
interface Shape {
  readonly exponentBits: number;
  readonly fractionBits: number;
}

const SINGLE: Shape = { exponentBits: 8, fractionBits: 23 };
const DOUBLE: Shape = { exponentBits: 11, fractionBits: 52 };
const BOX = 0xffff_ffffn << 32n;

/** The 64 bits of an f register: a double, a boxed single, either, or now and then a single that is not boxed. */
export function floatOperand(random: Random, format: "s" | "d" | "either"): bigint {
  if (format === "d" || format === "either" && random.oneIn(2)) return value(random, DOUBLE);
  const single = value(random, SINGLE);
  return random.oneIn(32) ? single | random.bits64() << 32n & BOX : single | BOX;
}

function value(random: Random, shape: Shape): bigint {
  const { exponentBits, fractionBits } = shape;
  const sign = BigInt(random.below(2)) << BigInt(exponentBits + fractionBits);
  return sign | exponent(random, shape) << BigInt(fractionBits) | fraction(random, fractionBits);
}

/** Half of all exponents are near to that of 1, so that sums and products have something to round. */
function exponent(random: Random, { exponentBits, fractionBits }: Shape): bigint {
  const largest = 2 ** exponentBits - 1;
  const one = (largest - 1) / 2;
  return BigInt(
    random.weighted<() => number>([
      [8, () => one + random.between(-3, 3)],
      [4, () => one + random.between(-fractionBits - 3, fractionBits + 3)],
      [2, () => one + random.pick([31, 32, 62, 63, 64]) + random.between(-2, 1)],
      [2, () => 0],
      [2, () => largest],
      [2, () => random.between(1, fractionBits + 3)],
      [2, () => largest - random.between(1, 3)],
      [2, () => (one >> 1) + random.between(-3, 3)],
      [1, () => one + (one >> 1) + random.between(-3, 3)],
      // Products with the exponents above come out at both ends.
      [2, () => random.pick([one - (one >> 1), (one >> 1) - fractionBits]) + random.between(-3, 3)],
      [4, () => random.below(largest + 1)],
    ])(),
  );
}

/** Zero, one bit, runs of ones or zeros at an end, or anything. */
function fraction(random: Random, bits: number): bigint {
  const all = (1n << BigInt(bits)) - 1n;
  const run = () => (1n << BigInt(random.below(bits + 1))) - 1n;
  return random.weighted<() => bigint>([
    [4, () => 0n],
    [3, () => 1n << BigInt(random.below(bits))],
    [3, () => run()],
    [3, () => all ^ run()],
    [2, () => run() ^ run()],
    [2, () => (all ^ run()) + (random.oneIn(2) ? 1n : -1n) & all],
    [6, () => random.bits64() & all],
  ])();
}
