/** Turns counters into the figures of a status line, some times a second. */
import type { Machine } from "../board/machine.ts";
import type { LiveMachine } from "../replica/live.ts";
import type { Role, Status } from "./event.ts";
import type { Reporter } from "./reporter.ts";

/** The counters of a moment. */
export interface Counters {
  /** What the process is at this moment. */
  readonly role: Role;
  /** Last finished epoch. */
  readonly epoch: number;
  /** Epochs that the slowest member is behind. */
  readonly lagEpochs: number;
  /** Log bytes so far. */
  readonly logBytes: number;
  /** Steps since power-on. */
  readonly steps: number;
  /** Guest time, ticks. */
  readonly guestTicks: number;
  /** Pause of the guest for the last snapshot, ticks. */
  readonly snapshotPauseTicks: number;
}

/** Weight of the newest reading in a rate. */
const SMOOTHING = 0.4;

/** Tells a status at even intervals until stopped. */
export class StatusMeter {
  readonly #timer: ReturnType<typeof setInterval>;
  #last: Counters | undefined;
  #lastAt = performance.now();
  #mips = 0;
  #logBytesPerSecond = 0;

  /**
   * Starts telling.
   *
   * @param look Reads the counters; undefined while there is nothing to tell.
   */
  constructor(
    private readonly reporter: Reporter,
    private readonly look: () => Counters | undefined,
  ) {
    this.#timer = setInterval(() => this.tell(), reporter.statusMilliseconds);
  }

  /** Tells the status of now. */
  tell(): void {
    const counters = this.look();
    if (counters) this.reporter.tell(this.#statusOf(counters));
  }

  /** Stops telling. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #statusOf(counters: Counters): Status {
    const now = performance.now();
    const seconds = (now - this.#lastAt) / 1000;
    if (this.#last && seconds > 0) {
      const mips = (counters.steps - this.#last.steps) / seconds / 1e6;
      const rate = (counters.logBytes - this.#last.logBytes) / seconds;
      this.#mips += (mips - this.#mips) * SMOOTHING;
      this.#logBytesPerSecond += (rate - this.#logBytesPerSecond) * SMOOTHING;
    }
    this.#last = counters;
    this.#lastAt = now;
    const { role, epoch, lagEpochs, logBytes, steps, guestTicks } = counters;
    return {
      kind: "status",
      ...{ role, epoch, lagEpochs, logBytes, steps, guestTicks },
      logBytesPerSecond: Math.max(0, this.#logBytesPerSecond),
      mips: Math.max(0, this.#mips),
      snapshotPauseMilliseconds: counters.snapshotPauseTicks / 10_000,
    };
  }
}

/** The counters of a live machine. `alone`: nobody is meant to take over, so it is not SOLO. */
export function countersOf(live: LiveMachine, machine: Machine, alone: boolean): Counters {
  const { epoch, lagEpochs, logBytes, guestTicks, snapshotPauseTicks } = live.figures;
  return {
    role: alone ? "running" : live.roster.protection,
    ...{ epoch, lagEpochs, logBytes, guestTicks, snapshotPauseTicks },
    steps: machine.steps,
  };
}
