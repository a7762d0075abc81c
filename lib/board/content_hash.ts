/**
 * A 64-bit hash of plain values, for state that lives outside the guest memory's device-state area.
 *
 * Sums of such hashes are kept in the device-state area, so that the digest of that area covers them:
 * a member is added when it comes and subtracted when it goes. It guards against divergence, not
 * against an adversary.
 */

/** MurmurHash3's finaliser. */
function finish(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ mixed >>> 16, 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ mixed >>> 13, 0xc2b2_ae35);
  return (mixed ^ mixed >>> 16) >>> 0;
}

/** Hashes one sequence of integers, strings and byte strings. */
export class ContentHash {
  #low = 0x9e37_79b9;
  #high = 0x7f4a_7c15;

  #word(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x85eb_ca6b);
    this.#low = this.#low << 13 | this.#low >>> 19;
    this.#high = Math.imul(this.#high ^ this.#low ^ word, 0xc2b2_ae35);
    this.#high = this.#high << 15 | this.#high >>> 17;
  }

  /** A safe integer. */
  number(value: number): this {
    this.#word(value | 0);
    this.#word(Math.floor(value / 2 ** 32) | 0);
    return this;
  }

  /** An unsigned integer of 64 bits. */
  double(value: bigint): this {
    this.#word(Number(value & 0xffff_ffffn) | 0);
    this.#word(Number(value >> 32n) | 0);
    return this;
  }

  /** A string, with its length. */
  text(value: string): this {
    this.#word(value.length);
    for (let index = 0; index < value.length; index++) this.#word(value.charCodeAt(index));
    return this;
  }

  /** A byte string, with its length. */
  bytes(value: Uint8Array): this {
    this.#word(value.length);
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    const whole = value.length & ~3;
    for (let offset = 0; offset < whole; offset += 4) this.#word(view.getInt32(offset, true));
    for (let offset = whole; offset < value.length; offset++) this.#word(view.getUint8(offset));
    return this;
  }

  /** The low 32 bits of the hash. */
  get low(): number {
    return finish(this.#low ^ this.#high >>> 7);
  }

  /** The high 32 bits of the hash. */
  get high(): number {
    return finish(this.#high ^ this.#low >>> 9);
  }
}

/** Where a sum of hashes is kept: two fields of a device. */
export interface HashSum {
  /** Low 32 bits. */
  hashLow: number;
  /** High 32 bits. */
  hashHigh: number;
}

/** Adds a member's hash to a sum. */
export function addHash(sum: HashSum, hash: { low: number; high: number }): void {
  sum.hashLow = (sum.hashLow + hash.low) >>> 0;
  sum.hashHigh = (sum.hashHigh + hash.high) >>> 0;
}

/** Takes a member's hash out of a sum. */
export function removeHash(sum: HashSum, hash: { low: number; high: number }): void {
  sum.hashLow = (sum.hashLow - hash.low) >>> 0;
  sum.hashHigh = (sum.hashHigh - hash.high) >>> 0;
}

/** The hash of one byte at one position of an output. */
export function byteHash(position: number, byte: number): { low: number; high: number } {
  const low = finish(Math.imul(position | 0, 0x9e37_79b1) ^ (byte + 1));
  return { low, high: finish(low ^ Math.floor(position / 2 ** 32) ^ 0x27d4_eb2f) };
}
