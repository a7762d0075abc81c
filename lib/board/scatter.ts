/** Scatter lists: pieces of guest memory that hold one run of bytes. */
import type { GuestMemory } from "../cpu/memory.ts";
import type { MemoryPiece } from "./machine_state.ts";

/** Bytes in a scatter list. */
export function lengthOf(pieces: readonly MemoryPiece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** The pieces of bytes `[start, start + length)` of a scatter list, as far as it reaches. */
export function sliceOf(
  pieces: readonly MemoryPiece[],
  start: number,
  length: number,
): MemoryPiece[] {
  const slice: MemoryPiece[] = [];
  let skip = start;
  let left = length;
  for (const piece of pieces) {
    if (left === 0) break;
    if (skip >= piece.length) {
      skip -= piece.length;
      continue;
    }
    const taken = Math.min(piece.length - skip, left);
    slice.push({ address: piece.address + skip, length: taken });
    skip = 0;
    left -= taken;
  }
  return slice;
}

/** The bytes that a scatter list holds. */
export function gather(memory: GuestMemory, pieces: readonly MemoryPiece[]): Uint8Array {
  const data = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const { address, length } of pieces) {
    data.set(memory.read(address, length), at);
    at += length;
  }
  return data;
}

/** Writes data into a scatter list, as far as both reach; returns the number of bytes written. */
export function scatter(
  memory: GuestMemory,
  pieces: readonly MemoryPiece[],
  data: Uint8Array,
): number {
  let at = 0;
  for (const { address, length } of sliceOf(pieces, 0, data.length)) {
    memory.write(address, data.subarray(at, at + length));
    at += length;
  }
  return at;
}
