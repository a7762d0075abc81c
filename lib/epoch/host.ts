/**
 * What the hypervisor needs from the host. `lib/host` implements it on real clocks and files, tests on
 * simulated ones.
 */
import { maximumEpochFrames } from "../board/ethernet.ts";
import type {
  Completion,
  CompletionStatus,
  Operation,
  OperationRequest,
} from "../board/operation.ts";
import type { EpochRecord } from "./record.ts";

/** The host's two clocks. */
export interface HostClock {
  /** Ticks of 100 ns since an arbitrary moment; never goes back. */
  monotonicTicks(): number;
  /** Nanoseconds since 1970. */
  realtimeNanoseconds(): bigint;
}

/**
 * What a turn of the event loop is for: `answers` that a guest waits for; `records`, which somebody may
 * wait for; or `callers`, who come when they like. The sooner it is to be seen, the more it costs.
 */
export type Expecting = "answers" | "records" | "callers";

/** How the loop gives the host's event loop its turn. */
export interface HostLoop {
  /**
   * Lets pending host events run, then resumes as soon as possible.
   *
   * @param expecting What streams or files may bring: answers unless said.
   */
  turn(expecting?: Expecting): Promise<void>;
  /** Resolves after `ticks` (or never, when undefined), or earlier when `wake` resolves. */
  sleep(ticks: number | undefined, wake: Promise<void>): Promise<void>;
  /** Calls `action` about every `ticks` until the function that it returns is called. */
  every(ticks: number, action: () => void): () => void;
}

/** What a device back answers. `data` holds the sectors of a read. */
export interface Performed {
  /** How the operation ended. */
  readonly status: CompletionStatus;
  /** The sectors of a read that is `done`. */
  readonly data?: Uint8Array;
}

/** The machine's devices outside: disks, bill file, console. */
export interface DeviceBacks {
  /** Performs one operation. Never rejects: failures are statuses. Calls are made in issue order. */
  perform(request: OperationRequest): Promise<Performed>;
  /** Writes console bytes; `position` is that of the first. Resolves when they are performed. */
  writeConsole(position: number, bytes: Uint8Array): Promise<void>;
  /** Console bytes below this position are performed. */
  readonly consolePerformed: number;
  /** Resolves when the console has room; undefined when it has. */
  consoleRoom(): Promise<void> | undefined;
  /** Sends a network frame, or drops it; never waits. Absent: the machine hangs on no network. */
  sendFrame?(frame: Uint8Array): void;
}

/** Where finished epochs go: the log, the members, and from there the devices. */
export interface Outlet {
  /** Whether an acknowledgement, a completion or a frame is waited for. */
  readonly expecting: boolean;
  /** Whether anybody gets the records. Otherwise epochs have none: digests are for those who read them. */
  readonly recording: boolean;
  /**
   * Takes the record of a finished epoch with what that epoch wants done outside. Called before the
   * next epoch starts; a promise slows the guest down until it resolves (bounded buffers).
   *
   * @param record Absent when nobody gets it.
   * @param operations Operations issued in the epoch, in order. The outlet performs each when output
   *   commit allows it, and answers through {@linkcode Arrivals}.
   * @param console Console bytes of the epoch; the last one has position `consolePosition - 1`.
   * @param frames Network frames of the epoch, in order.
   */
  epochEnded(
    epoch: number,
    record: EpochRecord | undefined,
    operations: readonly Operation[],
    console: Uint8Array,
    frames: readonly Uint8Array[],
  ): Promise<void> | undefined;
}

/** Frames that wait for a guest to make room; what comes when there are so many is dropped. */
const WAITING_FRAMES = 512;

/** DMA blocks in one record, unless a single completion has more: readers bound what they decode. */
const RECORD_BLOCKS = 8192;

/** Most epochs have no input. */
const NO_INPUT = new Uint8Array(0);

/** What has reached the machine from outside and waits for the end of an epoch (buffer-interrupt). */
export class Arrivals {
  readonly #completions: Completion[] = [];
  #input: Uint8Array[] = [];
  #inputBytes = 0;
  #frames: Uint8Array[] = [];
  #performed = 0;
  #wake: (() => void) | undefined;

  /** A completion that waits for delivery. */
  complete(completion: Completion): void {
    this.#completions.push(completion);
    this.#signal();
  }

  /** Console input that waits for delivery. */
  type(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#input.push(bytes);
    this.#inputBytes += bytes.length;
    this.#signal();
  }

  /** A frame that waits for delivery; dropped when too many wait, as on any network. */
  receive(frame: Uint8Array): void {
    if (this.#frames.length >= WAITING_FRAMES) return;
    this.#frames.push(frame);
    this.#signal();
  }

  /**
   * Console output below this position is performed. It rides on the next record; only a machine whose
   * console is full has an epoch for it.
   */
  performed(position: number): void {
    if (position <= this.#performed) return;
    this.#performed = position;
    this.#signal();
  }

  /** Makes the hypervisor look up, for instance to stop. */
  nudge(): void {
    this.#signal();
  }

  /** Whether something waits that a machine with so much room for input and frames can take. */
  pending(inputRoom: number, frameRoom = 0): boolean {
    return this.#completions.length > 0 || (this.#inputBytes > 0 && inputRoom > 0) ||
      (this.#frames.length > 0 && frameRoom > 0);
  }

  /** Bytes of console input that wait. */
  get inputBytes(): number {
    return this.#inputBytes;
  }

  /** The highest console position known to be performed. */
  get consolePerformed(): number {
    return this.#performed;
  }

  /** Resolves at the next arrival. For one waiter: a later call takes the place of an earlier one. */
  arrival(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Takes completions with at most `limitBytes` of data in some blocks, but at least one if there is one. */
  takeCompletions(limitBytes: number): Completion[] {
    let bytes = 0;
    let blocks = 0;
    let count = 0;
    for (const completion of this.#completions) {
      for (const block of completion.blocks) bytes += block.data.length;
      blocks += completion.blocks.length;
      if (count > 0 && (bytes > limitBytes || blocks > RECORD_BLOCKS)) break;
      count++;
    }
    return this.#completions.splice(0, count);
  }

  /** Takes at most `limit` bytes of console input. */
  takeInput(limit: number): Uint8Array {
    if (this.#inputBytes === 0) return NO_INPUT;
    const taken = new Uint8Array(Math.min(limit, this.#inputBytes));
    let filled = 0;
    while (filled < taken.length) {
      const chunk = this.#input[0]!;
      const part = chunk.subarray(0, taken.length - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.#input.shift();
      else this.#input[0] = chunk.subarray(part.length);
    }
    this.#inputBytes -= taken.length;
    return taken;
  }

  /** Takes as many frames as there is room for; undefined: nobody listens, and all are lost. */
  takeFrames(room: number | undefined): Uint8Array[] {
    if (room !== undefined) return this.#frames.splice(0, Math.min(room, maximumEpochFrames));
    this.#frames = [];
    return [];
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
