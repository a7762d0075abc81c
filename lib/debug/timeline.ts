/**
 * A recording as a line on which one goes to any step, forwards and backwards. Going back is restoring a
 * moment before (from memory, or a snapshot that is stored) and executing from there.
 */
import type { Machine } from "../board/machine.ts";
import { GuestMemory } from "../cpu/memory.ts";
import type { EpochRecord, HeaderRecord } from "../epoch/record.ts";
import type { Replica } from "../epoch/replica.ts";
import { hostLoop } from "../host/event_loop.ts";
import { pageBytes } from "../log/limits.ts";
import type { StreamEnding } from "../log/record_decoder.ts";
import { SnapshotRestorer } from "../replica/restore.ts";
import { ChangedPages } from "./changed_pages.ts";
import { type Checkpoint, Checkpoints, replicaAt } from "./checkpoints.ts";
import { ConsoleSearch } from "./console_search.ts";
import type { KeySnapshot } from "./log_map.ts";
import { isSame, isUpTo, type Moment } from "./moment.ts";
import { PageStore, type PageTable } from "./page_table.ts";
import { type Position, PositionError } from "./position.ts";
import { type LogCursor, StoredLog } from "./stored_log.ts";

/** What going back to a moment costs, in steps that could be executed meanwhile. */
const COST_STEPS = { checkpoint: 4e6, snapshot: 150e6 } as const;
/** Steps between two looks at what else there is to do. */
const SLICE_STEPS = 1 << 20;
/** Steps between checkpoints at least, and on a run whose end is not known. */
const GAP_STEPS = { least: 1 << 20, unknown: 8 << 20 } as const;
/** Host time between two turns of the event loop. */
const TURN_MILLISECONDS = 15;
const DEFAULT_CHECKPOINT_BYTES = 512 << 20;

/** How to open a timeline. */
export interface TimelineOptions {
  /** Most bytes of checkpoints in memory (default 512 MiB); one is always kept. */
  readonly checkpointBytes?: number;
  /** Told which part of the log has been read, from 0 to 1. */
  readonly progress?: (part: number) => void;
}

/** How to run until something happens. */
export interface RunOptions {
  /**
   * Looked at after every {@linkcode RunOptions.sliceSteps}, at the end of every epoch, and not before
   * the first step. It must not change the machine.
   */
  readonly until: (machine: Machine) => boolean;
  /** Steps between two looks (1 for every step); at most a million or so unless it is given. */
  readonly sliceSteps?: number;
  /** Where to stop in any case; the end of the log unless it is given. */
  readonly limit?: Moment;
  /** Stops the run where it is. */
  readonly signal?: AbortSignal;
}

/** Why a run has stopped. */
export type RunEnd = "found" | "limit" | "interrupted";

/**
 * A recording, opened. It stands nowhere before the first {@linkcode Timeline.seek}; its methods are called
 * one at a time. Every epoch that it executes to its end is compared with the digests in the log.
 */
export class Timeline {
  readonly #log: StoredLog;
  readonly #memory: GuestMemory;
  readonly #store: PageStore;
  readonly #checkpoints: Checkpoints;
  /** Pages that may differ from {@linkcode #base}. */
  readonly #changed: ChangedPages;
  #base: PageTable | undefined;
  #replica: Replica | undefined;
  /** Whether the replica stands where it says. */
  #isSound = false;
  #cursor: LogCursor | undefined;
  /** The step of the snapshot or checkpoint from which it has been executed. */
  #enteredAt = 0;
  #turnAt = 0;
  #onConsole: ((bytes: Uint8Array) => void) | undefined;

  private constructor(log: StoredLog, checkpointBytes: number) {
    this.#log = log;
    const { ramBytes } = log.header.configuration;
    this.#memory = new GuestMemory(ramBytes);
    this.#store = new PageStore(this.#memory);
    this.#checkpoints = new Checkpoints(this.#store, checkpointBytes);
    this.#changed = new ChangedPages(ramBytes / pageBytes);
  }

