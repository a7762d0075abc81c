/**
 * How long a live machine bears one member that holds it up: a member whose acknowledgements stay away is
 * removed, so that a stopped backup does not stop the primary (design section 6, rule 2). A member that
 * is slow, and goes on, only slows it.
 */

/** What waits for a member when somebody looks. */
export interface Holdups {
  /** Epoch of the oldest output that waits for its acknowledgement, if one does. */
  readonly outputEpoch: number | undefined;
  /** Epoch of the oldest record that it has not acknowledged, if it is waited for at all. */
  readonly recordEpoch: number | undefined;
  /** Bytes that its stream has taken, if its queue is full. */
  readonly fullAtBytes: number | undefined;
}

/** Measures how long one and the same thing has waited for a member. */
export class Patience {
  readonly #output = new Stopwatch();
  readonly #record = new Stopwatch();
  readonly #queue = new Stopwatch();

  /** Ticks for which the same output or record has waited, or its full queue has taken nothing. */
  look(now: number, { outputEpoch, recordEpoch, fullAtBytes }: Holdups): number {
    return Math.max(
      this.#output.look(now, outputEpoch),
      this.#record.look(now, recordEpoch),
      this.#queue.look(now, fullAtBytes),
    );
  }
}

/** Measures for how long one number has been seen. */
class Stopwatch {
  #seen: number | undefined;
  #sinceTicks = 0;

  look(now: number, seen: number | undefined): number {
    if (seen === undefined || seen !== this.#seen) this.#sinceTicks = now;
    this.#seen = seen;
    return now - this.#sinceTicks;
  }
}
