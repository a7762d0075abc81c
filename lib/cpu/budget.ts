/** Steps: how many were granted, how many are done, also in the middle of an instruction. */
import { REMAINING } from "./layout.ts";

/** The step counts of a hart (design invariant 2). */
export class Budget {
  /** Steps done before the present call of the interpreter. */
  #steps = 0;
  /** Of all steps, those that were traps or interrupts and retired nothing. */
  trapsTaken = 0;
  #granted = 0;
  #deferred = 0;
  #running = false;
  /** Slow paths that may still be taken before the interpreter returns; Infinity: any number. */
  patience: number = Infinity;
  /** Whether an instruction is fetched: nothing has been charged for it yet. */
  fetching = false;
  readonly #words: Int32Array;

  /** Counts for the interpreter in this memory. */
  constructor(memory: WebAssembly.Memory) {
    this.#words = new Int32Array(memory.buffer);
  }

  /** Steps done since power-on; inside a slow path those before the current instruction. */
  get steps(): number {
    if (!this.#running) return this.#steps;
    return this.#steps + this.#executed() - (this.fetching ? 0 : 1);
  }

  set steps(value: number) {
    this.#steps = value;
  }

  /** Steps before the one that is under way, or before the last one when none is. */
  get stepsBefore(): number {
    return this.#running ? this.steps : this.#steps - 1;
  }

  /** Instructions retired since power-on. */
  get retired(): number {
    return this.steps - this.trapsTaken;
  }

  /** Lets the interpreter execute so many steps. */
  grant(steps: number): void {
    this.#granted = steps;
    this.#deferred = 0;
    this.#words[REMAINING >> 2] = steps;
    this.#running = true;
  }

  /** Takes stock after the interpreter has returned: answers the steps that it executed. */
  settle(): number {
    const executed = this.#executed();
    this.#running = false;
    this.#steps += executed;
    return executed;
  }

  /** Makes the interpreter return before its next instruction. */
  attend(): void {
    this.#deferred += this.#words[REMAINING >> 2]!;
    this.#words[REMAINING >> 2] = 0;
  }

  /** Counts a slow path: what they cost, a count of steps does not show. */
  spend(): void {
    if (--this.patience > 0) return;
    // The walk of a fetch may set an A bit, which is part of a step that must be done then.
    if (this.fetching) this.attendAfterNext();
    else this.attend();
  }

  /** The same before the instruction after the next one, for which nothing has been charged yet. */
  attendAfterNext(): void {
    this.attend();
    this.#deferred--;
    this.#words[REMAINING >> 2] = 1;
  }

  /** Charges a step for a trap that no instruction was charged for. */
  charge(): void {
    if (this.#words[REMAINING >> 2] === 0) this.#deferred--;
    else this.#words[REMAINING >> 2]!--;
  }

  /** Gives back the step that was charged for an instruction which is not executed. */
  refund(): void {
    this.#words[REMAINING >> 2]!++;
  }

  #executed(): number {
    return this.#granted - this.#deferred - this.#words[REMAINING >> 2]!;
  }
}
