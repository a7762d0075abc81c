/** Guest time: ticks as a function of steps, from the time base in force (design section 4). */
import type { TimeBase } from "./environment.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator, Fields } from "./fields.ts";

const fields = {
  /** Ticks at the epoch's first step. */
  base: "count",
  /** Ticks per 2^24 steps. */
  rate: "word",
  /** Steps since power-on at the epoch's first step. */
  start: "count",
} as const;

const rateUnit = 2 ** 24;

/** Beyond so many ticks a timer is not due in this epoch, which has at most 2^28 steps. */
const horizonTicks = 2 ** 28;

/** The clock. */
export class GuestClock {
  readonly #fields: Fields<typeof fields>;

  /** Places the fields, at time 0. */
  constructor(allocator: FieldAllocator) {
    this.#fields = allocator.place("clock", fields);
    this.#fields.values.rate = rateUnit;
  }

  /** Puts a checked time base in force; `steps` have been taken since power-on. */
  start(time: TimeBase, steps: number): void {
    const { values } = this.#fields;
    values.base = time.base;
    values.rate = time.rate;
    values.start = steps;
  }

  /** Ticks when `steps` have been taken since power-on. */
  at(steps: number): number {
    const { base, rate, start } = this.#fields.values;
    return base + Math.floor((steps - start) * rate / rateUnit);
  }

  /** Steps from `steps` on until the time is `due` ticks; 0 when it is already, Infinity when never. */
  stepsUntil(due: number, steps: number): number {
    const { base, rate, start } = this.#fields.values;
    const ticks = due - base;
    // So far away the product is not exact, and need not be.
    if (ticks > horizonTicks) return ticks * (rateUnit / rate);
    return Math.max(0, Math.ceil(ticks * rateUnit / rate) - (steps - start));
  }

  /**
   * Refuses a restored state in which the clock cannot be.
   *
   * @throws {StateError}
   */
  check(steps: number): void {
    const { base, rate, start } = this.#fields.values;
    const latest = Number.MAX_SAFE_INTEGER - 2 ** 29;
    if (rate < 1 || rate > rateUnit || start > steps || steps - start > 2 ** 28 || base > latest) {
      throw new StateError(
        `The clock cannot run from ${base} with rate ${rate} since step ${start}`,
      );
    }
  }
}
