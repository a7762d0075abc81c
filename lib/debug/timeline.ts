/**
 * A recording as a line on which one goes to any step, forwards and backwards. Going back is restoring a
 * moment before (from memory, or a snapshot that is stored) and executing from there.
 */
import type { Machine } from "../board/machine.ts";
import type { EndRecord, EpochRecord, HeaderRecord } from "../epoch/record.ts";
import type { Replica } from "../epoch/replica.ts";
import { hostLoop } from "../host/event_loop.ts";
import type { StreamEnding } from "../log/record_decoder.ts";
import { type Checkpoint, Checkpoints, replicaAt } from "./checkpoints.ts";
import { IndexFolder, indexPath, indexProblem, type IndexSnapshot } from "./index_folder.ts";
import { enterIndexed } from "./index_restoring.ts";
import type { KeySnapshot } from "./log_map.ts";
import { savedMap } from "./map_file.ts";
import { isSame, isUpTo, type Moment, workUpTo } from "./moment.ts";
import { PageStore, type RamPages } from "./page_store.ts";
import { isOfSnapshot, Playhead } from "./playhead.ts";
import { type OpenOptions, StoredLog } from "./stored_log.ts";

/** What going to a moment costs beside executing, in steps that could be executed meanwhile. */
const COST_STEPS = { checkpoint: 4e6, stored: 150e6 } as const;
/** Steps between two looks at what else there is to do. */
const SLICE_STEPS = 1 << 20;
/** Work between checkpoints at least, and on a run whose end is not known. */
const GAP_STEPS = { least: 2 << 20, unknown: 8 << 20 } as const;
/** Host time between two turns of the event loop. */
const TURN_MILLISECONDS = 15;
const DEFAULT_CHECKPOINT_BYTES = 512 << 20;

/** How to open a timeline. */
export interface TimelineOptions extends Pick<OpenOptions, "progress" | "removed" | "more"> {
  /** Most bytes of checkpoints in memory (default 512 MiB); one is always kept. */
  readonly checkpointBytes?: number;
  /** Whether the index beside the log is used, if there is one; it is unless this says no. */
  readonly index?: boolean;
  /** Told in one line of an index, or a snapshot in the log, that cannot be used, and why. */
  readonly note?: (text: string) => void;
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
  /** Takes the console output of each epoch that is executed to its end. */
  readonly console?: (bytes: Uint8Array) => void;
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
  readonly #index: IndexFolder | undefined;
  readonly #playhead: Playhead;
  readonly #store: PageStore;
  readonly #checkpoints: Checkpoints;
  /** Key snapshots of the log that turned out to be of no use. */
  readonly #unusable = new Set<IndexSnapshot | KeySnapshot>();
  /** What RAM is but for the pages that have changed, when that is known. */
  #base: RamPages | undefined;
  /** Work up to the snapshot or checkpoint from which it has been executed. */
  #enteredAt = 0;
  #turnAt = 0;

  private constructor(
    log: StoredLog,
    index: IndexFolder | undefined,
    checkpointBytes: number,
    private readonly note: (text: string) => void,
  ) {
    this.#log = log;
    this.#index = index;
    this.#playhead = new Playhead(log);
    this.#store = new PageStore(this.#playhead.memory);
    this.#checkpoints = new Checkpoints(this.#store, checkpointBytes);
  }

