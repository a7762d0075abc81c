/** The chained checksum of a stream: a reordered, dropped, repeated or edited record is seen. */
import { createHash } from "node:crypto";
import { maxShortBytes, shortSha256 } from "./short_sha256.ts";

/** Bytes of a checksum. */
export const checksumBytes = 8;

/** What stands for the checksum before the first record of a log. */
export const logSeed: Uint8Array = new TextEncoder().encode("LOCKSTEP");

/**
 * What stands for the checksum before the first record that the member with this id (32 hex digits)
 * sends back, so that acknowledgements of another attachment are never taken for its own.
 */
export function returnSeed(member: string): Uint8Array {
  return createHash("sha256").update("lockstep return ").update(member, "hex").digest()
    .subarray(0, checksumBytes);
}

/** Each checksum is the first 8 bytes of SHA-256 over the previous checksum and the record. */
export class ChecksumChain {
  #previous: Uint8Array;

  /** Starts at a seed of 8 bytes. */
  constructor(seed: Uint8Array) {
    this.#previous = seed.slice();
  }

  /** Whether `record` is the next one of the chain; then `checksum` becomes the last. */
  accept(record: Uint8Array, checksum: Uint8Array): boolean {
    if (!equal(this.of(record), checksum)) return false;
    this.advance(checksum);
    return true;
  }

  /** The checksum that `record` has as the next one of the chain. */
  of(record: Uint8Array): Uint8Array {
    if (checksumBytes + record.length > maxShortBytes) {
      return createHash("sha256").update(this.#previous).update(record).digest()
        .subarray(0, checksumBytes);
    }
    const checksum = new Uint8Array(checksumBytes);
    shortSha256(this.#previous, record, checksum);
    return checksum;
  }

  /** Whether `bytes`, ended at one of the ascending `ends`, would be the next record with `checksum`. */
  matchesAt(bytes: Uint8Array, ends: readonly number[], checksum: Uint8Array): boolean {
    const hash = createHash("sha256").update(this.#previous);
    let hashed = 0;
    return ends.some((end) => {
      hash.update(bytes.subarray(hashed, end));
      hashed = end;
      return equal(hash.copy().digest(), checksum);
    });
  }

  /** Makes `checksum` the last one of the chain. */
  advance(checksum: Uint8Array): void {
    this.#previous.set(checksum);
  }
}

/** Whether `digest` starts with `checksum`. */
function equal(digest: Uint8Array, checksum: Uint8Array): boolean {
  return checksum.every((byte, index) => byte === digest[index]);
}
