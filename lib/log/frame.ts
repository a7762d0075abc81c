/**
 * The frame around each record (design section 3): a CBOR array of two, the checksum and a byte string
 * that holds the encoded record.
 *
 *     82                    array of 2
 *       48 cccccccccccccccc checksum, 8 bytes
 *       4n | 58 nn | 59 nnnn | 5a nnnnnnnn  record, n bytes in the shortest head
 *
 * The length is known and bounded before a byte of the record is looked at. The CBOR decoder never gets
 * to say where a record ends.
 */
import { checksumBytes } from "./checksum_chain.ts";
import { maxRecordBytes } from "./limits.ts";

const arrayOfTwo = 0x82;
const checksumHead = 0x40 + checksumBytes;
const checksumOffset = 2;

/** Where the head of the record's byte string starts. */
export const lengthOffset: number = checksumOffset + checksumBytes;

/** What every frame starts with. */
export const frameMark: readonly [number, number] = [arrayOfTwo, checksumHead];

/** The possible sizes of the head of the record's byte string. */
export const lengthHeadSizes: readonly number[] = [1, 2, 3, 5];

/** Bytes of the shortest byte-string head for `length` (RFC 8949, 3). */
function lengthHeadBytes(length: number): number {
  return length < 24 ? 1 : length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 5;
}

/** Puts a record and its checksum into a frame. */
export function frame(checksum: Uint8Array, record: Uint8Array): Uint8Array {
  const { length } = record;
  const size = lengthHeadBytes(length);
  const bytes = new Uint8Array(lengthOffset + size + length);
  bytes[0] = arrayOfTwo;
  bytes[1] = checksumHead;
  bytes.set(checksum, checksumOffset);
  if (size === 1) {
    bytes[lengthOffset] = 0x40 + length;
  } else {
    bytes[lengthOffset] = size === 2 ? 0x58 : size === 3 ? 0x59 : 0x5a;
    for (let index = size - 1, rest = length; index > 0; index--, rest >>>= 8) {
      bytes[lengthOffset + index] = rest & 0xff;
    }
  }
  bytes.set(record, lengthOffset + size);
  return bytes;
}

/** Bytes that are no frame. */
export class FrameError extends Error {
  /** The class, for messages. */
  override readonly name = "FrameError";
}

/** The sizes that a frame head announces. */
export interface FrameHead {
  /** Bytes before the record. */
  readonly headBytes: number;
  /** Bytes of the record. */
  readonly recordBytes: number;
}

/**
 * Reads a frame head, as far as it is there: `undefined` when more bytes are needed to say anything.
 * Throws {@linkcode FrameError} as early as the bytes allow.
 */
export function readFrameHead(bytes: Uint8Array): FrameHead | undefined {
  if (bytes.length > 0 && bytes[0] !== arrayOfTwo) {
    throw new FrameError(`Frame starts with byte ${hex(bytes[0]!)}, not ${hex(arrayOfTwo)}`);
  }
  if (bytes.length > 1 && bytes[1] !== checksumHead) {
    throw new FrameError(`Checksum starts with byte ${hex(bytes[1]!)}, not ${hex(checksumHead)}`);
  }
  const initial = bytes[lengthOffset];
  if (initial === undefined) return undefined;
  const size = initial >= 0x40 && initial <= 0x57 ? 1 : longHeadSizes.get(initial);
  if (size === undefined) {
    throw new FrameError(`Record starts with byte ${hex(initial)}, not a definite byte string`);
  }
  if (bytes.length < lengthOffset + size) return undefined;
  let length = size === 1 ? initial - 0x40 : 0;
  for (let index = 1; index < size; index++) length = length * 256 + bytes[lengthOffset + index]!;
  if (length > maxRecordBytes) {
    throw new FrameError(`Record claims ${length} bytes, the bound is ${maxRecordBytes}`);
  }
  if (length === 0 || lengthHeadBytes(length) !== size) {
    throw new FrameError("Record length is not in its shortest form");
  }
  return { headBytes: lengthOffset + size, recordBytes: length };
}

const longHeadSizes = new Map([[0x58, 2], [0x59, 3], [0x5a, 5]]);

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

/** One whole frame. Its views are valid until the scanner is used again. */
export interface Frame {
  /** Bytes of the frame. */
  readonly byteLength: number;
  /** The checksum it states. */
  readonly checksum: Uint8Array;
  /** The encoded record. */
  readonly record: Uint8Array;
}

/**
 * Cuts a stream, in chunks of any size, into frames. Holds at most one unfinished frame, in a buffer
 * that grows with the bytes that arrive and never by what a length claims.
 */
export class FrameScanner {
  #chunk: Uint8Array = new Uint8Array(0);
  #unfinished = new Uint8Array(512);
  #unfinishedLength = 0;

  /** Gives the next bytes of the stream; the previous ones must be used up by {@linkcode next}. */
  append(chunk: Uint8Array): void {
    this.#chunk = chunk;
  }

  /** Bytes that are not part of a whole frame yet. */
  get pendingBytes(): number {
    return this.#unfinishedLength + this.#chunk.length;
  }

  /** The unfinished frame at the end of the stream, once {@linkcode next} has returned nothing. */
  get unfinished(): Uint8Array {
    return this.#unfinished.subarray(0, this.#unfinishedLength);
  }

  /** The next whole frame, or nothing when more bytes are needed. Throws {@linkcode FrameError}. */
  next(): Frame | undefined {
    if (this.#unfinishedLength === 0) {
      const whole = this.#takeFrom(this.#chunk);
      if (whole !== undefined) {
        this.#chunk = this.#chunk.subarray(whole.byteLength);
        return whole;
      }
    } else {
      let head = readFrameHead(this.unfinished);
      while (head === undefined && this.#chunk.length > 0) {
        this.#keep(1);
        head = readFrameHead(this.unfinished);
      }
      if (head !== undefined) {
        const frameBytes = head.headBytes + head.recordBytes;
        this.#keep(frameBytes - this.#unfinishedLength);
        const whole = this.#takeFrom(this.unfinished);
        if (whole !== undefined) this.#unfinishedLength = 0;
        return whole;
      }
    }
    this.#keep(this.#chunk.length);
    return undefined;
  }

  #takeFrom(bytes: Uint8Array): Frame | undefined {
    const head = readFrameHead(bytes);
    if (head === undefined) return undefined;
    const byteLength = head.headBytes + head.recordBytes;
    if (byteLength > bytes.length) return undefined;
    return {
      byteLength,
      checksum: bytes.subarray(checksumOffset, lengthOffset),
      record: bytes.subarray(head.headBytes, byteLength),
    };
  }

  /** Moves up to `length` bytes from the chunk to the unfinished frame. */
  #keep(length: number): void {
    const taken = this.#chunk.subarray(0, length);
    if (taken.length === 0) return;
    const needed = this.#unfinishedLength + taken.length;
    if (needed > this.#unfinished.length) {
      const grown = new Uint8Array(Math.max(needed, this.#unfinished.length * 2));
      grown.set(this.unfinished);
      this.#unfinished = grown;
    }
    this.#unfinished.set(taken, this.#unfinishedLength);
    this.#unfinishedLength = needed;
    this.#chunk = this.#chunk.subarray(taken.length);
  }
}
