/**
 * What is typed at the console: read ahead of the machine, up to a bound, and taken at epoch ends. A
 * terminal has every key at once meanwhile, and is given back however the process ends.
 */
import { holdTerminal, type Terminal, type TerminalHold } from "./character_mode.ts";
import type { EscapeKeys } from "./escape_keys.ts";
import { errorText } from "./fault.ts";

/** Bytes read ahead; when they are not taken, reading stops and the typist's terminal holds the rest. */
const CAPACITY_BYTES = 4096;

/** The part of `Deno.stdin` that is used here. */
export interface ByteInput {
  /** Reads some bytes; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

/** How a console's input is read. */
export interface ConsoleInputOptions {
  /** Bytes read ahead. */
  readonly capacityBytes?: number;
  /**
   * Given for a raw terminal: which keys are not the guest's. So that these always work, such a terminal
   * is read also when the guest does not read, and what is typed beyond the bound is dropped.
   */
  readonly escape?: EscapeKeys;
}

/** Bytes typed, waiting for the next epoch end. */
export class ConsoleInput {
  readonly #capacity: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #ended = false;
  #stopped = false;
  #taken = Promise.withResolvers<void>();
  #arrived = Promise.withResolvers<void>();
  readonly #escape: EscapeKeys | undefined;
  #hold: TerminalHold | undefined;
  /** Why reading ended early, in words; undefined at a plain end of input. */
  failure: string | undefined;

  /** Starts reading `input` at once; a terminal is put into character mode, or with `escape` made raw. */
  constructor(input: ByteInput | (ByteInput & Terminal), options: ConsoleInputOptions = {}) {
    this.#capacity = options.capacityBytes ?? CAPACITY_BYTES;
    this.#escape = options.escape;
    if ("isTerminal" in input && input.isTerminal()) {
      this.#hold = holdTerminal(input, this.#escape ? "raw" : "character");
    }
    void this.#run(input);
  }

  /** Bytes that can be taken now. */
  get available(): number {
    return this.#buffer.length;
  }

  /** Whether input has ended; what is buffered can still be taken. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Takes at most `limit` bytes, in the order typed. */
  take(limit = Infinity): Uint8Array {
    const taken = this.#buffer.slice(0, Math.min(limit, this.#buffer.length));
    if (taken.length === 0) return taken;
    this.#buffer = this.#buffer.slice(taken.length);
    this.#taken.resolve();
    this.#taken = Promise.withResolvers();
    return taken;
  }

  /** Resolves when there is something to take, or input has ended. */
  async arrival(): Promise<void> {
    while (this.#buffer.length === 0 && !this.#ended) await this.#arrived.promise;
  }

  /** Sets a terminal's mode once more, after the process was stopped and goes on. */
  renew(): void {
    this.#hold?.renew();
  }

  /** Gives the terminal back. A read under way cannot be called off; its bytes are dropped. */
  close(): void {
    this.#stopped = true;
    this.#end();
    this.#taken.resolve();
    this.#hold?.release();
  }

  async #run(input: ByteInput): Promise<void> {
    const into = new Uint8Array(this.#capacity);
    while (!this.#stopped) {
      const room = this.#capacity - this.#buffer.length;
      if (room === 0 && !this.#escape) {
        await this.#taken.promise;
        continue;
      }
      let count: number | null = null;
      try {
        count = await input.read(this.#escape ? into : into.subarray(0, room));
      } catch (error) {
        this.failure = errorText(error);
      }
      if (count === null) break;
      if (this.#stopped) break;
      const typed = into.subarray(0, count);
      this.#keep(this.#escape?.filter(typed) ?? typed);
    }
    this.#end();
  }

  #keep(all: Uint8Array): void {
    const typed = all.subarray(0, this.#capacity - this.#buffer.length);
    if (typed.length === 0) return;
    const grown = new Uint8Array(this.#buffer.length + typed.length);
    grown.set(this.#buffer);
    grown.set(typed, this.#buffer.length);
    this.#buffer = grown;
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  #end(): void {
    this.#ended = true;
    this.#arrived.resolve();
  }
}
