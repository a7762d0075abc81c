/** Logs as lists of records: taken apart, and put together again with a checksum chain that is right. */
import type { EpochRecord, HeaderRecord, LogRecord } from "../../lib/epoch/record.ts";
import type { Replica } from "../../lib/epoch/replica.ts";
import { RecordDecoder } from "../../lib/log/record_decoder.ts";
import { RecordEncoder } from "../../lib/log/record_encoder.ts";
import { SnapshotRestorer } from "../../lib/replica/restore.ts";

/** The records of a log. */
export function recordsOf(log: Uint8Array): LogRecord[] {
  return new RecordDecoder().push(log).map(({ record }) => record);
}

/** The epochs of a log. */
export function epochsOf(log: Uint8Array): EpochRecord[] {
  return recordsOf(log).filter((record) => record.kind === "epoch");
}

/** A log of these records, whatever a reader will think of them. */
export function logOf(records: Iterable<LogRecord>): Uint8Array {
  const encoder = new RecordEncoder();
  const parts = Array.from(records, (record) => encoder.encode(record));
  const log = new Uint8Array(encoder.byteLength);
  let at = 0;
  for (const part of parts) {
    log.set(part, at);
    at += part.length;
  }
  return log;
}

/** The log's frames as they stand, the checksums with them. */
export function framesOf(log: Uint8Array): Uint8Array[] {
  return new RecordDecoder().push(log).map(({ byteOffset, byteLength }) =>
    log.slice(byteOffset, byteOffset + byteLength)
  );
}

/** The first snapshot of a log, in place. */
export function enter(records: readonly LogRecord[]): Replica {
  const restorer = new SnapshotRestorer(records[0] as HeaderRecord);
  for (const [number, record] of records.entries()) {
    const replica = restorer.accept({ record, number, byteOffset: 0, byteLength: 0 }, {});
    if (replica) return replica;
  }
  throw new Error("The log has no snapshot");
}
