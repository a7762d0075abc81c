/** The first record in which two logs differ. */
import type { HeaderRecord, LogRecord } from "../epoch/record.ts";
import { LogReader } from "../log/log_reader.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { type FieldDifference, fieldDifferences } from "./field_difference.ts";

/** What two logs have in common, and where they part. */
export interface RecordDifference {
  /** Their headers. */
  readonly headers: readonly [HeaderRecord, HeaderRecord];
  /** Fields of the machine's configuration that differ. */
  readonly configuration: readonly FieldDifference[];
  /** Epochs that both have, and that are the same; the last one's number. */
  readonly equalEpochs: number;
  /** The last epoch that is the same, if there is any. */
  readonly lastEqual: number | undefined;
  /** The first records that differ; one is absent when that log has ended. Nothing when all are the same. */
  readonly items: readonly [LogItem | undefined, LogItem | undefined] | undefined;
  /** What differs in them. */
  readonly fields: readonly FieldDifference[];
}

/**
 * Reads two logs until they part. What is for the reader of one stream only is passed over: notes, heartbeats,
 * key snapshots; so are epochs before the later one of the two beginnings.
 *
 * @throws {LogError} where one of them is damaged
 */
export async function recordDifference(
  first: ReadableStream<Uint8Array>,
  second: ReadableStream<Uint8Array>,
): Promise<RecordDifference> {
  await using a = new Side(first);
  await using b = new Side(second);
  const headers = [await a.begin(), await b.begin()] as const;
  const configuration = fieldDifferences(headers[0].configuration, headers[1].configuration);
  let [equalEpochs, lastEqual]: [number, number | undefined] = [0, undefined];
  let pair = [await a.next(), await b.next()] as const;
  for (;;) {
    const [one, other] = pair;
    const behind = one && other && epochOf(one.record) - epochOf(other.record);
    if (equalEpochs === 0 && behind) {
      pair = behind < 0 ? [await a.next(), other] : [one, await b.next()];
      continue;
    }
    const fields = one && other ? fieldDifferences(one.record, other.record) : [];
    if (fields.length > 0 || one === undefined || other === undefined) {
      const items = one || other ? pair : undefined;
      return { headers, configuration, equalEpochs, lastEqual, items, fields };
    }
    if (one.record.kind === "epoch") [equalEpochs, lastEqual] = [equalEpochs + 1, one.record.epoch];
    pair = [await a.next(), await b.next()];
  }
}

function epochOf(record: LogRecord): number {
  return record.kind === "epoch" ? record.epoch : Infinity;
}

/** One of the logs. */
class Side implements AsyncDisposable {
  readonly #items: AsyncIterator<LogItem>;

  constructor(source: ReadableStream<Uint8Array>) {
    this.#items = new LogReader(source)[Symbol.asyncIterator]();
  }

  /** The header, with which every log that is not empty begins. */
  async begin(): Promise<HeaderRecord> {
    const { value } = await this.#items.next();
    if (value?.record.kind !== "header") throw new EmptyLogError("One of the logs is empty");
    return value.record;
  }

  /** The next epoch, or the end. */
  async next(): Promise<LogItem | undefined> {
    for (;;) {
      const { value, done } = await this.#items.next();
      if (done) return undefined;
      if (value.record.kind === "epoch" || value.record.kind === "end") return value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#items.return?.();
  }
}

/** A log without a single whole record. */
export class EmptyLogError extends Error {
  /** Tells this error from others. */
  override readonly name = "EmptyLogError";
}