  /**
   * Opens a log file. It is read to its end, and checked.
   *
   * @throws {HostFileError} when the file does not open
   * @throws {LogError} where it is damaged
   * @throws {StoredLogError} when it ends before its first snapshot is whole
   */
  static async open(path: string, options: TimelineOptions = {}): Promise<Timeline> {
    const log = await StoredLog.open(path, options.progress);
    return new Timeline(log, options.checkpointBytes ?? DEFAULT_CHECKPOINT_BYTES);
  }

  /** What the recording is about. */
  get header(): HeaderRecord {
    return this.#log.header;
  }

  /** The first moment: power-on, or where the log begins. */
  get start(): Moment {
    return this.#log.map.start;
  }

  /** The last moment: the end of the last epoch. */
  get end(): Moment {
    return this.#log.map.end;
  }

  /** How the log stops. */
  get ending(): StreamEnding {
    return this.#log.ending;
  }

  /**
   * The machine as it stands now, for reading: whoever alters it has no recording any more. Each seek may
   * bring another object.
   */
  get machine(): Machine {
    return this.#standing.machine;
  }

  /** Where it stands. */
  get moment(): Moment {
    const { epoch, machine: { steps: step } } = this.#standing;
    return { epoch, step };
  }

  /** The record of the epoch that is under way; undefined between two. */
  get record(): EpochRecord | undefined {
    return this.#standing.progress?.record;
  }

  /** The moment just before the step after `step`; undefined when the log does not have it. */
  momentAt(step: number): Moment | undefined {
    return this.#log.map.atStep(step);
  }

  /** The end of an epoch; undefined when the log does not have it. */
  epochEnd(epoch: number): Moment | undefined {
    return this.#log.map.atEpoch(epoch);
  }

  /**
   * The moment that a position means. A console position is searched for by replaying, and is where the
   * timeline stands afterwards.
   *
   * @throws {PositionError} when the recording does not have it; says what it has
   */
  async resolve(position: Position, signal?: AbortSignal): Promise<Moment> {
    const { map } = this.#log;
    const moment = position.kind === "step"
      ? map.atStep(position.step)
      : position.kind === "epoch"
      ? map.atEpoch(position.epoch)
      : position.kind === "time"
      ? map.atTime(position.ticks)
      : await this.#consoleMoment(position.text, signal);
    if (moment) return moment;
    const what = position.kind === "console"
      ? `console output ${JSON.stringify(position.text)}`
      : position.kind === "time"
      ? `time ${seconds(position.ticks)} s`
      : `${position.kind} ${position.kind === "step" ? position.step : position.epoch}`;
    const { start, end } = this;
    throw new PositionError(
      `The log does not reach ${what}: it has steps ${start.step} to ${end.step}, epochs ` +
        `${start.epoch} to ${end.epoch}, and ends at ${seconds(map.endTicks)} s`,
    );
  }

  /**
   * Goes to a moment of {@linkcode momentAt}, {@linkcode epochEnd} or {@linkcode resolve}.
   *
   * @throws {DivergenceError} when the machine is not the one that the log describes
   */
  async seek(target: Moment, signal?: AbortSignal): Promise<void> {
    if (!this.#log.map.has(target)) {
      throw new RangeError(`The log has no step ${target.step} behind epoch ${target.epoch}`);
    }
    await this.#approach(target);
    await this.#run(target, { signal });
    signal?.throwIfAborted();
  }

  /** Goes `count` steps forward, or to the end; answers how many they were. */
  async stepForward(count = 1, signal?: AbortSignal): Promise<number> {
    return await this.#step(count, signal);
  }

  /** Goes `count` steps back, or to the start; answers how many they were. */
  async stepBack(count = 1, signal?: AbortSignal): Promise<number> {
    return -await this.#step(-count, signal);
  }

