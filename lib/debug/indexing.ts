/** Makes the index of a log, or goes on with one that was interrupted. */
import fs from "node:fs";
import { ZeroPages } from "../cpu/zero_pages.ts";
import { hostLoop } from "../host/event_loop.ts";
import { errorText, HostFileError } from "../host/fault.ts";
import { pageBytes } from "../log/limits.ts";
import { type Page, ramRecords } from "../log/snapshot_records.ts";
import { IndexFolder, indexPath, indexProblem, type IndexSnapshot } from "./index_folder.ts";
import {
  consoleRecords,
  type IndexRecord,
  type IndexSnapshotRecord,
  indexVersion,
  type SaidInEpoch,
} from "./index_records.ts";
import { enterIndexed } from "./index_restoring.ts";
import { thinIndex } from "./index_thinning.ts";
import { removeFile, UNFINISHED } from "./index_file.ts";
import { EPOCH_STEPS, type Moment } from "./moment.ts";
import { mapBytes, savedMap, writeMap } from "./map_file.ts";
import { Playhead } from "./playhead.ts";
import { checksumWord, StoredLog } from "./stored_log.ts";

/** Files that a restoration reads at most. */
const LONGEST_CHAIN = 8;
/** Steps of an epoch that is executed at once. */
const SLICE_STEPS = 1 << 22;
const TURN_MILLISECONDS = 15;

/** What an index is like unless it is said: what lies between two snapshots is executed in half a second or so. */
export const DEFAULT_INDEX = {
  everySteps: 150_000_000,
  epochSteps: EPOCH_STEPS,
  limitBytes: 4 * 2 ** 30,
} as const;

/** How to make an index. */
export interface IndexingOptions {
  /** Steps between two snapshots, at most so many and an epoch. */
  readonly everySteps: number;
  /** What an epoch counts beside its steps: its end takes time, too. */
  readonly epochSteps: number;
  /** Most bytes on the disk, but for one file while it is written; snapshots are thinned out to stay below. */
  readonly limitBytes: number;
  /** Told of everything that a person wants to know. */
  readonly note: (text: string) => void;
  /** Told how far it is. */
  readonly progress: (told: IndexProgress) => void;
}

/** How far an index is made. */
export interface IndexProgress {
  /** Steps indexed. */
  readonly step: number;
  /** Steps there are. */
  readonly end: number;
  /** Snapshots on the disk. */
  readonly snapshots: number;
  /** Bytes of the whole index. */
  readonly bytes: number;
}

/** An index cannot be made. */
export class IndexingError extends Error {
  /** Tells this error from others. */
  override readonly name = "IndexingError";
}

/**
 * Makes the index of a log file beside it.
 *
 * @throws {IndexingError} when another log's is there, or another process is at it, or the limit is too low
 * @throws {DivergenceError} when the machine is not the one that the log describes
 */
export async function makeIndex(path: string, options: IndexingOptions): Promise<IndexProgress> {
  const saved = await savedMap(indexPath(path), options.note);
  const savedEnd = saved?.map.end;
  const log = await StoredLog.open(path, { saved });
  try {
    using _lock = lockFolder(indexPath(path));
    const folder = await IndexFolder.open(indexPath(path), log, options.note);
    if (folder.isForeign) {
      throw new IndexingError(`Index ${folder.path} belongs to another log: remove it first`);
    }
    clean(folder);
    if (saved?.map !== log.map || log.map.end.epoch !== savedEnd?.epoch) {
      await writeMap(folder.path, log);
    }
    return await new Indexer(log, folder, options).run();
  } finally {
    log.close();
  }
}

class Indexer {
  readonly #playhead: Playhead;
  readonly #zeros: ZeroPages;
  #everySteps: number;
  /** Console output since the last snapshot. */
  #said: SaidInEpoch[] = [];
  /** Steps at the snapshot since which it is known what has changed. */
  #changedSince: number | undefined;

  constructor(
    private readonly log: StoredLog,
    private readonly folder: IndexFolder,
    private readonly options: IndexingOptions,
  ) {
    this.#playhead = new Playhead(log);
    this.#zeros = new ZeroPages(this.#playhead.memory);
    this.#everySteps = options.everySteps;
  }

  async run(): Promise<IndexProgress> {
    const { end } = this.log.map;
    const playhead = this.#playhead;
    this.#tellOfWideGaps();
    await this.#stayBelowLimit();
    if (!this.#isDue(end)) return this.#tell(end.step);
    await this.#enter();
    clean(this.folder);
    let bytes: Uint8Array | undefined;
    playhead.onConsole = (said) => bytes = said;
    let turnAt = 0;
    while (this.#isDue(end) && playhead.moment.epoch < end.epoch) {
      await playhead.advance(end, SLICE_STEPS);
      const { replica } = playhead;
      if (bytes) this.#said.push({ epoch: replica.epoch, bytes });
      bytes = undefined;
      if (!replica.record && this.#isDue(playhead.moment)) await this.#take();
      if (performance.now() < turnAt) continue;
      this.#tell(replica.machine.steps);
      await hostLoop.turn("callers");
      turnAt = performance.now() + TURN_MILLISECONDS;
    }
    return this.#tell(end.step);
  }

  /** Whether a moment is so far behind the last snapshot that there should be another. */
  #isDue(moment: Moment): boolean {
    const last = this.folder.snapshots.at(-1) ?? this.log.map.start;
    return moment.step > last.step && this.#work(last, moment) >= this.#everySteps;
  }

  /** What executing from one moment to another takes, in steps. */
  #work(from: Moment, to: Moment): number {
    return to.step - from.step + (to.epoch - from.epoch) * this.options.epochSteps;
  }

