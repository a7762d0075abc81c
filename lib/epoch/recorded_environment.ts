/** The recorded side of the one door: environment reads answered from an epoch's record. */
import type { Environment, ReadKind } from "../board/environment.ts";

/** Thrown into the machine when it reads more often than the record says. */
export class ReadsExhaustedError extends Error {
  /** Tells this error from others. */
  override readonly name = "ReadsExhaustedError";

  /**
   * The message names what was read.
   *
   * @param kind What the guest read.
   */
  constructor(readonly kind: ReadKind) {
    super(`The guest made an environment read (${kind}) that the record does not have`);
  }
}

/** Answers environment reads in the order in which the log has them (paper rule env-value). */
export class RecordedEnvironment implements Environment {
  #reads: readonly bigint[] = [];
  #next = 0;

  /** Starts an epoch with the values its record holds; `taken` of them the guest has had already. */
  load(reads: readonly bigint[], taken = 0): void {
    this.#reads = reads;
    this.#next = taken;
  }

  /** Values of the record that the guest has asked for. */
  get taken(): number {
    return this.#next;
  }

  /** Values of the record that the guest has not asked for. */
  get left(): number {
    return this.#reads.length - this.#next;
  }

  read(kind: ReadKind): bigint {
    const value = this.#reads[this.#next];
    if (value === undefined) throw new ReadsExhaustedError(kind);
    this.#next++;
    return value;
  }
}
