/**
 * A timer comparator: an interrupt is pending while `time` has reached it (privileged specification,
 * section 3.2.1). It is evaluated when the guest writes it and at epoch ends (design invariant 3), not in
 * between: the hypervisor ends an epoch where `time` reaches it.
 */

/** The state of a comparator, as part of its device's. */
export const comparatorFields = {
  compareLow: "word",
  compareHigh: "word",
  pending: "flag",
} as const;

/** The comparator of one timer. */
export class Comparator {
  readonly #values: { compareLow: number; compareHigh: number; pending: number };
  readonly #setInterrupt: (level: boolean) => void;

  /** Works on the fields of its device, and drives its interrupt. */
  constructor(
    values: { compareLow: number; compareHigh: number; pending: number },
    setInterrupt: (level: boolean) => void,
  ) {
    this.#values = values;
    this.#setInterrupt = setInterrupt;
  }

  /**
   * The tick at which the interrupt becomes pending; Infinity when it is pending already. Beyond 2^53
   * the number is rounded, to 2^53 or above: time never gets there.
   */
  get dueTicks(): number {
    return this.#values.pending !== 0 ? Infinity : this.#ticks;
  }

  /** Compares `time`, in ticks. */
  evaluate(time: number): void {
    this.#values.pending = time >= this.#ticks ? 1 : 0;
    this.drive();
  }

  /** Puts the interrupt's level on the line. */
  drive(): void {
    this.#setInterrupt(this.#values.pending !== 0);
  }

  get #ticks(): number {
    return this.#values.compareHigh * 2 ** 32 + this.#values.compareLow;
  }
}
