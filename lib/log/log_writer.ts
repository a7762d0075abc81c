/** Logs to Web Streams. */
import type { LogRecord } from "../epoch/record.ts";
import { LogGrammar } from "./log_grammar.ts";
import { RecordEncoder } from "./record_encoder.ts";

/** Writes one log to a byte stream, and refuses to write what no reader would take. */
export class LogWriter {
  readonly #encoder = new RecordEncoder();
  readonly #grammar = new LogGrammar();
  readonly #sink: WritableStreamDefaultWriter<Uint8Array>;

  /** Locks `sink` until {@linkcode close}. */
  constructor(sink: WritableStream<Uint8Array>) {
    this.#sink = sink.getWriter();
  }

  /** Records written so far: the number that the next one gets. */
  get records(): number {
    return this.#encoder.records;
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#encoder.byteLength;
  }

  /**
   * Encodes a record now and writes it after those before it. The promise is fulfilled when the sink
   * has taken it (on a one-way stream that is the commit), and rejected with the sink's error.
   * Throws `LogError` at once for a record outside the schema or the order of a log.
   */
  write(record: LogRecord): Promise<void> {
    const { records: number, byteLength: byteOffset } = this.#encoder;
    this.#grammar.accept({ record, number, byteOffset });
    return this.#sink.write(this.#encoder.encode(record));
  }

  /** Fulfilled when the sink wants more; a writer that waits for it keeps little in memory. */
  get ready(): Promise<void> {
    return this.#sink.ready;
  }

  /** Closes the sink after the last record. Write an `end` record first, or readers see a stall. */
  close(): Promise<void> {
    return this.#sink.close();
  }
}
