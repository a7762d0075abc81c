/** Logs from Web Streams. */
import type { LogRecord } from "../epoch/record.ts";
import { LogGrammar } from "./log_grammar.ts";
import { type LogItem, RecordDecoder, type StreamEnding } from "./record_decoder.ts";

/**
 * Reads a log from a byte stream, in chunks of any size. Iterating gives each record once it is whole,
 * checked, and in its right place; it throws `LogError` behind the last sound record. A log that is
 * cut off or just stops ends the iteration without an error: {@linkcode LogReader.ending} tells.
 *
 * ```ts ignore
 * const reader = new LogReader(file.readable);
 * for await (const { record, number } of reader) console.log(number, record.kind);
 * if (reader.ending?.kind === "stalled") console.log("The writer did not end this log");
 * ```
 */
export class LogReader implements AsyncIterable<LogItem> {
  readonly #source: ReadableStream<Uint8Array>;
  #ending: StreamEnding | undefined;

  /** The stream is locked when iteration starts, and cancelled when it is left early. */
  constructor(source: ReadableStream<Uint8Array>) {
    this.#source = source;
  }

  /** How the log stopped, once all of it was read. */
  get ending(): StreamEnding | undefined {
    return this.#ending;
  }

  /** The records in order. A log can be iterated once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LogItem<LogRecord>, void, undefined> {
    const decoder = new RecordDecoder();
    const grammar = new LogGrammar();
    for await (const chunk of this.#source) {
      for (const item of decoder.push(chunk)) {
        grammar.accept(item);
        yield item;
      }
    }
    this.#ending = decoder.finish();
  }
}

/**
 * {@linkcode LogReader} as a pair for `pipeThrough`. (No TransformStream: an error there discards the
 * sound records that still wait in its queue.)
 */
export class LogDecoderStream implements TransformStream<Uint8Array, LogItem> {
  /** Takes the bytes of the log. */
  readonly writable: WritableStream<Uint8Array>;
  /** Gives its records. */
  readonly readable: ReadableStream<LogItem>;
  readonly #reader: LogReader;

  constructor() {
    const bytes = new TransformStream<Uint8Array, Uint8Array>();
    this.#reader = new LogReader(bytes.readable);
    this.writable = bytes.writable;
    this.readable = ReadableStream.from(this.#reader);
  }

  /** How the log stopped, once all of it was read. */
  get ending(): StreamEnding | undefined {
    return this.#reader.ending;
  }
}
