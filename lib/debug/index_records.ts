/**
 * The records of an index: a folder beside the log, with a file for each snapshot. Each is a sequence in
 * the frames of a log (checksum chain, bounds, CBOR), with a seed of its own:
 *
 *     file = index-snapshot, *snapshot-pages, *snapshot-operation, snapshot-commit
 *
 * An index is made again from its log at any time. It is no format for others, and never trusted.
 */
import type {
  SnapshotCommitRecord,
  SnapshotOperationRecord,
  SnapshotPagesRecord,
} from "../epoch/record.ts";
import { record, union } from "../log/container_type.ts";
import { type FieldType, optional, required } from "../log/field_type.ts";
import { SequenceDecoder } from "../log/record_decoder.ts";
import { SequenceEncoder } from "../log/record_encoder.ts";
import { logRecord } from "../log/record_table.ts";
import { choice, count, word } from "../log/scalar_type.ts";

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
  /** Steps of the snapshot whose pages it has but for its own; absent: all others are zero. */
  readonly base?: number;
}

/** Any record of an index. */
export type IndexRecord =
  | IndexSnapshotRecord
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
  optional("base", count()),
]);

const indexRecord = union<IndexRecord>({
  "index-snapshot": indexSnapshot as FieldType<IndexRecord>,
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
