/**
 * The machine state inside a snapshot's commit: plain data whose meaning only the machine knows and
 * checks. It is written as CBOR embedded in a byte string (`bytes .cbor plain`), so that it has limits
 * of its own, and so that numbers and bigints come back as what they were: a JavaScript number is a
 * CBOR integer, a bigint a CBOR bignum.
 */
import type { MachineState } from "../board/machine_state.ts";
import { bignumItem, decodeStateItem, encodeItem } from "./cbor_item.ts";
import { compareKeys } from "./container_type.ts";
import type { FieldType } from "./field_type.ts";
import { maxKeyBytes, maxStateDepth, maxStateItems } from "./limits.ts";
import { FieldError } from "./log_error.ts";
import { checkStructure, StructureError } from "./structure.ts";

const limits = {
  depth: maxStateDepth,
  items: maxStateItems,
  maxInteger: Number.MAX_SAFE_INTEGER,
  bignums: true,
};

/** Machine state as embedded CBOR. The machine checks its contents when it is restored. */
export const plainData: FieldType<MachineState> = {
  cddl: "machine-state",
  rule: "bytes .cbor plain",
  toWire(value) {
    // The encoder's buffer is used again for the record around it.
    return new Uint8Array(encodeItem(plainToWire(value, 0)));
  },
  fromWire(wire) {
    if (!(wire instanceof Uint8Array)) throw new FieldError("is not a byte string");
    try {
      checkStructure(wire, limits);
      return decodeStateItem(wire) as MachineState;
    } catch (error) {
      if (error instanceof StructureError) throw new FieldError(`is malformed: ${error.message}`);
      throw error;
    }
  },
};

function plainToWire(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw new FieldError("is text that is not well-formed");
      return value;
    case "boolean":
      return value;
    case "number":
      if (!Number.isSafeInteger(value) || value < -(2 ** 32)) {
        throw new FieldError(`is ${value}, must be an integer of -2^32 to 2^53 - 1`);
      }
      return value < 2 ** 32 ? value : BigInt(value);
    case "bigint":
      return bignum(value);
    case "object":
      if (value === null || value instanceof Uint8Array) return value;
      if (depth >= maxStateDepth) throw new FieldError(`is nested deeper than ${maxStateDepth}`);
      return Array.isArray(value) ? arrayToWire(value, depth) : mapToWire(value, depth);
    default:
      throw new FieldError(`is ${typeof value}, which plain data cannot hold`);
  }
}

function arrayToWire(elements: readonly unknown[], depth: number): unknown[] {
  return elements.map((element, index) =>
    within(`[${index}]`, () => plainToWire(element, depth + 1))
  );
}

function mapToWire(object: object, depth: number): Record<string, unknown> {
  if (Object.getPrototypeOf(object) !== Object.prototype) {
    throw new FieldError(`is a ${object.constructor?.name}, which plain data cannot hold`);
  }
  // A Map keeps this order also for keys that look like array indices.
  const wire = new Map<string, unknown>();
  for (const key of Object.keys(object).sort(compareKeys)) {
    if (!/^[ -~]+$/.test(key) || key.length > maxKeyBytes || key === "__proto__") {
      throw new FieldError("is no key of plain data: 1 to 64 printable ASCII characters").within(
        key,
      );
    }
    const entry = (object as Record<string, unknown>)[key];
    wire.set(key, within(key, () => plainToWire(entry, depth + 1)));
  }
  return wire as unknown as Record<string, unknown>;
}

function within<Result>(part: string, convert: () => Result): Result {
  try {
    return convert();
  } catch (error) {
    throw error instanceof FieldError ? error.within(part) : error;
  }
}

/** At most 64 bits of magnitude. */
function bignum(value: bigint): unknown {
  const magnitude = value < 0n ? -1n - value : value;
  if (magnitude >= 1n << 64n) throw new FieldError(`is ${value}, which has more than 64 bits`);
  const digits = magnitude === 0n ? "" : magnitude.toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  const bytes = new Uint8Array(even.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = parseInt(even.slice(2 * index, 2 * index + 2), 16);
  }
  return bignumItem(value < 0n, bytes);
}
