/** Offline replay: a whole log executed as it says, every digest compared. Nobody is ever promoted here. */
import type { Machine } from "../board/machine.ts";
import { GuestMemory } from "../cpu/memory.ts";
import type { EndRecord, EpochRecord, HeaderRecord } from "../epoch/record.ts";
import type { EpochOperations, Replica } from "../epoch/replica.ts";
import { LogReader } from "../log/log_reader.ts";
import type { LogItem, StreamEnding } from "../log/record_decoder.ts";
import { SnapshotRestorer } from "./restore.ts";

/** What a replay may be told. */
export interface ReplayOptions {
  /** Enters at this key snapshot, counted from 0. Records before it are checked but not executed. */
  readonly fromSnapshot?: number;
  /** Takes console output with the position of its first byte; the replay waits for it. */
  readonly console?: (bytes: Uint8Array, position: number) => void | Promise<void>;
  /** Told of each epoch once it has been executed and agrees. */
  readonly epoch?: (record: EpochRecord, machine: Machine) => void;
  /** Told before that of the epoch's operations, which the record names by number only. */
  readonly operations?: (told: EpochOperations) => void;
  /** Whether later key snapshots are restored as well, apart from the replay, to see that they can be entered. */
  readonly everySnapshot?: boolean;
}

/** What a replay has found. */
export interface ReplaySummary {
  /** Epochs executed. */
  readonly epochs: number;
  /** Steps executed. */
  readonly steps: number;
  /** Digests compared, all equal. */
  readonly digests: number;
  /** Terms that began in this log: its failovers. */
  readonly terms: readonly number[];
  /** The record that ended the log; absent when it just stops. */
  readonly end: EndRecord | undefined;
  /** How the stream stopped, and where. */
  readonly ending: StreamEnding;
}

/** There is nothing to replay in a log. */
export class ReplayError extends Error {
  /** Tells this error from others. */
  override readonly name = "ReplayError";
}

/**
 * Replays a log (paper rules env-value and backup-end).
 *
 * @throws {LogError} Naming record and byte where the log is damaged; nothing beyond is executed.
 * @throws {DivergenceError} When the replica is not the machine that the log describes.
 * @throws {ReplayError} When the log ends before the snapshot to enter at is whole.
 */
export async function replay(
  source: ReadableStream<Uint8Array>,
  options: ReplayOptions = {},
): Promise<ReplaySummary> {
  const reader = new LogReader(source);
  const player = new Player(options);
  for await (const item of reader) await player.accept(item);
  return player.summary(reader.ending!);
}

/** Replays the records of a log one by one, for whoever reads it. */
export class Player {
  readonly #options: ReplayOptions;
  #header: HeaderRecord | undefined;
  #snapshots = 0;
  #restorer: SnapshotRestorer | undefined;
  /** Where later snapshots are restored. */
  #spare: GuestMemory | undefined;
  #replica: Replica | undefined;
  #startSteps = 0;
  #epochs = 0;
  #digests = 0;
  #console: Uint8Array[] = [];
  #consolePosition = 0;
  readonly #terms: number[] = [];
  #end: EndRecord | undefined;

  /** Executes nothing before the snapshot to enter at is whole. */
  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** The replica, once the snapshot to enter at is whole. */
  get replica(): Replica | undefined {
    return this.#replica;
  }

  /**
   * Takes the next record.
   *
   * @throws {LogError} When the snapshot describes no possible machine.
   * @throws {DivergenceError} When the replica is not the machine that the log describes.
   */
  async accept(item: LogItem): Promise<void> {
    const { record } = item;
    switch (record.kind) {
      case "header":
        this.#header = record;
        return;
      case "epoch":
        return await this.#execute(record);
      case "end":
        this.#replica?.conclude(record);
        this.#end = record;
        return;
      case "note":
      case "heartbeat":
        return;
      default:
        return this.#snapshot(item);
    }
  }

  /**
   * What was found, at the end of the log.
   *
   * @throws {ReplayError} When the log had no such snapshot.
   */
  summary(ending: StreamEnding): ReplaySummary {
    const replica = this.#replica;
    if (!replica) {
      const wanted = this.#options.fromSnapshot ?? 0;
      throw new ReplayError(
        `The log stops after ${ending.records} whole records and has no whole key snapshot ` +
          `number ${wanted}; it has ${this.#snapshots}`,
      );
    }
    return {
      epochs: this.#epochs,
      steps: replica.machine.steps - this.#startSteps,
      digests: this.#digests,
      terms: this.#terms,
      end: this.#end,
      ending,
    };
  }

  #snapshot(item: LogItem): void {
    const { record } = item;
    if (this.#replica) {
      if (this.#options.everySnapshot === true) this.#restoreApart(item);
      if (record.kind !== "snapshot-commit") return;
      this.#replica.verify(record);
      this.#digests++;
      return;
    }
    if (this.#snapshots === (this.#options.fromSnapshot ?? 0)) this.#enter(item);
    if (record.kind === "snapshot-commit") this.#snapshots++;
  }

  /** A snapshot with the right digest may still be of something else than it holds. */
  #restoreApart(item: LogItem): void {
    if (item.record.kind === "snapshot-begin") {
      this.#spare ??= new GuestMemory(this.#header!.configuration.ramBytes);
      this.#spare.clear();
      this.#restorer = new SnapshotRestorer(this.#header!, this.#spare);
    }
    this.#restorer!.accept(item, {});
  }

  #enter(item: LogItem): void {
    // The grammar of a log has a header before every snapshot.
    this.#restorer ??= new SnapshotRestorer(this.#header!);
    this.#replica = this.#restorer.accept(item, {
      console: (bytes) => void this.#console.push(bytes),
      operations: (told) => this.#options.operations?.(told),
    });
    if (!this.#replica) return;
    this.#restorer = undefined;
    this.#digests++;
    this.#startSteps = this.#replica.machine.steps;
    this.#consolePosition = this.#replica.machine.consolePosition;
  }

  async #execute(record: EpochRecord): Promise<void> {
    const replica = this.#replica;
    if (!replica) return;
    replica.execute(record);
    this.#epochs++;
    this.#digests += record.digest.ram === undefined ? 1 : 2;
    if (record.term !== undefined) this.#terms.push(record.term);
    for (const bytes of this.#console.splice(0)) {
      await this.#options.console?.(bytes, this.#consolePosition);
      this.#consolePosition += bytes.length;
    }
    this.#options.epoch?.(record, replica.machine);
  }
}
