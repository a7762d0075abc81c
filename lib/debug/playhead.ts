/** A replica on its way through a stored log: entered at a snapshot, executed to the step. */
import type { Machine } from "../board/machine.ts";
import { GuestMemory } from "../cpu/memory.ts";
import { DivergenceError } from "../epoch/divergence.ts";
import { ZeroPages } from "../cpu/zero_pages.ts";
import type { EpochRecord } from "../epoch/record.ts";
import type { Replica, ReplicaEvents } from "../epoch/replica.ts";
import { pageBytes } from "../log/limits.ts";
import { LogError } from "../log/log_error.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { SnapshotRestorer } from "../replica/restore.ts";
import { ChangedPages } from "./changed_pages.ts";
import type { KeySnapshot, Place } from "./log_map.ts";
import type { Moment } from "./moment.ts";
import type { LogCursor, StoredLog } from "./stored_log.ts";

const ZERO_PAGE = new Uint8Array(pageBytes);

/**
 * Where a replay stands in its log. Every epoch that it executes to its end is compared with the digests
 * in the log. It stands nowhere before it has been put somewhere, and after an error.
 */
export class Playhead {
  /** The guest's memory; one and the same for all machines that stand here in turn. */
  readonly memory: GuestMemory;
  /** Takes the console output of each epoch when it ends. */
  onConsole: ((bytes: Uint8Array) => void) | undefined;
  /** What replicas tell of themselves; for whoever makes one. */
  readonly events: ReplicaEvents = { console: (bytes) => this.onConsole?.(bytes) };
  readonly #changed: ChangedPages;
  /** There once somebody may have written to memory. */
  #zeros: ZeroPages | undefined;
  #replica: Replica | undefined;
  #isSound = false;
  #cursor: LogCursor | undefined;

  /** Stands nowhere yet. */
  constructor(
    /** The log. */
    readonly log: StoredLog,
  ) {
    const { ramBytes } = log.header.configuration;
    this.memory = new GuestMemory(ramBytes);
    this.#changed = new ChangedPages(ramBytes / pageBytes);
  }

  /** Whether it stands anywhere. */
  get isSound(): boolean {
    return this.#isSound;
  }

  /** The replica that stands here. */
  get replica(): Replica {
    if (!this.#replica || !this.#isSound) throw new Error("The replay stands nowhere: seek first");
    return this.#replica;
  }

  /** The machine that stood here last, sound or not. */
  get lastMachine(): Machine | undefined {
    return this.#replica?.machine;
  }

  /** Where it stands. */
  get moment(): Moment {
    const { epoch, machine: { steps: step } } = this.replica;
    return { epoch, step };
  }

  /** Pages of RAM that may have changed since {@linkcode forgetChanged}, or since it was put here. */
  changedPages(): readonly number[] {
    this.#changed.add(this.memory.writtenPages());
    return this.#changed.pages;
  }

  /** RAM as it stands is known. */
  forgetChanged(): void {
    this.#changed.clear();
  }

  /** Readies the memory for another machine; it stands nowhere until {@linkcode put}. */
  leave(): void {
    this.#isSound = false;
    this.#cursor = undefined;
    // Without triggers and caches nobody has to be told of what is written to the memory.
    this.#replica?.machine.arm([], () => false);
  }

  /** Makes RAM zeros, all of it. */
  blankMemory(): void {
    const isFresh = this.#zeros === undefined;
    this.#zeros ??= new ZeroPages(this.memory);
    // Nobody has written to it, and a first look at each page would take longer than all that follows.
    if (isFresh) return;
    for (let page = 0; page < this.memory.ramBytes / pageBytes; page++) {
      if (this.#zeros.has(page)) continue;
      this.memory.write(GuestMemory.ramBase + page * pageBytes, ZERO_PAGE);
    }
  }

  /** Puts a replica here, whose machine lives in {@linkcode memory}. */
  put(replica: Replica): void {
    this.#replica = replica;
    this.#changed.clear();
    this.#isSound = true;
  }

  /**
   * Goes to a key snapshot.
   *
   * @throws {LogError} when it is not what it was when the log was opened
   * @throws {DivergenceError} when its digest is another
   */
  async enter(snapshot: KeySnapshot): Promise<void> {
    this.leave();
    this.blankMemory();
    const restorer = new SnapshotRestorer(this.log.header, this.memory);
    const cursor = this.log.recordsAfter(snapshot.before);
    for (;;) {
      const item = await cursor.next();
      if (!item) throw this.#cut(snapshot.before);
      const replica = restorer.accept(item, this.events);
      if (!replica) continue;
      if (replica.epoch !== snapshot.epoch || replica.machine.steps !== snapshot.step) {
        throw contradicted(item);
      }
      this.put(replica);
      this.#cursor = cursor;
      return;
    }
  }

  /**
   * Executes to the end of the epoch, but at most so many steps and not beyond `target`.
   *
   * @param execute Advances the replica in place of one call.
   * @throws {DivergenceError} when the machine is not the one that the log describes
   */
  async advance(
    target: Moment,
    steps: number,
    execute = (replica: Replica, most: number): unknown => replica.advance(most),
  ): Promise<void> {
    const { replica } = this;
    if (!replica.record) {
      const record = await this.#nextRecord(replica.epoch);
      this.#changed.add(this.memory.writtenPages());
      this.#isSound = false;
      replica.begin(record);
    }
    this.#isSound = false;
    execute(replica, Math.min(steps, target.step - replica.machine.steps));
    this.#isSound = true;
  }

  async #nextRecord(epoch: number): Promise<EpochRecord> {
    this.#cursor ??= this.log.recordsAfter(this.log.map.placeOf(epoch));
    for (;;) {
      const item = await this.#cursor.next();
      if (!item) throw this.#cut(this.log.map.placeOf(epoch));
      const { record } = item;
      if (record.kind !== "epoch") continue;
      const steps = this.replica.machine.steps + record.steps;
      if (record.epoch === epoch + 1 && this.log.map.atEpoch(epoch + 1)?.step === steps) {
        return record;
      }
      throw contradicted(item);
    }
  }

  /** Somebody has cut the log since it was opened, somewhere behind this record. */
  #cut({ number }: Place): LogError {
    const place = { recordNumber: number + 1, byteOffset: this.log.ending.byteLength };
    return new LogError("damaged", place, "Records before this place are no longer there");
  }
}

/** The log is not what its map says. */
function contradicted({ record, number: recordNumber, byteOffset }: LogItem): LogError {
  const place = { recordNumber, byteOffset, recordKind: record.kind };
  const text = "The log's map says otherwise: remove its index, if it has one";
  return new LogError("out-of-order", place, text);
}

/** Whether a snapshot is there as it was written, and says what cannot be. */
export function isOfSnapshot(error: unknown): error is Error {
  return error instanceof DivergenceError ||
    (error instanceof LogError && error.reason === "malformed");
}
