/** Walks through a log with each record's place in the life of its machine, and replays it if wanted. */
import type { LogRecord } from "../epoch/record.ts";
import type { EpochOperations } from "../epoch/replica.ts";
import { LogReader } from "../log/log_reader.ts";
import type { LogItem, StreamEnding } from "../log/record_decoder.ts";
import { Player, type ReplaySummary } from "../replica/replaying.ts";

/** From one value to another, both included. */
export interface Span {
  /** The first. */
  readonly from: number;
  /** The last. */
  readonly to: number;
}

/** Where a record stands in the life of its machine. */
export interface RecordPlace {
  /** The epoch that the record is about, or that it follows; 0 at power-on. */
  readonly epoch: number;
  /** Steps since power-on before and after it. */
  readonly steps: Span;
  /** Guest time before and after it, ticks of 100 ns. */
  readonly ticks: Span;
}

/** A record with its place. */
export interface WalkedItem extends LogItem {
  /** Absent before the first key snapshot. */
  readonly place: RecordPlace | undefined;
  /** Of an epoch that has been replayed. */
  readonly operations: EpochOperations | undefined;
}

/** Walks through a log once. */
export class LogWalk implements AsyncIterable<WalkedItem> {
  readonly #reader: LogReader;
  readonly #player: Player | undefined;
  #place: RecordPlace | undefined;
  #operations: EpochOperations | undefined;

  /**
   * Reads nothing yet.
   *
   * @param replayed Whether the machine executes the log too: every digest is compared, and operations
   *   are known by more than their number.
   * @param everySnapshot Whether snapshots behind the first one are restored as well.
   */
  constructor(source: ReadableStream<Uint8Array>, replayed: boolean, everySnapshot = false) {
    this.#reader = new LogReader(source);
    if (!replayed) return;
    this.#player = new Player({
      operations: (told) => void (this.#operations = told),
      everySnapshot,
    });
  }

  /** How the log stopped, once all of it was read. */
  get ending(): StreamEnding | undefined {
    return this.#reader.ending;
  }

  /**
   * What the replay has found, once all of the log was read; nothing when it was not replayed.
   *
   * @throws {ReplayError} When there was no whole key snapshot.
   */
  get summary(): ReplaySummary | undefined {
    return this.#player?.summary(this.#reader.ending!);
  }

  /**
   * The records in order.
   *
   * @throws {LogError} Where the log is damaged.
   * @throws {DivergenceError} When it is replayed, and the machine is not the one that it describes.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<WalkedItem, void, undefined> {
    for await (const item of this.#reader) {
      this.#operations = undefined;
      await this.#player?.accept(item);
      this.#place = this.#after(item.record);
      yield { ...item, place: this.#place, operations: this.#operations };
    }
  }

  #after(record: LogRecord): RecordPlace | undefined {
    const place = this.#place;
    switch (record.kind) {
      case "snapshot-begin":
        return place && at(place, record.epoch);
      case "snapshot-commit": {
        const { epoch, steps, time: { base } } = record;
        return { epoch, steps: { from: steps, to: steps }, ticks: { from: base, to: base } };
      }
      case "epoch":
        return place && {
          epoch: record.epoch,
          steps: { from: place.steps.to, to: place.steps.to + record.steps },
          ticks: { from: place.ticks.to, to: record.time.base },
        };
      default:
        return place && at(place, place.epoch);
    }
  }
}

/** The same moment, after everything before it. */
function at({ steps, ticks }: RecordPlace, epoch: number): RecordPlace {
  return {
    epoch,
    steps: { from: steps.to, to: steps.to },
    ticks: { from: ticks.to, to: ticks.to },
  };
}
