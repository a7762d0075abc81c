/** Divergence: a replica is no longer the machine that the log describes (design invariant 8). */

/** The replica's state or behaviour differs from the log. It stops at this epoch. */
export class DivergenceError extends Error {
  /** Tells this error from others. */
  override readonly name = "DivergenceError";

  /**
   * The message names epoch and step.
   *
   * @param epoch The epoch whose record and execution disagree.
   * @param step Steps since power-on when it was noticed.
   * @param what What differs, in a few words.
   */
  constructor(readonly epoch: number, readonly step: number, readonly what: string) {
    super(`Divergence in epoch ${epoch} at step ${step}: ${what}`);
  }
}