  /**
   * Opens a log file. It is read to its end, and checked; what its index covers, only as far as it is used.
   *
   * @throws {HostFileError} when the file does not open
   * @throws {LogError} where it is damaged
   * @throws {StoredLogError} when it ends before its first snapshot is whole
   */
  static async open(path: string, options: TimelineOptions = {}): Promise<Timeline> {
    const { checkpointBytes = DEFAULT_CHECKPOINT_BYTES, note = () => {} } = options;
    const folder = options.index === false ? undefined : indexPath(path);
    const saved = folder === undefined ? undefined : await savedMap(folder, note);
    const log = await StoredLog.open(path, { ...options, saved });
    const index = folder === undefined ? undefined : await IndexFolder.open(folder, log, note);
    return new Timeline(log, index, checkpointBytes, note);
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

  /** The record that ends the log; absent in one that just stops, or is still being written. */
  get endRecord(): EndRecord | undefined {
    return this.#log.map.endRecord;
  }

  /**
   * Takes in what has been written into the log since; answers whether that was anything.
   *
   * @throws {LogError} where it is damaged
   */
  async grow(): Promise<boolean> {
    return await this.#log.grow();
  }

  /**
   * The machine as it stands now, for reading: whoever alters it has no recording any more. Each seek may
   * bring another object.
   */
  get machine(): Machine {
    return this.#playhead.replica.machine;
  }

  /** Whether it stands anywhere: not before the first seek, nor after an error or while a snapshot is read. */
  get isStanding(): boolean {
    return this.#playhead.isSound;
  }

  /** Where it stands. */
  get moment(): Moment {
    return this.#playhead.moment;
  }

  /** The record of the epoch that is under way; undefined between two. */
  get record(): EpochRecord | undefined {
    return this.#playhead.replica.record;
  }

  /** The moment just before the step after `step`; undefined when the log does not have it. */
  momentAt(step: number): Moment | undefined {
    return this.#log.map.atStep(step);
  }

  /** The end of an epoch; undefined when the log does not have it. */
  epochEnd(epoch: number): Moment | undefined {
    return this.#log.map.atEpoch(epoch);
  }

  /** The first moment at which guest time is at least `ticks`; undefined when it never is. */
  momentAtTime(ticks: number): Moment | undefined {
    return this.#log.map.atTime(ticks);
  }

  /** Guest time at {@linkcode end}, ticks. */
  get endTicks(): number {
    return this.#log.map.endTicks;
  }

  /** Whether the log has a moment. */
  has(moment: Moment): boolean {
    return this.#log.map.has(moment);
  }

  /** The records of epochs `[from, to]`, in order. */
  async *epochs(from: number, to: number): AsyncGenerator<EpochRecord, void, undefined> {
    const cursor = this.#log.recordsAfter(this.#log.map.placeOf(from - 1));
    for (;;) {
      const item = await cursor.next();
      if (!item) return;
      const { record } = item;
      if (record.kind !== "epoch") continue;
      if (record.epoch > to) return;
      yield record;
    }
  }

  /**
   * Goes to a moment of {@linkcode momentAt}, {@linkcode epochEnd} or `momentOf`.
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
    this.#playhead.onConsole = options.console;
    try {
      return await this.#run(options.limit ?? this.end, options);
    } finally {
      this.#playhead.onConsole = undefined;
    }
  }

  /**
   * Goes forward to a moment by what `execute` does: it advances the replica by at most `steps` steps, at
   * least one where the epoch has one left, and may look at the machine after each.
   *
   * @param pause What is done after each call.
   */
  async runBy(
    target: Moment,
    execute: (replica: Replica, steps: number) => void,
    pause?: () => Promise<void>,
  ): Promise<void> {
    while (!isSame(this.moment, target)) {
      await this.#playhead.advance(target, SLICE_STEPS, execute);
      await pause?.();
    }
  }

  /** The latest moment at or before `moment` that is gone back to in milliseconds, if there is any. */
  nearestCheckpoint(moment: Moment): Moment | undefined {
    const found = this.#checkpoints.latestUpTo(moment);
    return found && { epoch: found.epoch, step: found.step };
  }

  /** Where executing begins when it goes to `moment` from anywhere behind it. */
  entryTo(moment: Moment): Moment {
    const { checkpoint, goingBack, stored, reading } = this.#entriesTo(moment);
    const { epoch, step } = checkpoint && goingBack <= reading ? checkpoint : stored;
    return { epoch, step };
  }

  /** How many checkpoints there are, and how many bytes they take, about. */
  get checkpointFigures(): Pick<Checkpoints, "count" | "bytes"> {
    return this.#checkpoints;
  }

  /** What the index knows of the console's output, from the start on: by snapshot, in order. */
  indexedConsole(): ReturnType<IndexFolder["console"]> | undefined {
    return this.#index?.console();
  }

  /** Keeps the present moment, so that it can be gone back to in milliseconds. */
  keepCheckpoint(): void {
    const here = this.moment;
    const before = this.#checkpoints.latestUpTo(here);
    if (before && isSame(before, here)) return;
    const changed = this.#playhead.changedPages();
    const pages = this.#base
      ? this.#store.take(this.#base, changed)
      : this.#store.take(before?.pages);
    this.#playhead.forgetChanged();
    this.#base = pages;
    this.#checkpoints.add(this.#playhead.replica, pages);
  }

  /** Frees the log. */
  close(): void {
    this.#log.close();
  }

  async #step(count: number, signal: AbortSignal | undefined): Promise<number> {
    const { step } = this.moment;
    const wanted = Math.min(Math.max(step + count, this.start.step), this.end.step);
    await this.seek(this.momentAt(wanted)!, signal);
    return wanted - step;
  }

