/**
 * The records of an index: a folder beside the log, with a file for each snapshot. Each is a sequence in
 * the frames of a log (checksum chain, bounds, CBOR), with a seed of its own:
 *
 *     file = index-snapshot, *console, *snapshot-pages, *snapshot-operation, snapshot-commit
 *
 * An index is made again from its log at any time. It is no format for others, and never trusted.
 */
import type {
  SnapshotCommitRecord,
  SnapshotOperationRecord,
  SnapshotPagesRecord,
} from "../epoch/record.ts";
import { list, record, tuple, union } from "../log/container_type.ts";
import { type FieldType, optional, required } from "../log/field_type.ts";
import { SequenceDecoder } from "../log/record_decoder.ts";
import { SequenceEncoder } from "../log/record_encoder.ts";
import { logRecord } from "../log/record_table.ts";
import { bytes, choice, count, word } from "../log/scalar_type.ts";

/** Version of the index's files; others are not used. */
export const indexVersion = 1;

/** Opens a file of an index: which log it belongs to, and where. */
export interface IndexSnapshotRecord {
  /** Which record it is. */
  readonly kind: "index-snapshot";
  /** {@linkcode indexVersion}. */
  readonly version: number;
  /** Checksum of the log's header: of the run, its machine, and this one recording of it. */
  readonly log: bigint;
  /** The snapshot stands after the end of this epoch. */
  readonly epoch: number;
  /** Steps since power-on. */
  readonly steps: number;
  /** Checksum of that epoch's record in the log, which stands for everything before it. */
  readonly record: bigint;
  /** How many records of console output follow; absent: none. */
  readonly consoleRecords?: number;
  /** Steps of the snapshot whose pages it has but for its own; absent: all others are zero. */
  readonly base?: number;
}

/** Console output of some epochs between the snapshot before and this one, for finding texts in it. */
export interface IndexConsoleRecord {
  /** Which record it is. */
  readonly kind: "console";
  /** Position of the first byte. */
  readonly from: number;
  /** The epochs that have put anything out, in order. */
  readonly epochs: readonly SaidInEpoch[];
}

/** Console output of one epoch. */
export interface SaidInEpoch {
  /** The epoch. */
  readonly epoch: number;
  /** What it has put out. */
  readonly bytes: Uint8Array;
}

/** Any record of an index. */
export type IndexRecord =
  | IndexSnapshotRecord
  | IndexConsoleRecord
  | SnapshotPagesRecord
  | SnapshotOperationRecord
  | SnapshotCommitRecord;

const indexSnapshot: FieldType<IndexSnapshotRecord> = record([
  required("kind", choice("index-snapshot")),
  required("version", count(1)),
  required("log", word),
  required("epoch", count()),
  required("steps", count()),
  required("record", word),
  optional("consoleRecords", count(1)),
  optional("base", count()),
]);

/** Bytes and epochs of console output in one record, but for a single epoch that has more. */
const RECORD_LIMITS = { bytes: 1 << 20, epochs: 4096 } as const;

const saidInEpoch: FieldType<SaidInEpoch> = tuple([
  required("epoch", count()),
  required("bytes", bytes(1, 2 * RECORD_LIMITS.bytes)),
]);

const indexConsole: FieldType<IndexConsoleRecord> = record([
  required("kind", choice("console")),
  required("from", count()),
  required("epochs", list(saidInEpoch, 1, RECORD_LIMITS.epochs)),
]);

/** Console output in records, none of which is too large. */
export function consoleRecords(from: number, said: readonly SaidInEpoch[]): IndexConsoleRecord[] {
  const records: IndexConsoleRecord[] = [];
  let epochs: SaidInEpoch[] = [];
  let size = 0;
  for (const [index, part] of said.entries()) {
    epochs.push(part);
    size += part.bytes.length;
    const isFull = size >= RECORD_LIMITS.bytes || epochs.length === RECORD_LIMITS.epochs;
    if (!isFull && index < said.length - 1) continue;
    records.push({ kind: "console", from, epochs });
    from += size;
    [epochs, size] = [[], 0];
  }
  return records;
}

const indexRecord = union<IndexRecord>({
  "index-snapshot": indexSnapshot as FieldType<IndexRecord>,
  "console": indexConsole as FieldType<IndexRecord>,
  "snapshot-pages": logRecord as FieldType<IndexRecord>,
  "snapshot-operation": logRecord as FieldType<IndexRecord>,
  "snapshot-commit": logRecord as FieldType<IndexRecord>,
});

const seed = new TextEncoder().encode("LOCKINDX");

/** Encodes the records of one file. */
export class IndexEncoder extends SequenceEncoder<IndexRecord> {
  constructor() {
    super(indexRecord, seed);
  }
}

/** Decodes the records of one file. */
export class IndexDecoder extends SequenceDecoder<IndexRecord> {
  constructor() {
    super(indexRecord, "snapshot-commit", { checksum: seed, records: 0, byteLength: 0 });
  }
}
