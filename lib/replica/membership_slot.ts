/**
 * One slot of a membership record file, as bytes:
 *
 * | bytes | what |
 * | --- | --- |
 * | 0 to 7 | `LOCKSTEP` |
 * | 8 to 15 | sequence number, little-endian |
 * | 16 to 19 | length of the content, little-endian |
 * | 20 to 51 | SHA-256 of bytes 0 to 19 and the content |
 * | 52 … | content: JSON in UTF-8, so that a person can read it |
 */
import { createHash } from "node:crypto";
import type { FileIdentity, MemberName, MembershipRecord } from "./rules.ts";

/** Bytes of a slot; one page, so that a slot never shares one with the other. */
export const SLOT_BYTES = 4096;

const MAGIC = new TextEncoder().encode("LOCKSTEP");
const SEQUENCE_AT = 8;
const LENGTH_AT = 16;
const CHECKSUM_AT = 20;
const CONTENT_AT = 52;

/** Most bytes that a slot's content may have. */
export const CONTENT_BYTES = SLOT_BYTES - CONTENT_AT;

/** A record with its place in the order of writes. */
export interface MembershipSlot {
  /** 1, 2, 3, …: the valid slot with the higher number counts. */
  readonly sequence: number;
  /** What was decided. */
  readonly record: MembershipRecord;
}

/** A record has more members than a slot can hold. */
export class MembershipSizeError extends Error {
  /** `bytes` is what the content would take. */
  constructor(bytes: number) {
    super(
      `Cannot write a membership record of ${bytes} bytes: it holds at most ${CONTENT_BYTES}; detach members`,
    );
    this.name = "MembershipSizeError";
  }
}

/**
 * The bytes of a whole slot.
 *
 * @throws {MembershipSizeError} when there are too many members
 */
export function encodeSlot({ sequence, record }: MembershipSlot): Uint8Array {
  const content = new TextEncoder().encode(JSON.stringify(record));
  if (content.length > CONTENT_BYTES) throw new MembershipSizeError(content.length);
  const bytes = new Uint8Array(SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setBigUint64(SEQUENCE_AT, BigInt(sequence), true);
  view.setUint32(LENGTH_AT, content.length, true);
  bytes.set(content, CONTENT_AT);
  bytes.set(checksum(bytes, content.length), CHECKSUM_AT);
  return bytes;
}

/** What a slot says, or undefined when it is empty, torn or damaged. */
export function decodeSlot(bytes: Uint8Array): MembershipSlot | undefined {
  if (bytes.length < SLOT_BYTES || !startsWith(bytes, 0, MAGIC)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(LENGTH_AT, true);
  if (length > CONTENT_BYTES || !startsWith(bytes, CHECKSUM_AT, checksum(bytes, length))) {
    return undefined;
  }
  const sequence = Number(view.getBigUint64(SEQUENCE_AT, true));
  const record = parseRecord(bytes.subarray(CONTENT_AT, CONTENT_AT + length));
  return record === undefined || !Number.isSafeInteger(sequence) ? undefined : { sequence, record };
}

function checksum(bytes: Uint8Array, contentLength: number): Uint8Array {
  return createHash("sha256")
    .update(bytes.subarray(0, CHECKSUM_AT))
    .update(bytes.subarray(CONTENT_AT, CONTENT_AT + contentLength))
    .digest();
}

function startsWith(bytes: Uint8Array, position: number, expected: Uint8Array): boolean {
  return expected.every((byte, index) => bytes[position + index] === byte);
}

const ID = /^[0-9a-f]{32}$/;

/** The checksum only says that the bytes are as written; what wrote them may be of another version. */
function parseRecord(content: Uint8Array): MembershipRecord | undefined {
  let value: Partial<MembershipRecord> | null;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { run, term, members } = value;
  if (typeof run !== "string" || !ID.test(run)) return undefined;
  if (!Number.isSafeInteger(term) || term! < 1) return undefined;
  if (!Array.isArray(members) || !members.every(isMember)) return undefined;
  return { run, term: term!, members };
}

function isMember(value: unknown): value is MemberName {
  if (typeof value !== "object" || value === null) return false;
  const { id, oneWay } = value as { id?: unknown; oneWay?: unknown };
  return typeof id === "string" && ID.test(id) && (oneWay === undefined || isIdentity(oneWay));
}

function isIdentity(value: unknown): value is FileIdentity {
  if (typeof value !== "object" || value === null) return false;
  const { device, inode } = value as { device?: unknown; inode?: unknown };
  return isCount(device) && isCount(inode);
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