  /** Restores a moment at or before the target, unless the present one is the best to go on from. */
  async #approach(target: Moment): Promise<void> {
    for (;;) {
      const { checkpoint, goingBack, stored, reading } = this.#entriesTo(target);
      const staying = costOf(this.#playhead.isSound ? this.moment : undefined, target, 0);
      if (staying <= Math.min(goingBack, reading)) return;
      if (checkpoint && goingBack <= reading) return this.#goBack(checkpoint);
      if (await this.#enter(stored)) return;
    }
  }

  /** What may be restored on the way to a moment, and what going there from it takes, in steps. */
  #entriesTo(target: Moment) {
    const checkpoint = this.#checkpoints.latestUpTo(target);
    const stored = this.#storedUpTo(target);
    return {
      ...{ checkpoint, goingBack: costOf(checkpoint, target, COST_STEPS.checkpoint) },
      ...{ stored, reading: costOf(stored, target, COST_STEPS.stored) },
    };
  }

  /** The last snapshot at or before the target, of the index or of the log. */
  #storedUpTo(target: Moment): IndexSnapshot | KeySnapshot {
    const key = this.#log.map.snapshots.findLast((snapshot) =>
      isUpTo(snapshot, target) && !this.#unusable.has(snapshot)
    );
    if (!key) throw new RangeError(`Step ${target.step} is before the start of the log`);
    const indexed = this.#index?.snapshots.findLast((snapshot) => isUpTo(snapshot, target));
    return indexed && indexed.step > key.step ? indexed : key;
  }

  #goBack(checkpoint: Checkpoint): void {
    const playhead = this.#playhead;
    const machine = playhead.lastMachine!;
    const changed = playhead.changedPages();
    playhead.leave();
    this.#store.putBack(checkpoint.pages, this.#base, changed);
    playhead.put(replicaAt(checkpoint, machine, playhead.events));
    this.#base = checkpoint.pages;
    this.#enteredAt = workUpTo(checkpoint);
  }

  /** Goes to a snapshot; answers false, and forgets it, when it is of no use. */
  async #enter(snapshot: IndexSnapshot | KeySnapshot): Promise<boolean> {
    this.#base = undefined;
    this.#enteredAt = workUpTo(snapshot);
    if ("before" in snapshot) return await this.#enterKey(snapshot);
    // It came from there.
    const index = this.#index!;
    try {
      await enterIndexed(this.#playhead, index, snapshot);
      return true;
    } catch (error) {
      index.reject(snapshot, indexProblem(error));
      return false;
    }
  }

  /** The machine that comes there by executing may be the right one when the snapshot is not. */
  async #enterKey(snapshot: KeySnapshot): Promise<boolean> {
    try {
      await this.#playhead.enter(snapshot);
      return true;
    } catch (error) {
      if (!isOfSnapshot(error) || snapshot === this.#log.map.snapshots[0]) throw error;
      this.#unusable.add(snapshot);
      this.note(`The log's snapshot behind epoch ${snapshot.epoch} is ignored: ${error.message}`);
      return false;
    }
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
    const playhead = this.#playhead;
    while (!isSame(playhead.moment, target)) {
      if (signal?.aborted) return "interrupted";
      await playhead.advance(target, sliceSteps);
      const left = workUpTo(target) - workUpTo(playhead.moment);
      this.#keepIfDue(until ? GAP_STEPS.unknown : Math.max(GAP_STEPS.least, left / 2));
      if (until?.(this.machine)) return "found";
      if (performance.now() >= this.#turnAt) {
        await hostLoop.turn("callers");
        this.#turnAt = performance.now() + TURN_MILLISECONDS;
      }
    }
    return "limit";
  }

  #keepIfDue(gapSteps: number): void {
    const here = this.moment;
    const work = workUpTo(here);
    if (work - this.#enteredAt < gapSteps) return;
    const last = this.#checkpoints.latestUpTo(here);
    if (!last || work - workUpTo(last) >= gapSteps) this.keepCheckpoint();
  }
}

/** Steps that could be executed while one goes from a moment, restored at a cost of its own, to another. */
function costOf(moment: Moment | undefined, target: Moment, extra: number): number {
  return moment && isUpTo(moment, target) ? workUpTo(target) - workUpTo(moment) + extra : Infinity;
}
