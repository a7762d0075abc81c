/** Framed, chained bytes to records: synchronous, pushed in chunks of any size, bounded in memory. */
import type { LogRecord, ReturnRecord } from "../epoch/record.ts";
import { decodeItem } from "./cbor_item.ts";
import { ChecksumChain, logSeed, returnSeed } from "./checksum_chain.ts";
import { holdsWholeRecord } from "./cut_frame.ts";
import type { FieldType } from "./field_type.ts";
import { type Frame, FrameError, FrameScanner } from "./frame.ts";
import { maxRecordDepth, maxRecordItems } from "./limits.ts";
import { FieldError, LogError, type LogErrorReason } from "./log_error.ts";
import { formatVersion, logRecord, returnRecord } from "./record_table.ts";
import { checkStructure, StructureError } from "./structure.ts";

/** A record with its place in the stream. */
export interface LogItem<AnyRecord = LogRecord> {
  /** The record. */
  readonly record: AnyRecord;
  /** 0 for the first record of the stream, the header. */
  readonly number: number;
  /** Where its frame starts, in bytes from the start of the stream. */
  readonly byteOffset: number;
  /** Bytes of its frame. */
  readonly byteLength: number;
}

/** How an undamaged stream stopped. */
export interface StreamEnding {
  /** `clean`: with an `end` (or `leave`) record. `stalled`: it just stopped. */
  readonly kind: "clean" | "stalled";
  /** Whole records read. */
  readonly records: number;
  /** Bytes of the whole records: the stream is valid up to here. */
  readonly byteLength: number;
  /** Bytes behind them, of a record that was cut off; 0 when the stream stopped between records. */
  readonly truncatedBytes: number;
}

const limits = {
  depth: maxRecordDepth,
  items: maxRecordItems,
  maxInteger: 2 ** 64,
  bignums: false,
};

/** What precedes the place at which a stream is read: nothing but the chain's seed, or a record. */
export interface StreamStart {
  /** The checksum of the record before. */
  readonly checksum: Uint8Array;
  /** Number of the first record that is read. */
  readonly records: number;
  /** Where its frame starts, in bytes from the start of the stream. */
  readonly byteLength: number;
}

/** Decodes the records of one stream. Give it every byte with `push`, then call `finish`. */
export class SequenceDecoder<AnyRecord extends { readonly kind: string }> {
  readonly #type: FieldType<AnyRecord>;
  readonly #lastKind: AnyRecord["kind"];
  readonly #chain: ChecksumChain;
  readonly #scanner = new FrameScanner();
  #records: number;
  #byteLength: number;
  #ended = false;
  #failure: LogError | undefined;

  /** `lastKind` is the kind after which nothing follows; `start` is where the stream is read from. */
  constructor(type: FieldType<AnyRecord>, lastKind: AnyRecord["kind"], start: StreamStart) {
    this.#type = type;
    this.#lastKind = lastKind;
    this.#chain = new ChecksumChain(start.checksum);
    this.#records = start.records;
    this.#byteLength = start.byteLength;
  }

  /** Whole records decoded so far. */
  get records(): number {
    return this.#records;
  }

  /** Bytes of the records decoded so far. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** What is wrong with the stream behind the records returned so far, if anything is. */
  get failure(): LogError | undefined {
    return this.#failure;
  }

  /**
   * Takes the next bytes of the stream and returns the records completed by them.
   *
   * Nothing behind a fault is ever returned. When sound records precede the fault in this chunk, they
   * are returned, {@linkcode failure} is set, and the next `push` or `finish` throws it; otherwise
   * this call throws the {@linkcode LogError}.
   */
  push(chunk: Uint8Array): LogItem<AnyRecord>[] {
    if (this.#failure !== undefined) throw this.#failure;
    this.#scanner.append(chunk);
    const items: LogItem<AnyRecord>[] = [];
    try {
      for (let item = this.#next(); item !== undefined; item = this.#next()) items.push(item);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#failure = error;
      if (items.length === 0) throw error;
    }
    return items;
  }

  /** The stream is at its end: says how it stopped, or throws what was wrong with it. */
  finish(): StreamEnding {
    if (this.#failure !== undefined) throw this.#failure;
    if (holdsWholeRecord(this.#scanner.unfinished, this.#chain)) {
      this.#failure = this.#error(
        "damaged",
        "Length of the record is not the one it was written with",
      );
      throw this.#failure;
    }
    return {
      kind: this.#ended ? "clean" : "stalled",
      records: this.#records,
      byteLength: this.#byteLength,
      truncatedBytes: this.#scanner.pendingBytes,
    };
  }

  #next(): LogItem<AnyRecord> | undefined {
    if (this.#ended) {
      if (this.#scanner.pendingBytes === 0) return undefined;
      throw this.#error("out-of-order", `Bytes follow the ${this.#lastKind} record`);
    }
    let frame: Frame | undefined;
    try {
      frame = this.#scanner.next();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      throw this.#error("damaged", error.message);
    }
    if (frame === undefined) return undefined;
    const { byteLength } = frame;
    const record = this.#decode(frame);
    const item = { record, number: this.#records, byteOffset: this.#byteLength, byteLength };
    this.#ended = record.kind === this.#lastKind;
    this.#records++;
    this.#byteLength += byteLength;
    return item;
  }

  #decode(frame: Frame): AnyRecord {
    if (!this.#chain.accept(frame.record, frame.checksum)) {
      throw this.#error("damaged", "Checksum does not match the record and those before it");
    }
    let wire: unknown;
    try {
      checkStructure(frame.record, limits);
      wire = decodeItem(frame.record);
      return this.#type.fromWire(wire);
    } catch (error) {
      if (error instanceof StructureError) throw this.#error("malformed", error.message);
      if (!(error instanceof FieldError)) throw error;
      const version = foreignVersion(wire);
      if (version === undefined) {
        throw this.#error("malformed", error.problem, error.path, kindOf(wire));
      }
      const problem =
        `It has format version ${version}, this program reads version ${formatVersion}`;
      throw this.#error("unsupported", problem, undefined, kindOf(wire));
    }
  }

  #error(reason: LogErrorReason, problem: string, field?: string, recordKind?: string): LogError {
    const place = { recordNumber: this.#records, byteOffset: this.#byteLength, recordKind };
    return new LogError(reason, place, problem, field);
  }
}

/** The version that a header claims when it is not ours: its other fields may mean anything then. */
function foreignVersion(wire: unknown): number | bigint | undefined {
  if (kindOf(wire) !== "header") return undefined;
  const { version } = wire as { version?: unknown };
  const isNumber = typeof version === "number" || typeof version === "bigint";
  return isNumber && version !== formatVersion ? version : undefined;
}

/** The kind that a record claims, for messages about its fields. */
function kindOf(wire: unknown): string | undefined {
  const kind = (wire as { kind?: unknown } | null | undefined)?.kind;
  return typeof kind === "string" ? kind.slice(0, 40) : undefined;
}

/** Decodes the records of one log stream. The order of records is `LogGrammar`'s business. */
export class RecordDecoder extends SequenceDecoder<LogRecord> {
  /** Reads a log from its header on, or behind a record whose checksum is known. */
  constructor(start: StreamStart = { checksum: logSeed, records: 0, byteLength: 0 }) {
    super(logRecord, "end", start);
  }
}

/** Decodes what the reader of a log sends back. */
export class ReturnDecoder extends SequenceDecoder<ReturnRecord> {
  /** `member` is the member id in the header of the log that was sent. */
  constructor(member: string) {
    super(returnRecord, "leave", { checksum: returnSeed(member), records: 0, byteLength: 0 });
  }
}
