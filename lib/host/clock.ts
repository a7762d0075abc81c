/** The host's clocks, and simulated ones for tests. */
import type { HostClock } from "../epoch/host.ts";

/** Ticks of guest time in a second: 10 MHz. */
export const TICKS_PER_SECOND = 10_000_000;

/** The clocks of this host. */
export class SystemClock implements HostClock {
  monotonicTicks(): number {
    return Math.floor(performance.now() * (TICKS_PER_SECOND / 1000));
  }

  realtimeNanoseconds(): bigint {
    return Temporal.Now.instant().epochNanoseconds;
  }
}

/** A clock that stands still until told to move on. */
export class SimulatedClock implements HostClock {
  #ticks: number;
  #realtime: bigint;

  /** Starts at the given readings. */
  constructor(ticks = 0, realtimeNanoseconds = 0n) {
    this.#ticks = ticks;
    this.#realtime = realtimeNanoseconds;
  }

  /** Lets `ticks` of 100 ns pass on both clocks. */
  advance(ticks: number): void {
    if (!Number.isSafeInteger(ticks) || ticks < 0) {
      throw new RangeError(`Time cannot advance by ${ticks} ticks`);
    }
    this.#ticks += ticks;
    this.#realtime += BigInt(ticks) * 100n;
  }

  /** Sets the time of day, as an operator would. */
  setRealtime(nanoseconds: bigint): void {
    this.#realtime = nanoseconds;
  }

  monotonicTicks(): number {
    return this.#ticks;
  }

  realtimeNanoseconds(): bigint {
    return this.#realtime;
  }
}