  /** Nothing is put between snapshots that are there. */
  #tellOfWideGaps(): void {
    const { path, snapshots } = this.folder;
    const all: readonly Moment[] = [this.log.map.start, ...snapshots];
    const gaps = snapshots.map((snapshot, index) => this.#work(all[index]!, snapshot));
    if (!gaps.some((gap) => gap > 2 * this.#everySteps)) return;
    this.options.note(
      `Up to step ${snapshots.at(-1)!.step} the index stays as it was made before, with fewer ` +
        `snapshots: remove ${path} to have it made anew`,
    );
  }

  #tell(step: number): IndexProgress {
    const progress = this.#progress(step);
    this.options.progress(progress);
    return progress;
  }

  #progress(step: number): IndexProgress {
    const { path, snapshots } = this.folder;
    const bytes = this.folder.bytes + mapBytes(path);
    return { step, end: this.log.map.end.step, snapshots: snapshots.length, bytes };
  }

  /** Goes to the last snapshot that is good, or to the start. */
  async #enter(): Promise<void> {
    for (;;) {
      const last = this.folder.snapshots.at(-1);
      if (!last) return await this.#playhead.enter(this.log.map.snapshots[0]!);
      try {
        await enterIndexed(this.#playhead, this.folder, last);
        this.#changedSince = last.step;
        return;
      } catch (error) {
        this.folder.reject(last, indexProblem(error));
      }
    }
  }

  async #take(): Promise<void> {
    const last = this.folder.snapshots.at(-1);
    const isBase = last !== undefined && last.step === this.#changedSince &&
      this.folder.chainOf(last).length < LONGEST_CHAIN;
    const base = isBase ? last : undefined;
    const { epoch, machine: { steps, consolePosition } } = this.#playhead.replica;
    const saidBytes = this.#said.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const console = consoleRecords(consolePosition - saidBytes, this.#said);
    const first: IndexSnapshotRecord = {
      kind: "index-snapshot",
      version: indexVersion,
      log: checksumWord(await this.log.checksumAt({ number: 0, byteOffset: 0 })),
      ...{ epoch, steps },
      record: checksumWord(await this.log.checksumAt(this.log.map.placeOf(epoch))),
      ...(console.length > 0 ? { consoleRecords: console.length } : {}),
      ...(base ? { base: base.step } : {}),
    };
    const records = this.#records(base);
    function* all(): Generator<IndexRecord> {
      yield* console;
      yield* records;
    }
    await this.folder.write(first, all());
    this.#said = [];
    this.#playhead.forgetChanged();
    this.#changedSince = steps;
    await this.#stayBelowLimit();
  }

  async #stayBelowLimit(): Promise<void> {
    const { limitBytes, note } = this.options;
    for (;;) {
      const { snapshots } = this.folder;
      const bytes = this.folder.bytes + mapBytes(this.folder.path);
      if (bytes <= limitBytes) return;
      if (snapshots.length < 3) {
        throw new IndexingError(
          `The index needs ${bytes} bytes for ${snapshots.length} snapshots, the limit is ` +
            `${limitBytes}: raise it`,
        );
      }
      if (!await thinIndex(this.folder)) {
        clean(this.folder);
        continue;
      }
      this.#everySteps *= 2;
      note(`The limit is reached: from now on a snapshot every ${this.#everySteps} steps`);
    }
  }

  *#records(base: IndexSnapshot | undefined): Generator<IndexRecord> {
    const { machine, epoch, time } = this.#playhead.replica;
    yield* ramRecords(base ? this.#changed() : this.#used());
    for (const operation of machine.outstanding.values()) {
      yield { kind: "snapshot-operation", operation };
    }
    const { steps } = machine;
    const [state, digest] = [machine.save(), machine.snapshotDigest()];
    yield { kind: "snapshot-commit", epoch, steps, time, state, digest };
  }

  *#changed(): Generator<Page> {
    for (const page of this.#playhead.changedPages().toSorted((a, b) => a - b)) {
      yield [page, this.#page(page)];
    }
  }

  *#used(): Generator<Page> {
    const { memory } = this.#playhead;
    for (let page = 0; page < memory.ramBytes / pageBytes; page++) {
      if (!this.#zeros.has(page)) yield [page, this.#page(page)];
    }
  }

  #page(page: number): Uint8Array {
    return this.#playhead.memory.ram.subarray(page * pageBytes, (page + 1) * pageBytes);
  }
}

/** Makes the folder, and keeps others from writing into it while this process lives. */
function lockFolder(path: string): Disposable {
  let lock: Deno.FsFile;
  try {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    // For reading as well: then a pipe of that name does not wait for somebody at its other end.
    const access = { read: true, write: true, create: true, mode: 0o600 };
    lock = Deno.openSync(`${path}/lock`, access);
  } catch (error) {
    throw new HostFileError(path, `Cannot write index ${path}: ${errorText(error)}`, {
      cause: error,
    });
  }
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  throw new IndexingError(`Another process is making index ${path}: wait for it`);
}

/** Removes what a killed process left, and what was found to be of no use. */
function clean(folder: IndexFolder): void {
  const used = new Set(folder.snapshots.map(({ path }) => path));
  for (const name of fs.readdirSync(folder.path)) {
    const path = `${folder.path}/${name}`;
    const isOurs = name.endsWith(UNFINISHED) || /^[0-9]{16}\.snapshot$/.test(name);
    if (isOurs && !used.has(path)) removeFile(path);
  }
}
