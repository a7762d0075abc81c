/**
 * Seeded random numbers and operands for the generated cases.
 *
 * @module
 */

/** sfc32 (Chris Doty-Humphrey's small fast counting generator), seeded with two 32-bit numbers. */
export class Random {
  #a: number;
  #b: number;
  #c = 1;
  #counter = 1;

  /** The sequence of `seed` and `stream`. */
  constructor(seed: number, stream: number) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    for (let round = 0; round < 15; round++) this.bits();
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + result) | 0;
    return result >>> 0;
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.bits() / 2 ** 32 * limit);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("Nothing to pick from");
    return item;
  }

  /** One of the items, by weight. */
  weighted<T>(items: readonly (readonly [number, T])[]): T {
    let rest = this.below(items.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, item] of items) {
      if (rest < weight) return item;
      rest -= weight;
    }
    throw new RangeError("Nothing to pick from");
  }

  /** 64 random bits. */
  bits64(): bigint {
    return BigInt(this.bits()) << 32n | BigInt(this.bits());
  }

  /** A 64-bit operand: mostly edges of 32 and 64 bits and of shift amounts. */
  operand(): bigint {
    return BigInt.asUintN(
      64,
      this.weighted<() => bigint>([
        [6, () => this.pick(EDGES)],
        [2, () => this.pick(EDGES) + BigInt(this.between(-2, 2))],
        [2, () => this.bits64()],
        [1, () => BigInt(this.bits() | 0)],
        [1, () => 1n << BigInt(this.below(64))],
        [1, () => BigInt(this.between(-70, 70))],
      ])(),
    );
  }
}

const EDGES: readonly bigint[] = [
  0n,
  1n,
  -1n,
  2n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  -0x8000_0000n,
  -0x8000_0001n,
  0x7fff_ffff_ffff_ffffn,
  -0x8000_0000_0000_0000n,
  -0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_0000_0000n,
  31n,
  32n,
  33n,
  63n,
  64n,
  0xffn,
  0x80n,
  0x8000n,
  0x5555_5555_5555_5555n,
];
