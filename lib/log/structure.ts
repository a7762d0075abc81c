/**
 * A bounded look over encoded bytes before the CBOR decoder sees them.
 *
 * Accepted is core deterministic encoding (RFC 8949, 4.2.1) without floats: definite lengths, shortest
 * heads, text keys in ascending order. That excludes what general decoders stumble over (indefinite
 * lengths, deep nesting, duplicate keys, lengths beyond the data), and gives equal records equal bytes.
 */
import { maxKeyBytes } from "./limits.ts";

/** What a piece of CBOR may contain. */
export interface StructureLimits {
  /** Deepest nesting of arrays and maps. */
  readonly depth: number;
  /** Most data items, containers included. */
  readonly items: number;
  /** Largest unsigned integer. */
  readonly maxInteger: number;
  /** Whether tags 2 and 3 (bignums, of at most 8 bytes) may occur. No other tag ever may. */
  readonly bignums: boolean;
}

/** Bytes that are not CBOR in the accepted form. */
export class StructureError extends Error {
  /** The class, for messages. */
  override readonly name = "StructureError";

  /** `offset` counts from the start of the checked bytes. */
  constructor(readonly problem: string, readonly offset: number) {
    super(`${problem} at byte ${offset} of the record`);
  }
}

const unsigned = 0;
const negative = 1;
const byteString = 2;
const textString = 3;
const array = 4;
const map = 5;
const tag = 6;

const protoKey = "__proto__";

const strictText = new TextDecoder("utf-8", { fatal: true });

/** Checks that `bytes` is exactly one acceptable data item; throws {@linkcode StructureError}. */
export function checkStructure(bytes: Uint8Array, limits: StructureLimits): void {
  const walk = new Walk(bytes, limits);
  walk.item(0);
  if (walk.position !== bytes.length) walk.refuse("Bytes follow the data item");
}

class Walk {
  position = 0;
  #items = 0;

  constructor(readonly bytes: Uint8Array, readonly limits: StructureLimits) {}

  refuse(problem: string, offset = this.position): never {
    throw new StructureError(problem, offset);
  }

  item(depth: number): void {
    if (++this.#items > this.limits.items) {
      this.refuse(`More than ${this.limits.items} data items`);
    }
    const start = this.position;
    const initial = this.bytes[start];
    if (initial === undefined) this.refuse("Data item is missing");
    const major = initial >> 5;
    if (major === 7) {
      // 0xf4 false, 0xf5 true, 0xf6 null. No floats, undefined, other simple values, or break codes.
      if (initial < 0xf4 || initial > 0xf6) this.refuse("Simple value or float not allowed");
      this.position++;
      return;
    }
    const argument = this.#argument(initial & 0x1f);
    switch (major) {
      case unsigned:
        // Beyond 2^53 the comparison is inexact, but then the bound is 2^64.
        if (argument > this.limits.maxInteger) this.refuse("Integer is too large", start);
        return;
      case negative:
        // cbor-x turns these into int32 arithmetic; nothing in the format needs them.
        if (argument >= 2 ** 32) this.refuse("Negative integer below -2^32", start);
        return;
      case byteString:
        this.#skip(argument);
        return;
      case textString:
        this.#text(argument);
        return;
      case array:
        this.#enter(depth, argument);
        for (let index = 0; index < argument; index++) this.item(depth + 1);
        return;
      case map:
        this.#enter(depth, argument * 2);
        this.#entries(argument, depth);
        return;
      case tag:
        if (!this.limits.bignums || (argument !== 2 && argument !== 3)) {
          this.refuse(`Tag ${argument} not allowed`, start);
        }
        this.#bignum();
    }
  }

  /** Reads the argument of a head in its shortest form (RFC 8949, 3). */
  #argument(information: number): number {
    const { bytes } = this;
    const start = this.position;
    if (information < 24) {
      this.position = start + 1;
      return information;
    }
    if (information > 27) this.refuse("Indefinite or reserved length");
    const size = 1 << (information - 24);
    if (start + 1 + size > bytes.length) this.refuse("Head is cut off");
    let value = 0;
    for (let index = 1; index <= size; index++) value = value * 256 + bytes[start + index]!;
    const smallest = information === 24 ? 24 : 2 ** (size * 4);
    if (value < smallest) this.refuse("Head is longer than needed");
    this.position = start + 1 + size;
    return value;
  }

  #skip(length: number): void {
    if (length > this.bytes.length - this.position) this.refuse("String is cut off");
    this.position += length;
  }

  #text(length: number): void {
    const start = this.position;
    this.#skip(length);
    for (let index = start; index < this.position; index++) {
      if (this.bytes[index]! >= 0x80) {
        try {
          strictText.decode(this.bytes.subarray(start, this.position));
        } catch {
          this.refuse("Text is not UTF-8", start);
        }
        return;
      }
    }
  }

  #enter(depth: number, elements: number): void {
    if (depth >= this.limits.depth) this.refuse(`Nesting deeper than ${this.limits.depth}`);
    // Each element takes at least one byte; checked before the decoder allocates anything.
    if (elements > this.bytes.length - this.position) this.refuse("Array or map is cut off");
  }

  /** Keys are text in ascending order of their encoded bytes, which makes duplicates impossible. */
  #entries(count: number, depth: number): void {
    let previousStart = 0;
    let previousEnd = 0;
    for (let index = 0; index < count; index++) {
      const start = this.position;
      this.#key();
      const end = this.position;
      if (index > 0 && !this.#ascending(previousStart, previousEnd, start, end)) {
        this.refuse("Map key is repeated or out of order", start);
      }
      previousStart = start;
      previousEnd = end;
      this.item(depth + 1);
    }
  }

  /** A map key: 1 to 64 printable ASCII characters. */
  #key(): void {
    const start = this.position;
    const initial = this.bytes[start];
    if (initial === undefined || initial >> 5 !== textString) this.refuse("Map key is not text");
    const length = this.#argument(initial & 0x1f);
    if (length < 1 || length > maxKeyBytes) {
      this.refuse(`Map key has ${length} bytes, must have 1 to ${maxKeyBytes}`, start);
    }
    const characters = this.position;
    this.#skip(length);
    let isProto = length === protoKey.length;
    for (let index = 0; index < length; index++) {
      const byte = this.bytes[characters + index]!;
      if (byte < 0x20 || byte > 0x7e) this.refuse("Map key is not printable ASCII", start);
      isProto &&= byte === protoKey.charCodeAt(index);
    }
    // cbor-x renames this key, to protect prototypes, and so makes it equal to another.
    if (isProto) this.refuse("Map key is __proto__", start);
  }

  #ascending(leftStart: number, leftEnd: number, rightStart: number, rightEnd: number): boolean {
    // The head carries the length, so a shorter key sorts first and equal prefixes cannot occur.
    const length = Math.min(leftEnd - leftStart, rightEnd - rightStart);
    for (let index = 0; index < length; index++) {
      const difference = this.bytes[leftStart + index]! - this.bytes[rightStart + index]!;
      if (difference !== 0) return difference < 0;
    }
    return false;
  }

  /** At most 8 bytes without leading zeros: cbor-x takes quadratic time over long ones. */
  #bignum(): void {
    const start = this.position;
    const initial = this.bytes[start];
    if (initial === undefined || initial < 0x40 || initial > 0x48) {
      this.refuse("Bignum is not a byte string of at most 8 bytes");
    }
    this.position++;
    this.#skip(initial - 0x40);
    if (this.bytes[start + 1] === 0 && initial > 0x40) {
      this.refuse("Bignum has leading zeros", start);
    }
  }
}
