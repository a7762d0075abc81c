/**
 * What is typed at the console: read from standard input ahead of the machine, up to a bound, and taken
 * at epoch ends. A terminal is put into character mode meanwhile, and back again however the process ends.
 */
import { enterCharacterMode, type Terminal } from "./character_mode.ts";
import { errorText } from "./fault.ts";

/** Bytes read ahead; when they are not taken, reading stops and the typist's terminal holds the rest. */
const CAPACITY_BYTES = 4096;

/** The part of `Deno.stdin` that is used here. */
export interface ByteInput {
  /** Reads some bytes; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

/** Bytes typed, waiting for the next epoch end. */
export class ConsoleInput {
  readonly #capacity: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #ended = false;
  #stopped = false;
  #taken = Promise.withResolvers<void>();
  #arrived = Promise.withResolvers<void>();
  #restore: () => void = () => {};
  /** Why reading ended early, in words; undefined at a plain end of input. */
  failure: string | undefined;

  /** Starts reading `input` at once; a terminal is put into character mode. */
  constructor(input: ByteInput | (ByteInput & Terminal), capacityBytes: number = CAPACITY_BYTES) {
    this.#capacity = capacityBytes;
    if ("isTerminal" in input && input.isTerminal()) this.#restore = enterCharacterMode(input);
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

  /** Gives the terminal back. A read under way cannot be called off; its bytes are dropped. */
  close(): void {
    this.#stopped = true;
    this.#end();
    this.#taken.resolve();
    this.#restore();
  }

  async #run(input: ByteInput): Promise<void> {
    const into = new Uint8Array(this.#capacity);
    while (!this.#stopped) {
      const room = this.#capacity - this.#buffer.length;
      if (room === 0) {
        await this.#taken.promise;
        continue;
      }
      let count: number | null = null;
      try {
        count = await input.read(into.subarray(0, room));
      } catch (error) {
        this.failure = errorText(error);
      }
      if (count === null) break;
      if (this.#stopped) break;
      const grown = new Uint8Array(this.#buffer.length + count);
      grown.set(this.#buffer);
      grown.set(into.subarray(0, count), this.#buffer.length);
      this.#buffer = grown;
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    }
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#arrived.resolve();
  }
}
