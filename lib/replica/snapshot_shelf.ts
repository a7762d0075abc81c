/**
 * Snapshots of a machine that goes on running: RAM is copied into a warm buffer at an epoch's end, and
 * packed, digested and shipped from there (design section 6, joining).
 */
import type { BootImage } from "../board/boot_image.ts";
import type { TimeBase } from "../board/environment.ts";
import type { Machine } from "../board/machine.ts";
import { ZeroPages } from "../cpu/zero_pages.ts";
import type { HostClock, HostLoop } from "../epoch/host.ts";
import { type SnapshotRecords, snapshotRecords, type Wait } from "../log/snapshot_records.ts";
import { pageBytes } from "../log/limits.ts";
import { RamCopy } from "./ram_copy.ts";
import { SnapshotWorker } from "./snapshot_worker.ts";

/** Everything in a snapshot but pages: state, operations, frames. */
const STATE_BYTES = 1 << 20;

/** Buffers that are kept where many snapshots are to come: a log may have two of them on their way. */
const KEPT_FOR_MANY = 2;

/** Keeps buffers for snapshots, so that taking one costs a copy and not a page fault for each page. */
export class SnapshotShelf {
  readonly #machine: Machine;
  readonly #zeros: ZeroPages;
  readonly #free: RamCopy[] = [];
  /** How many buffers are kept for the next snapshots: none where none is expected. */
  #kept = 0;
  /** All there are: the free one, and those whose snapshots are on their way, unless they are called off. */
  readonly #copies = new Set<WeakRef<RamCopy>>();
  readonly #worker = new SnapshotWorker();
  #pauseTicks = 0;
  #largestBytes = 0;

  /** Allocates nothing before the first snapshot, or {@linkcode warm}. */
  constructor(machine: Machine) {
    this.#machine = machine;
    this.#zeros = new ZeroPages(machine.memory);
  }

  /** How long the guest stood still for the last snapshot, ticks. */
  get pauseTicks(): number {
    return this.#pauseTicks;
  }

  /** Bytes of pages in the last snapshot before packing, and a little: it takes no more. */
  get largestBytes(): number {
    return this.#largestBytes;
  }

  /**
   * Makes a buffer ready for the next snapshot, a slice at a time, so that the guest goes on meanwhile.
   *
   * @param which For all of the guest's memory, or for what it uses of it now.
   */
  async warm(loop: HostLoop, which: "all" | "used" = "all"): Promise<void> {
    this.#kept ||= 1;
    if (this.#free.length > 0) return;
    const copy = this.#keep(new RamCopy(this.#machine.memory.ramBytes));
    await copy.warm(this.#zeros, loop, which);
    this.#putBack(copy);
  }

  /** To be called at each epoch's end, before a snapshot is taken there: what it has written is noted. */
  epochEnded(): void {
    if (this.#copies.size === 0) return;
    const pages = this.#machine.memory.written;
    for (const reference of this.#copies) {
      const copy = reference.deref();
      if (copy) copy.outdate(pages);
      else this.#copies.delete(reference);
    }
  }

  /**
   * Many snapshots are to come.
   *
   * @param thread Whether another thread packs and digests them from now on.
   */
  expectMany(thread: boolean): void {
    this.#kept = KEPT_FOR_MANY;
    if (thread) this.#worker.start();
  }

  /** No snapshot is asked for any more. */
  close(): void {
    this.#worker.close();
  }

  /**
   * Takes a key snapshot of the machine, which stands at the end of `epoch`. Its records are made one by
   * one as they are asked for.
   *
   * @param time The time base of the next epoch.
   */
  take(epoch: number, time: TimeBase, clock: HostClock): SnapshotRecords {
    const before = clock.monotonicTicks();
    const copy = this.#buffer();
    copy.take(this.#machine.memory, this.#zeros);
    const snapshot = this.#snapshotOf(copy, epoch, time);
    this.#pauseTicks = clock.monotonicTicks() - before;
    return snapshot;
  }

  /**
   * As {@linkcode take}, for a machine that nobody runs before this is done, and of whose epochs nobody has
   * told: others have a turn now and then, so that a backup goes on acknowledging.
   */
  async takeStanding(epoch: number, time: TimeBase, loop: HostLoop): Promise<SnapshotRecords> {
    const copy = this.#buffer();
    copy.outdate("any");
    for (const _ of copy.taking(this.#machine.memory, this.#zeros)) await loop.turn();
    return this.#snapshotOf(copy, epoch, time);
  }

  #buffer(): RamCopy {
    const free = this.#free.pop();
    if (free) return free;
    const { memory: { ramBytes }, image, untouched } = this.#machine;
    // At power-on nobody needs to look at RAM: it is the image.
    return this.#keep(untouched ? RamCopy.of(ramBytes, image.pages()) : new RamCopy(ramBytes));
  }

  #keep(copy: RamCopy): RamCopy {
    this.#copies.add(new WeakRef(copy));
    return copy;
  }

  #snapshotOf(copy: RamCopy, epoch: number, time: TimeBase): SnapshotRecords {
    const machine = this.#machine;
    this.#largestBytes = copy.usedBytes + imageBytes(machine.image) + STATE_BYTES;
    const { steps } = machine;
    const state = machine.save();
    const operations = [...machine.outstanding.values()];
    const digestWith = machine.snapshotDigestWith();
    return this.#records(copy, () => ({
      ...{ epoch, time, steps, state, operations },
      image: machine.image.pages(),
      ram: copy.pages(),
      digest: digestOf(copy, digestWith, this.#worker),
      pack: (data) => this.#worker.pack(data),
    }));
  }

  *#records(
    copy: RamCopy,
    parts: () => Parameters<typeof snapshotRecords>[0],
  ): SnapshotRecords {
    try {
      yield* snapshotRecords(parts());
    } finally {
      this.#putBack(copy);
    }
  }

  #putBack(copy: RamCopy): void {
    if (this.#free.length < this.#kept) this.#free.push(copy);
  }
}

/** A snapshot of a machine at power-on takes no more: its memory is its image. */
export function powerOnSnapshotBytes(image: BootImage): number {
  return imageBytes(image) + STATE_BYTES;
}

function imageBytes({ segments }: BootImage): number {
  return segments.reduce((sum, { data }) => sum + data.length + 2 * pageBytes, 0);
}

function* digestOf(
  copy: RamCopy,
  digestWith: (ramDigest: bigint) => bigint,
  worker: SnapshotWorker,
): Generator<Wait, bigint, undefined> {
  return digestWith(yield* copy.digest(worker));
}
