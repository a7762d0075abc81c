/** The live side of the one door: environment reads answered by the host and kept for the record. */
import type { Environment, ReadKind } from "../board/environment.ts";
import type { HostClock } from "./host.ts";

/** Answers environment reads from the host's clock and remembers each answer for the log. */
export class LiveEnvironment implements Environment {
  #reads: bigint[] = [];

  /**
   * Answers from the host's clock.
   *
   * @param clock The host's clock.
   */
  constructor(private readonly clock: HostClock) {}

  read(_kind: ReadKind): bigint {
    const value = this.clock.realtimeNanoseconds();
    this.#reads.push(value);
    return value;
  }

  /** The answers given since the last call. */
  takeReads(): bigint[] {
    const reads = this.#reads;
    // A fresh array each time: the record that keeps the old one is encoded later.
    this.#reads = [];
    return reads;
  }
}
