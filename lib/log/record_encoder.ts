/** Records to framed, chained bytes. */
import type { LogRecord, ReturnRecord } from "../epoch/record.ts";
import { encodeItem } from "./cbor_item.ts";
import { ChecksumChain, logSeed, returnSeed } from "./checksum_chain.ts";
import type { FieldType } from "./field_type.ts";
import { frame } from "./frame.ts";
import { maxRecordBytes } from "./limits.ts";
import { FieldError, LogError } from "./log_error.ts";
import { logRecord, returnRecord } from "./record_table.ts";

/**
 * Encodes the records of one stream, in order. Each stream needs an encoder of its own, because each
 * has a checksum chain of its own.
 */
export class SequenceEncoder<AnyRecord extends { readonly kind: string }> {
  readonly #type: FieldType<AnyRecord>;
  readonly #chain: ChecksumChain;
  #records = 0;
  #byteLength = 0;

  /** `seed` starts the checksum chain. */
  constructor(type: FieldType<AnyRecord>, seed: Uint8Array) {
    this.#type = type;
    this.#chain = new ChecksumChain(seed);
  }

  /** Records encoded so far: the number that the next one gets. */
  get records(): number {
    return this.#records;
  }

  /** Bytes made so far: the offset that the next record gets. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * The record as the next bytes of the stream. Throws {@linkcode LogError} when it is outside the
   * schema or the size bound; the chain is then as before.
   */
  encode(record: AnyRecord): Uint8Array {
    const place = {
      recordNumber: this.#records,
      byteOffset: this.#byteLength,
      recordKind: record.kind,
    };
    let item: Uint8Array;
    try {
      item = encodeItem(this.#type.toWire(record));
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      throw new LogError("malformed", place, error.problem, error.path);
    }
    if (item.length > maxRecordBytes) {
      throw new LogError(
        "malformed",
        place,
        `Record has ${item.length} bytes, the bound is ${maxRecordBytes}: split it`,
      );
    }
    const checksum = this.#chain.of(item);
    const bytes = frame(checksum, item);
    this.#chain.advance(checksum);
    this.#records++;
    this.#byteLength += bytes.length;
    return bytes;
  }
}

/** Encodes the records of one log stream: header first, as `LogGrammar` demands. */
export class RecordEncoder extends SequenceEncoder<LogRecord> {
  constructor() {
    super(logRecord, logSeed);
  }
}

/** Encodes what the reader of a log sends back. */
export class ReturnEncoder extends SequenceEncoder<ReturnRecord> {
  /** `member` is the member id of the header of the log that is being read. */
  constructor(member: string) {
    super(returnRecord, returnSeed(member));
  }
}
