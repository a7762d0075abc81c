/**
 * Snapshots of a machine that goes on running: RAM is copied into a warm buffer at an epoch's end, and
 * shipped from there (design section 6, joining).
 */
import type { TimeBase } from "../board/environment.ts";
import type { Machine } from "../board/machine.ts";
import type { HostClock, HostLoop } from "../epoch/host.ts";
import type { LogRecord } from "../epoch/record.ts";
import { memoryPages, snapshotRecords } from "../log/snapshot_records.ts";

/** Bytes made ready between two turns of the event loop. */
const WARM_SLICE_BYTES = 1 << 20;

/** Keeps buffers for snapshots, so that taking one costs a copy and not a page fault for each page. */
export class SnapshotShelf {
  readonly #ramBytes: number;
  /** At most one: several that were needed at once are not kept. */
  readonly #free: Uint8Array[] = [];
  #pauseTicks = 0;

  /**
   * Allocates nothing before the first snapshot, or {@linkcode warm}.
   *
   * @param ramBytes Size of the machine's RAM.
   */
  constructor(ramBytes: number) {
    this.#ramBytes = ramBytes;
  }

  /** How long the guest stood still for the last snapshot, ticks. */
  get pauseTicks(): number {
    return this.#pauseTicks;
  }

  /** Makes a buffer ready for the next snapshot, a slice at a time, so that the guest goes on meanwhile. */
  async warm(loop: HostLoop): Promise<void> {
    if (this.#free.length > 0) return;
    const buffer = new Uint8Array(this.#ramBytes);
    for (let offset = 0; offset < buffer.length; offset += 4096) {
      // A page that is written to is there from now on.
      buffer[offset] = 1;
      if (offset % WARM_SLICE_BYTES === 0) await loop.turn();
    }
    if (this.#free.length === 0) this.#free.push(buffer);
  }

  /**
   * Takes a key snapshot of a machine that stands at the end of `epoch`. Its records are made one by one
   * as they are asked for.
   *
   * @param time The time base of the next epoch.
   */
  take(machine: Machine, epoch: number, time: TimeBase, clock: HostClock): Generator<LogRecord> {
    const before = clock.monotonicTicks();
    const ram = this.#free.pop() ?? new Uint8Array(this.#ramBytes);
    ram.set(machine.memory.ram);
    const snapshot = {
      epoch,
      time,
      steps: machine.steps,
      state: machine.save(),
      operations: [...machine.outstanding.values()],
      digest: machine.snapshotDigest(),
      image: machine.image.pages(),
      ram: memoryPages(ram),
    };
    this.#pauseTicks = clock.monotonicTicks() - before;
    const free = this.#free;
    return (function* () {
      try {
        yield* snapshotRecords(snapshot);
      } finally {
        if (free.length === 0) free.push(ram);
      }
    })();
  }
}
