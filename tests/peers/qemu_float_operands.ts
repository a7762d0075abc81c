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
/** Exponents of the least subnormal, the least normal and the largest single. */
const SINGLE_ENDS = [-149, -126, 127] as const;
const BOX = 0xffff_ffffn << 32n;

/** The 64 bits of an f register: a double, a boxed single, either, or now and then a single that is not boxed. */
export function floatOperand(random: Random, format: "s" | "d" | "either"): bigint {
  if (format === "d" || format === "either" && random.oneIn(2)) return value(random, DOUBLE);
  const single = value(random, SINGLE);
  return random.oneIn(32) ? single | random.bits64() << 32n & BOX : single | BOX;
}

/** A row of operands: three singles and three doubles that have to do with each other, an integer, and fcsr. */
export function floatRow(random: Random): bigint[] {
  const flags = random.weighted<() => number>([
    [3, () => 0],
    [4, () => 1],
    [1, () => random.below(32)],
  ])();
  return [
    ...related(random, "s"),
    ...related(random, "d"),
    random.oneIn(2) ? random.operand() : random.bits64() >> BigInt(random.below(64)),
    BigInt(flags | random.below(5) << 5),
  ];
}

/** The least and the largest normal number. */
const EDGES = {
  s: [BOX | 0x0080_0000n, BOX | 0x7f7f_ffffn],
  d: [0x0010_0000_0000_0000n, 0x7fef_ffff_ffff_ffffn],
} as const;

/** Three operands of a format: often the second is near to the first, and the third to their product. */
function related(random: Random, format: "s" | "d"): bigint[] {
  const a = floatOperand(random, format);
  const edge = EDGES[format][random.below(2)] as bigint;
  const b = random.weighted<() => bigint>([
    [6, () => floatOperand(random, format)],
    [1, () => near(random, format, a)],
    // A factor or divisor that makes the least or the largest normal number, or almost.
    [1, () => near(random, format, arithmetic(format, edge, a, (x, y) => x / y))],
    [1, () => near(random, format, arithmetic(format, a, edge, (x, y) => x / y))],
  ])();
  const c = random.weighted<() => bigint>([
    [4, () => floatOperand(random, format)],
    [1, () => near(random, format, b)],
    [3, () => near(random, format, arithmetic(format, a, b, (x, y) => x * y))],
  ])();
  // A quotient, a root or a factor that is a short number, or almost.
  return random.weighted<() => bigint[]>([
    [6, () => [a, b, c]],
    [1, () => [near(random, format, arithmetic(format, b, c, (x, y) => x * y)), b, c]],
    [1, () => [near(random, format, arithmetic(format, b, b, (x, y) => x * y)), b, c]],
    [1, () => [near(random, format, a), a, c]],
  ])();
}

/** The operand, its negative, or a neighbour. */
function near(random: Random, format: "s" | "d", operand: bigint): bigint {
  const sign = random.oneIn(2) ? format === "d" ? 1n << 63n : 1n << 31n : 0n;
  const other = (operand ^ sign) + BigInt(random.oneIn(2) ? random.between(-2, 2) : 0);
  return format === "d" ? BigInt.asUintN(64, other) : BigInt.asUintN(32, other) | BOX;
}

const converter = new DataView(new ArrayBuffer(8));

/** What the host computes, to find operands by it. */
function arithmetic(
  format: "s" | "d",
  a: bigint,
  b: bigint,
  operation: (x: number, y: number) => number,
): bigint {
  const number = (bits: bigint): number => {
    converter.setBigUint64(0, bits);
    return format === "d" ? converter.getFloat64(0) : converter.getFloat32(4);
  };
  const result = operation(number(a), number(b));
  if (format === "d") converter.setFloat64(0, result);
  else converter.setBigUint64(0, BOX), converter.setFloat32(4, result);
  return converter.getBigUint64(0);
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
      // Where a single ends, for doubles that become one.
      [fractionBits > 23 ? 4 : 0, () => one + random.pick(SINGLE_ENDS) + random.between(-1, 1)],
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