  /** Runs forward until something is found, and answers why it has stopped. */
  async runForward(options: RunOptions): Promise<RunEnd> {
    return await this.#run(options.limit ?? this.end, options);
  }

  /** The latest moment at or before `moment` that is gone back to in milliseconds, if there is any. */
  nearestCheckpoint(moment: Moment): Moment | undefined {
    const found = this.#checkpoints.latestUpTo(moment);
    return found && { epoch: found.epoch, step: found.step };
  }

  /** Keeps the present moment, so that it can be gone back to in milliseconds. */
  keepCheckpoint(): void {
    const replica = this.#standing;
    const here = this.moment;
    const before = this.#checkpoints.latestUpTo(here);
    if (before && isSame(before, here)) return;
    const { memory } = replica.machine;
    this.#changed.add(memory.writtenPages());
    const pages = this.#store.take(
      this.#base ?? before?.pages,
      this.#base && this.#changed.pages,
    );
    this.#changed.clear();
    this.#base = pages;
    this.#checkpoints.add(replica, pages);
  }

  /** Frees the log. */
  close(): void {
    this.#log.close();
  }

  get #standing(): Replica {
    if (!this.#replica || !this.#isSound) {
      throw new Error("The timeline stands nowhere: seek first");
    }
    return this.#replica;
  }

  async #step(count: number, signal: AbortSignal | undefined): Promise<number> {
    const { step } = this.moment;
    const wanted = Math.min(Math.max(step + count, this.start.step), this.end.step);
    await this.seek(this.momentAt(wanted)!, signal);
    return wanted - step;
  }

  /** Restores a moment at or before the target, unless the present one is the best to go on from. */
  async #approach(target: Moment): Promise<void> {
    const checkpoint = this.#checkpoints.latestUpTo(target);
    const snapshot = this.#snapshotUpTo(target);
    const costOf = (moment: Moment | undefined, extra: number) =>
      moment && isUpTo(moment, target) ? target.step - moment.step + extra : Infinity;
    const staying = costOf(this.#isSound ? this.moment : undefined, 0);
    const goingBack = costOf(checkpoint, COST_STEPS.checkpoint);
    const reading = costOf(snapshot, COST_STEPS.snapshot);
    if (staying <= Math.min(goingBack, reading) && staying < Infinity) return;
    this.#isSound = false;
    this.#cursor = undefined;
    if (checkpoint && goingBack <= reading) this.#goBack(checkpoint);
    else await this.#enter(snapshot!);
    this.#isSound = true;
  }

  #snapshotUpTo(target: Moment): KeySnapshot | undefined {
    const found = this.#log.map.snapshots.findLast((snapshot) => isUpTo(snapshot, target));
    if (!found) throw new RangeError(`Step ${target.step} is before the start of the log`);
    return found;
  }

  #goBack(checkpoint: Checkpoint): void {
    const { machine } = this.#replica!;
    // Without caches nobody has to be told of every page.
    machine.dropCaches();
    this.#changed.add(machine.memory.writtenPages());
    this.#store.putBack(checkpoint.pages, this.#base, this.#changed.pages);
    this.#replica = replicaAt(checkpoint, machine, this.#events);
    this.#base = checkpoint.pages;
    this.#changed.clear();
    this.#enteredAt = checkpoint.step;
  }

  async #enter(snapshot: KeySnapshot): Promise<void> {
    this.#base = undefined;
    this.#changed.clear();
    this.#replica?.machine.dropCaches();
    this.#memory.clear();
    const restorer = new SnapshotRestorer(this.header, this.#memory);
    const cursor = this.#log.recordsAfter(snapshot.before);
    for (;;) {
      const item = await cursor.next();
      if (!item) throw new Error(`The snapshot of epoch ${snapshot.epoch} is not where it was`);
      const replica = restorer.accept(item, this.#events);
      if (!replica) continue;
      this.#replica = replica;
      this.#cursor = cursor;
      this.#enteredAt = snapshot.step;
      return;
    }
  }

  get #events() {
    return { console: (bytes: Uint8Array) => this.#onConsole?.(bytes) };
  }

  /** Executes up to `target`, unless something is found before. */
  async #run(
    target: Moment,
    options: Pick<RunOptions, "sliceSteps"> & {
      readonly until?: RunOptions["until"];
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<RunEnd> {
    const { until, signal, sliceSteps = SLICE_STEPS } = options;
    while (!isSame(this.moment, target)) {
      if (signal?.aborted) return "interrupted";
      await this.#slice(target, sliceSteps);
      const { step } = this.moment;
      this.#keepIfDue(
        until ? GAP_STEPS.unknown : Math.max(GAP_STEPS.least, (target.step - step) / 2),
      );
      if (until?.(this.machine)) return "found";
      if (performance.now() >= this.#turnAt) {
        await hostLoop.turn(false);
        this.#turnAt = performance.now() + TURN_MILLISECONDS;
      }
    }
    return "limit";
  }

  /** Executes to the end of the epoch, but at most so many steps and not beyond `target`. */
  async #slice(target: Moment, steps: number): Promise<void> {
    const replica = this.#standing;
    if (!replica.isInEpoch) {
      const record = await this.#nextRecord();
      this.#isSound = false;
      this.#changed.add(replica.machine.memory.writtenPages());
      replica.begin(record);
    }
    this.#isSound = false;
    replica.advance(Math.min(steps, target.step - replica.machine.steps));
    this.#isSound = true;
  }

  async #nextRecord(): Promise<EpochRecord> {
    this.#cursor ??= this.#log.recordsAfter(this.#log.map.placeOf(this.#standing.epoch));
    for (;;) {
      const item = await this.#cursor.next();
      if (!item) throw new Error(`The log ends after epoch ${this.#standing.epoch}`);
      if (item.record.kind === "epoch") return item.record;
    }
  }

  #keepIfDue(gapSteps: number): void {
    const here = this.moment;
    const last = this.#checkpoints.latestUpTo(here)?.step ?? -1;
    if (here.step - Math.max(last, this.#enteredAt) >= gapSteps) this.keepCheckpoint();
  }

  async #consoleMoment(text: string, signal: AbortSignal | undefined): Promise<Moment | undefined> {
    const search = new ConsoleSearch(text);
    await this.seek(this.start, signal);
    this.#onConsole = (bytes) => search.add(bytes);
    let before = this.moment;
    const run = await this.runForward({
      ...(signal ? { signal } : {}),
      until: () => {
        if (search.bytesAfter !== undefined) return true;
        if (!this.#standing.isInEpoch) before = this.moment;
        return false;
      },
    });
    this.#onConsole = undefined;
    signal?.throwIfAborted();
    if (run !== "found" || search.bytesAfter === undefined) return undefined;
    const position = this.machine.consolePosition - search.bytesAfter;
    return await this.#firstBetween(
      before,
      this.moment,
      ({ consolePosition }) => consolePosition >= position,
    );
  }

  /** The first moment after `low`, at which it does not hold, at which something holds that does at `high`. */
  async #firstBetween(
    low: Moment,
    high: Moment,
    holds: (machine: Machine) => boolean,
  ): Promise<Moment> {
    let [from, to] = [low.step, high.step];
    await this.seek(low);
    while (to - from > 1) {
      this.keepCheckpoint();
      const middle = Math.floor((from + to) / 2);
      await this.seek(this.momentAt(middle)!);
      if (holds(this.machine)) to = middle;
      else from = middle;
      if (to === middle) await this.seek(this.momentAt(from)!);
    }
    const found = this.momentAt(to)!;
    await this.seek(found);
    return found;
  }
}

function seconds(ticks: number): string {
  return (ticks / 1e7).toFixed(6);
}
