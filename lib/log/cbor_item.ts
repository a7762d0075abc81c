/**
 * One CBOR data item by cbor-x, set so that any CBOR reader understands what we write, and so that its
 * known traps stay closed. Only this file knows cbor-x; decode only what `structure.ts` has passed.
 */
import { Encoder, setSizeLimits, Tag } from "cbor-x";
import { maxRecordItems } from "./limits.ts";
import { StructureError } from "./structure.ts";

// A second bound behind the structure check.
setSizeLimits({
  maxArraySize: maxRecordItems,
  maxMapSize: maxRecordItems,
  maxObjectSize: maxRecordItems,
});

const common = {
  useRecords: false, // the record extension is readable by cbor-x only
  mapsAsObjects: true,
  variableMapSize: true, // shortest map heads
  useTag259ForMaps: false,
  tagUint8Array: false, // byte strings without tag 64
  copyBuffers: true, // decoded byte strings must not alias the input buffer
};

const records = new Encoder(common);
// `int64AsNumber` and `useTag259ForMaps` are missing from the published types.
const states = new Encoder({ ...common, ...{ int64AsNumber: true } });

/**
 * Encodes a value in which integers of 2^32 and more are bigints (cbor-x would write a float).
 * The result may share a buffer with later results: copy it before it is kept.
 */
export function encodeItem(value: unknown): Uint8Array {
  return records.encode(value);
}

/** A bignum for {@linkcode encodeItem}: tags 2 and 3 (RFC 8949, 3.4.3) with their big-endian bytes. */
export function bignumItem(negative: boolean, magnitude: Uint8Array): unknown {
  return new Tag(magnitude, negative ? 3 : 2);
}

/** Decodes one checked item; integers of 2^32 and more become bigints. */
export function decodeItem(bytes: Uint8Array): unknown {
  return decode(records, bytes);
}

/** Decodes one checked item; integers become numbers (exact to 2^53), bignums become bigints. */
export function decodeStateItem(bytes: Uint8Array): unknown {
  return decode(states, bytes);
}

function decode(decoder: Encoder, bytes: Uint8Array): unknown {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    // The structure check leaves nothing to refuse; if cbor-x disagrees, the record is not to be trusted.
    throw new StructureError(`CBOR decoder refuses the record: ${(error as Error).message}`, 0);
  }
}
