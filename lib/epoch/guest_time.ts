/** Chooses the time base and clock rate of each epoch, so that guest time follows the host's. */
import type { TimeBase } from "../board/environment.ts";
import type { HostClock } from "./host.ts";

/** Rates are ticks per 2^24 steps. */
export const RATE_SCALE = 2 ** 24;

/** The time base of a machine that is switched on: as if it made 500 million steps a second. */
export const POWER_ON_TIME: TimeBase = { base: 0, rate: Math.floor(0.02 * RATE_SCALE) };

/** Guest ticks that `steps` steps take at `rate`. */
export function ticksOf(steps: number, rate: number): number {
  return Math.floor(steps * rate / RATE_SCALE);
}

/**
 * Follows the host's monotonic clock: at each epoch's end the base becomes the host's time, and the
 * rate a little less than the measured one, so that guest time does not outrun the host inside the
 * epoch (design section 4). Guest time never goes back.
 */
export class GuestTime {
  #origin: number;
  #current: TimeBase;
  #ticksPerStep: number;

  /**
   * Starts from a time base in force.
   *
   * @param clock The host's clock.
   * @param start The time base in force: of power-on, or the last record's at a promotion.
   * @param elapsedTicks What the clock has measured since it came into force.
   */
  constructor(private readonly clock: HostClock, start: TimeBase, elapsedTicks = 0) {
    this.#current = start;
    this.#origin = clock.monotonicTicks() - elapsedTicks - start.base;
    // The rate of a guest that had outrun its host says nothing about its speed.
    this.#ticksPerStep = Math.max(start.rate, POWER_ON_TIME.rate) / RATE_SCALE;
  }

  /** The time base in force. */
  get current(): TimeBase {
    return this.#current;
  }

  /** Guest time now, by the host's clock. */
  now(): number {
    return this.clock.monotonicTicks() - this.#origin;
  }

  /** Steps that the guest makes in about `ticks`, by the measured speed. */
  stepsIn(ticks: number): number {
    return Math.max(1, Math.floor(ticks / this.#ticksPerStep));
  }

  /** Tells how long the guest took for `steps` steps, measured around the run alone. */
  measure(steps: number, ticks: number): void {
    if (steps < 1000) return;
    const measured = Math.min(1, Math.max(1 / 4096, ticks / steps));
    this.#ticksPerStep += (measured - this.#ticksPerStep) / 8;
  }

  /** Ends an epoch of `steps` steps: samples the time, and returns the next epoch's time base. */
  next(steps: number): TimeBase {
    const reached = this.#current.base + ticksOf(steps, this.#current.rate);
    const now = this.now();
    const slower = Math.min(RATE_SCALE, Math.floor(this.#ticksPerStep * 0.9 * RATE_SCALE));
    // A guest that has outrun the host waits for it: its time nearly stands still.
    const rate = reached > now ? 1 : Math.max(1, slower);
    this.#current = { base: Math.max(reached, now), rate };
    return this.#current;
  }
}
