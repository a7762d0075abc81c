/** Ranges of guest memory that the parts of a boot image take. */
import { GuestMemory } from "../cpu/memory.ts";
import { ImageError } from "./errors.ts";

/** A range of guest-physical addresses. */
export interface Extent {
  /** Address of the first byte. */
  readonly start: number;
  /** Address behind the last one. */
  readonly end: number;
  /** What takes it, for errors. */
  readonly what: string;
}

/** An address as people read it. */
export function hexadecimal(value: number): string {
  return `0x${value.toString(16)}`;
}

/**
 * Whether all of them lie in RAM, each by itself.
 *
 * @throws {ImageError} naming those that do not
 */
export function checkExtents(extents: readonly Extent[], ramBytes: number): void {
  const ramEnd = GuestMemory.ramBase + ramBytes;
  for (const { start, end, what } of extents) {
    if (start < GuestMemory.ramBase || end > ramEnd) {
      throw new ImageError(
        `Cannot load the guest: ${what} at ${hexadecimal(start)} to ${
          hexadecimal(end)
        } is outside RAM, which is ${hexadecimal(GuestMemory.ramBase)} to ${hexadecimal(ramEnd)}`,
      );
    }
  }
  const sorted = extents.toSorted((a, b) => a.start - b.start);
  sorted.forEach((extent, index) => {
    const next = sorted[index + 1];
    if (next !== undefined && next.start < extent.end) {
      throw new ImageError(
        `Cannot load the guest: ${extent.what} and ${next.what} overlap at ${
          hexadecimal(next.start)
        }`,
      );
    }
  });
}
