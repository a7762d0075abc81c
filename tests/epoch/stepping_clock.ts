/** A host clock that goes with the steps of a machine, and otherwise only when told. */
import type { HostClock } from "../../lib/epoch/host.ts";

/** What the clock looks at. */
export interface Stepping {
  readonly steps: number;
}

/** 300 million steps a second. */
export const USUAL_TICKS_PER_STEP = 1 / 30;

/** Time passes while the machine runs, at a speed that can be changed, and when it is advanced. */
export class SteppingClock implements HostClock {
  #ticks: number;
  #steps: number;
  #ticksPerStep: number;

  /** @param epochTicks When the time of day is counted from, on the monotonic clock. */
  constructor(
    private readonly machine: Stepping,
    ticks = 1_000_000,
    ticksPerStep = USUAL_TICKS_PER_STEP,
    private readonly epochTicks = 0,
  ) {
    this.#ticks = ticks;
    this.#steps = machine.steps;
    this.#ticksPerStep = ticksPerStep;
  }

  monotonicTicks(): number {
    const steps = this.machine.steps;
    this.#ticks += (steps - this.#steps) * this.#ticksPerStep;
    this.#steps = steps;
    return Math.floor(this.#ticks);
  }

  realtimeNanoseconds(): bigint {
    return 1_700_000_000_000_000_000n + BigInt(this.monotonicTicks() - this.epochTicks) * 100n;
  }

  /** Lets `ticks` pass in which the machine does nothing. */
  advance(ticks: number): void {
    this.monotonicTicks();
    this.#ticks += ticks;
  }

  /** The speed of the host from now on, in ticks of 100 ns for a step of the guest. */
  setTicksPerStep(ticks: number): void {
    this.monotonicTicks();
    this.#ticksPerStep = ticks;
  }
}
