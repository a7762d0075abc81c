/**
 * Console output: bytes with positions that go out without completions (design section 5). The machine
 * keeps those which are not known to be performed, so that a promoted backup can write them again.
 */
import { addHash, byteHash, removeHash } from "./content_hash.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator, Fields } from "./fields.ts";

const fields = {
  /** Bytes put out since power-on. */
  position: "count",
  /** Bytes below this position are known to be performed. */
  performed: "count",
  hashLow: "word",
  hashHigh: "word",
} as const;

/** A run ends when so many bytes wait to be taken. */
export const consoleEpochBytes = 65_536;

/**
 * Most bytes that are put out and not known to be performed. The machine takes no step while there are
 * so many: a console that stands still stops its guest and does not fill the host's memory.
 */
export const consoleTailBytes = 2 ** 20;

const NOTHING = new Uint8Array(0);

/** The tail of the console's output. */
export class ConsoleOutput {
  readonly #fields: Fields<typeof fields>;
  readonly #requestStop: () => void;
  /** The tail is `#buffer[#start … #end)`. */
  #buffer: Uint8Array = new Uint8Array(1024);
  #start = 0;
  #end = 0;
  /** Bytes at the end of the tail that have not been taken. */
  #untaken = 0;

  /** `requestStop` ends the run. */
  constructor(allocator: FieldAllocator, requestStop: () => void) {
    this.#fields = allocator.place("console", fields);
    this.#requestStop = requestStop;
  }

  /** Bytes put out since power-on. */
  get position(): number {
    return this.#fields.values.position;
  }

  /** Bytes below this position are known to be performed. */
  get performed(): number {
    return this.#fields.values.performed;
  }

  /** Whether the machine has to wait until more is performed. */
  get full(): boolean {
    return this.#end - this.#start >= consoleTailBytes;
  }

  /** How many bytes can be put out before it is full. */
  get room(): number {
    return Math.max(0, consoleTailBytes - (this.#end - this.#start));
  }

  /** Puts out one byte. */
  put(byte: number): void {
    this.#makeRoom(1);
    this.#buffer[this.#end++] = byte;
    this.#untaken++;
    const { values } = this.#fields;
    addHash(values, byteHash(values.position, byte));
    values.position++;
    if (this.#untaken >= consoleEpochBytes || this.full) this.#requestStop();
  }

  /** The bytes put out since the last call. */
  take(): Uint8Array {
    if (this.#untaken === 0) return NOTHING;
    const taken = this.#buffer.slice(this.#end - this.#untaken, this.#end);
    this.#untaken = 0;
    return taken;
  }

  /** The bytes that are not known to be performed. */
  tail(): Uint8Array {
    return this.#buffer.slice(this.#start, this.#end);
  }

  /** Whether `performed` may be the next known position. */
  accepts(performed: number): boolean {
    return Number.isSafeInteger(performed) && performed >= this.performed &&
      performed <= this.position;
  }

  /** Output below `performed` is known to be performed; see {@linkcode ConsoleOutput.accepts}. */
  settle(performed: number): void {
    const { values } = this.#fields;
    for (let position = values.performed; position < performed; position++) {
      removeHash(values, byteHash(position, this.#buffer[this.#start++]!));
    }
    values.performed = performed;
    this.#untaken = Math.min(this.#untaken, this.#end - this.#start);
  }

  /**
   * Takes a saved tail; the fields have been restored.
   *
   * @throws {StateError} when it is not the one that the fields are about
   */
  restore(tail: unknown): void {
    const { values } = this.#fields;
    if (!(tail instanceof Uint8Array) || tail.length !== values.position - values.performed) {
      throw new StateError(
        "The console's tail does not reach from what is performed to its position",
      );
    }
    if (tail.length > consoleTailBytes) {
      throw new StateError(`The console's tail is longer than ${consoleTailBytes} bytes`);
    }
    const sum = { hashLow: 0, hashHigh: 0 };
    tail.forEach((byte, index) => addHash(sum, byteHash(values.performed + index, byte)));
    if (sum.hashLow !== values.hashLow || sum.hashHigh !== values.hashHigh) {
      throw new StateError("The console's tail does not have the digest that its state names");
    }
    this.#buffer = tail.slice();
    this.#start = 0;
    this.#end = tail.length;
    this.#untaken = 0;
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const length = this.#end - this.#start;
    const kept = this.#buffer.subarray(this.#start, this.#end);
    // Moving down is paid for by the bytes that have gone; otherwise the buffer doubles.
    const target = this.#start >= bytes && this.#start >= this.#buffer.length / 2
      ? this.#buffer
      : new Uint8Array(Math.max(1024, this.#buffer.length * 2));
    target.set(kept, 0);
    this.#buffer = target;
    this.#start = 0;
    this.#end = length;
  }
}
