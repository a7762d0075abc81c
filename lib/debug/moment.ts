/** Points in a log's history, exact to the step. */

/**
 * A state that the machine goes through: so many whole epochs, and so many steps since power-on. Several
 * moments share a step when epochs of no steps stand there (the guest waits, or is promoted).
 */
export interface Moment {
  /** The last epoch whose inputs have been delivered. */
  readonly epoch: number;
  /** Steps since power-on. */
  readonly step: number;
}

/** Whether `one` is `other`, or comes before it. */
export function isUpTo(one: Moment, other: Moment): boolean {
  return one.step < other.step || (one.step === other.step && one.epoch <= other.epoch);
}

/** Whether they are the same. */
export function isSame(one: Moment, other: Moment): boolean {
  return one.step === other.step && one.epoch === other.epoch;
}

/** What an epoch takes beside its steps, in steps that could be executed meanwhile. */
export const EPOCH_STEPS = 120_000;

/** What executing from power-on to a moment takes, in steps. */
export function workUpTo({ epoch, step }: Moment): number {
  return step + epoch * EPOCH_STEPS;
}
