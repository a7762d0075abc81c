/**
 * Output commit: holds back what leaves the machine until every member that may be promoted has the
 * record of the epoch that issued it (design invariant 4; paper: revised protocol). Reads need not wait.
 */
import type { Completion, Operation } from "../board/operation.ts";
import type { Machine } from "../board/machine.ts";
import type { Arrivals, DeviceBacks, Performed } from "../epoch/host.ts";
import { waitsForCommit } from "./rules.ts";

/** Most bytes of network frames that wait for commit; more are dropped, as on any network. */
const HELD_FRAME_BYTES = 2 ** 21;

/** An output that waits for the commit of its epoch. */
interface Held {
  readonly epoch: number;
  readonly perform: () => void;
}

/** Counts that a status line shows. */
export interface DispatcherCounts {
  /** Outputs that wait for commit. */
  readonly held: number;
  /** Operations that the backs are performing. */
  readonly underWay: number;
  /** Highest epoch whose outputs may have left. */
  readonly released: number;
}

/** Performs a live machine's outputs, each as soon as output commit allows. */
export class Dispatcher {
  #held: Held[] = [];
  #underWay = 0;
  #released = 0;
  #heldFrameBytes = 0;
  #closed = false;
  readonly #waiters: (() => void)[] = [];

  /**
   * Performs nothing before {@linkcode submit} and {@linkcode release}.
   *
   * @param machine The live machine.
   * @param backs Its devices.
   * @param arrivals Where completions go.
   * @param dispatched Told whenever an output that waited for commit goes to its device.
   */
  constructor(
    private readonly machine: Machine,
    private readonly backs: DeviceBacks,
    private readonly arrivals: Arrivals,
    private readonly dispatched: (epoch: number) => void,
  ) {}

  /** What waits and what is under way. */
  get counts(): DispatcherCounts {
    return { held: this.#held.length, underWay: this.#underWay, released: this.#released };
  }

  /** Takes the outputs of an epoch, in order; they go when {@linkcode release} reaches the epoch. */
  submit(
    epoch: number,
    operations: readonly Operation[],
    consolePosition: number,
    console: Uint8Array,
    frames: readonly Uint8Array[] = [],
  ): void {
    if (console.length > 0) {
      this.#hold(epoch, () => this.#writeConsole(consolePosition, console));
    }
    for (const operation of operations) {
      if (waitsForCommit(operation.request.kind)) {
        this.#hold(epoch, () => this.#perform(operation));
      } else {
        this.#perform(operation);
      }
    }
    if (frames.length > 0) this.#submitFrames(epoch, frames);
  }

  /** Lets the outputs of all epochs up to and including `epoch` go. */
  release(epoch: number): void {
    if (epoch <= this.#released) return;
    this.#released = epoch;
    let count = 0;
    while (count < this.#held.length && this.#held[count]!.epoch <= epoch) count++;
    for (const held of this.#held.splice(0, count)) this.#go(held);
  }

  /** Epoch of the oldest output that waits for commit, if any. */
  get oldestHeldEpoch(): number | undefined {
    return this.#held[0]?.epoch;
  }

  /** Starts nothing more (hand-over, failure); what is under way goes on. */
  close(): void {
    this.#closed = true;
    this.#held = [];
    this.#heldFrameBytes = 0;
  }

  /** Resolves when nothing waits for commit or is under way. */
  async settled(): Promise<void> {
    while (this.#held.length > 0 || this.#underWay > 0) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #hold(epoch: number, perform: () => void): void {
    if (this.#closed) return;
    if (epoch <= this.#released && this.#held.length === 0) this.#go({ epoch, perform });
    else this.#held.push({ epoch, perform });
  }

  #go(held: Held): void {
    this.dispatched(held.epoch);
    held.perform();
  }

  #submitFrames(epoch: number, frames: readonly Uint8Array[]): void {
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    if (this.#heldFrameBytes + bytes > HELD_FRAME_BYTES) return;
    this.#heldFrameBytes += bytes;
    this.#hold(epoch, () => {
      this.#heldFrameBytes -= bytes;
      for (const frame of frames) this.backs.sendFrame?.(frame);
    });
  }

  #perform(operation: Operation): void {
    if (this.#closed) return;
    this.#track(
      this.backs.perform(operation.request).then((performed) => {
        this.arrivals.complete(completion(this.machine, operation, performed));
      }),
    );
  }

  #writeConsole(position: number, bytes: Uint8Array): void {
    this.#track(
      this.backs.writeConsole(position, bytes).then(() => {
        this.arrivals.performed(this.backs.consolePerformed);
      }),
    );
  }

  #track(work: Promise<void>): void {
    this.#underWay++;
    // A back never rejects; a broken promise is nobody's to catch.
    void work.finally(() => {
      this.#underWay--;
      for (const resolve of this.#waiters.splice(0)) resolve();
    });
  }
}

/** Makes the completion of `operation` from what its back answered. */
function completion(machine: Machine, operation: Operation, performed: Performed): Completion {
  const blocks = performed.data && performed.status === "done"
    ? machine.dmaBlocks(operation.number, performed.data)
    : [];
  return { operation: operation.number, status: performed.status, blocks };
}
