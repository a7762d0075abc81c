/**
 * Moments of a replay that are kept in memory, so that it goes back to them at once. They are dense near
 * the present and the sparser the farther away, within a bound in bytes.
 */
import type { TimeBase } from "../board/environment.ts";
import { Machine } from "../board/machine.ts";
import type { MachineState } from "../board/machine_state.ts";
import type { Operation } from "../board/operation.ts";
import { type EpochProgress, Replica, type ReplicaEvents } from "../epoch/replica.ts";
import { isUpTo, type Moment, workUpTo } from "./moment.ts";
import type { PageStore, RamPages } from "./page_store.ts";

/** What a checkpoint takes beside its pages: the state of the devices, about. */
const STATE_BYTES = 1 << 16;

/** A moment that can be gone back to. */
export interface Checkpoint extends Moment {
  /** RAM. */
  readonly pages: RamPages;
  /** Everything else. */
  readonly state: MachineState;
  /** Outstanding operations in order of number. */
  readonly operations: readonly Operation[];
  /** The time base of the epoch after {@linkcode Moment.epoch}. */
  readonly time: TimeBase;
  /** In the middle of an epoch: how far it has come. */
  readonly progress: EpochProgress | undefined;
}

/** Keeps checkpoints of one replay. */
export class Checkpoints {
  readonly #store: PageStore;
  readonly #budgetBytes: number;
  /** In the order of their moments. */
  readonly #kept: Checkpoint[] = [];

  /**
   * None yet.
   *
   * @param budgetBytes Most bytes that they take; one is always kept.
   */
  constructor(store: PageStore, budgetBytes: number) {
    this.#store = store;
    this.#budgetBytes = budgetBytes;
  }

  /** How many are kept. */
  get count(): number {
    return this.#kept.length;
  }

  /** Bytes that they take, about. */
  get bytes(): number {
    return this.#store.bytes + this.#kept.length * STATE_BYTES;
  }

  /** The last one at or before a moment. */
  latestUpTo(moment: Moment): Checkpoint | undefined {
    return this.#kept[this.#indexAfter(moment) - 1];
  }

  /**
   * Keeps the present moment of a replay.
   *
   * @param pages RAM as it stands, just taken.
   */
  add({ machine, epoch, time, progress }: Replica, pages: RamPages): Checkpoint {
    const checkpoint = {
      ...{ epoch, step: machine.steps, pages, time, progress },
      state: machine.save(),
      operations: [...machine.outstanding.values()],
    };
    this.#kept.splice(this.#indexAfter(checkpoint), 0, checkpoint);
    while (this.bytes > this.#budgetBytes && this.#kept.length > 1) this.#thin(checkpoint);
    return checkpoint;
  }

  /** Drops the one that is missed least, seen from `present`, which stays. */
  #thin(present: Checkpoint): void {
    let least = Infinity;
    let chosen = 0;
    this.#kept.forEach((checkpoint, index) => {
      if (checkpoint === present) return;
      const workAt = (at: number) => workUpTo(this.#kept[at] ?? checkpoint);
      const distance = Math.abs(workUpTo(present) - workUpTo(checkpoint)) + 1;
      const missed = (workAt(index + 1) - workAt(index - 1)) / distance;
      if (missed < least) [least, chosen] = [missed, index];
    });
    const [dropped] = this.#kept.splice(chosen, 1);
    this.#store.release(dropped!.pages);
  }

  /** How many stand at or before a moment. */
  #indexAfter(moment: Moment): number {
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isUpTo(this.#kept[middle]!, moment)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A replica at the moment of a checkpoint, in the memory of `before`, in which its pages stand again. */
export function replicaAt(
  { epoch, state, operations, time, progress }: Checkpoint,
  before: Machine,
  events: ReplicaEvents,
): Replica {
  const { configuration, image, memory } = before;
  const machine = Machine.restore({ configuration, image, state, operations, memory });
  const replica = new Replica(machine, epoch, time, events);
  if (progress) replica.resume(progress);
  return replica;
}
