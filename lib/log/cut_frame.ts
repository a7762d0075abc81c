/**
 * A stream that stops inside a frame is a stall: its writer was killed. A frame of which only the
 * *length* was damaged looks the same, and everything behind it would be lost in silence. This tells
 * the two apart: a record that is whole ends where its checksum says so.
 */
import { checksumBytes, type ChecksumChain } from "./checksum_chain.ts";
import { frameMark, lengthHeadSizes, lengthOffset } from "./frame.ts";

/** Most places at which a record's end is tried; bounds the time a hostile tail costs. */
const maxTrials = 64;

/**
 * Whether the bytes behind the last whole record, which by their length are part of a longer one, hold
 * a whole record: at their end or before what looks like another frame.
 */
export function holdsWholeRecord(tail: Uint8Array, chain: ChecksumChain): boolean {
  const checksum = tail.subarray(lengthOffset - checksumBytes, lengthOffset);
  return lengthHeadSizes.some((size) => {
    const record = tail.subarray(lengthOffset + size);
    return record.length > 0 && chain.matchesAt(record, possibleEnds(record), checksum);
  });
}

/** Ascending ends of the record that `bytes` starts with. */
function possibleEnds(bytes: Uint8Array): number[] {
  const ends: number[] = [];
  for (let end = 1; end < bytes.length - 1 && ends.length < maxTrials; end++) {
    if (bytes[end] === frameMark[0] && bytes[end + 1] === frameMark[1]) ends.push(end);
  }
  ends.push(bytes.length);
  return ends;
}
