/**
 * Plays a log as a backup does, but in slices, chunks and with cache losses of any size: nothing of that
 * may show (design invariant 2).
 */
import type { Machine } from "../../lib/board/machine.ts";
import { DivergenceError } from "../../lib/epoch/divergence.ts";
import type { EndRecord, EpochRecord } from "../../lib/epoch/record.ts";
import type { Replica } from "../../lib/epoch/replica.ts";
import { LogReader } from "../../lib/log/log_reader.ts";
import type { LogItem } from "../../lib/log/record_decoder.ts";
import { SnapshotRestorer } from "../../lib/replica/restore.ts";
import type { Seeded } from "../epoch/seeded.ts";

/** How to play. */
export interface PlayingOptions {
  /** Chooses everything that may be chosen; without it, everything is done whole. */
  readonly random?: Seeded;
  /** Largest slice of an epoch, in steps. */
  readonly sliceSteps?: number;
  /** Caches are dropped after one slice in so many. */
  readonly dropCachesOnceIn?: number;
  /** Enters at this key snapshot, counted from 0. */
  readonly fromSnapshot?: number;
  /** Called before each epoch. */
  readonly beforeEpoch?: (record: EpochRecord, replica: Replica) => void;
  /** Called after each epoch. */
  readonly afterEpoch?: (record: EpochRecord, replica: Replica) => void;
}

/** What came out. */
export interface Played {
  readonly machine: Machine;
  readonly replica: Replica;
  /** Console output since the snapshot entered. */
  readonly console: Uint8Array;
  /** Position of its first byte. */
  readonly consoleStart: number;
  readonly epochs: number;
  /** Epochs of no step. */
  readonly wakings: number;
  /** Key snapshots in the log. */
  readonly snapshots: number;
  readonly end: EndRecord | undefined;
}

/** A stream of these bytes, in chunks of random sizes or in one. */
export function streamOf(bytes: Uint8Array, random?: Seeded): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      const length = random ? random.upTo(20_000) : bytes.length;
      controller.enqueue(bytes.slice(at, at + length));
      at += length;
    },
  }, { highWaterMark: 0 });
}

/** Plays the whole log. */
export async function play(log: Uint8Array, options: PlayingOptions = {}): Promise<Played> {
  const player = new Player(options);
  const reader = new LogReader(streamOf(log, options.random));
  for await (const item of reader) player.accept(item);
  return player.played();
}

class Player {
  readonly #options: PlayingOptions;
  #restorer: SnapshotRestorer | undefined;
  #replica: Replica | undefined;
  readonly #console: Uint8Array[] = [];
  #consoleStart = 0;
  #epochs = 0;
  #wakings = 0;
  #snapshots = 0;
  #end: EndRecord | undefined;

  constructor(options: PlayingOptions) {
    this.#options = options;
  }

  accept(item: LogItem): void {
    const { record } = item;
    switch (record.kind) {
      case "header":
        this.#restorer = new SnapshotRestorer(record);
        return;
      case "epoch":
        if (this.#replica) this.#execute(record, this.#replica);
        return;
      case "end":
        this.#end = record;
        return;
      case "note":
      case "heartbeat":
        return;
      default:
        this.#snapshot(item);
        if (record.kind === "snapshot-commit") this.#snapshots++;
    }
  }

  played(): Played {
    const replica = this.#replica;
    if (!replica) throw new Error("The log has no such snapshot");
    const console = new Uint8Array(this.#console.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#console) {
      console.set(part, at);
      at += part.length;
    }
    return {
      ...{ machine: replica.machine, replica, console, consoleStart: this.#consoleStart },
      ...{ epochs: this.#epochs, wakings: this.#wakings, snapshots: this.#snapshots },
      end: this.#end,
    };
  }

  #snapshot(item: LogItem): void {
    const { record } = item;
    if (this.#replica) {
      if (record.kind !== "snapshot-commit") return;
      const { machine } = this.#replica;
      if (machine.snapshotDigest() === record.digest) return;
      throw new DivergenceError(record.epoch, machine.steps, "the snapshot's digest is another");
    }
    if (this.#snapshots !== (this.#options.fromSnapshot ?? 0)) return;
    this.#replica = this.#restorer!.accept(item, {
      console: (bytes) => void this.#console.push(bytes),
    });
    if (this.#replica) this.#consoleStart = this.#replica.machine.consolePosition;
  }

  #execute(record: EpochRecord, replica: Replica): void {
    const { random, sliceSteps = 2 ** 28, dropCachesOnceIn } = this.#options;
    this.#options.beforeEpoch?.(record, replica);
    replica.begin(record);
    while (!replica.advance(random ? random.upTo(sliceSteps) : sliceSteps)) {
      if (dropCachesOnceIn && random?.once(dropCachesOnceIn)) replica.machine.dropCaches();
    }
    if (dropCachesOnceIn && random?.once(dropCachesOnceIn)) replica.machine.dropCaches();
    this.#epochs++;
    if (record.steps === 0) this.#wakings++;
    this.#options.afterEpoch?.(record, replica);
  }
}
