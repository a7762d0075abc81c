/** Looks for a text in console output that comes in pieces. */
export class ConsoleSearch {
  readonly #wanted: Uint8Array;
  /** The last bytes seen, one fewer than are wanted at most. */
  #tail: Uint8Array = new Uint8Array(0);
  #bytesAfter: number | undefined;

  /** Looks for `text` in UTF-8. */
  constructor(text: string) {
    this.#wanted = new TextEncoder().encode(text);
  }

  /** Once it has been found: how many bytes of output have come behind it. */
  get bytesAfter(): number | undefined {
    return this.#bytesAfter;
  }

  /** Takes the next bytes of output. */
  add(bytes: Uint8Array): void {
    if (this.#bytesAfter !== undefined) {
      this.#bytesAfter += bytes.length;
      return;
    }
    const seen = new Uint8Array(this.#tail.length + bytes.length);
    seen.set(this.#tail);
    seen.set(bytes, this.#tail.length);
    const at = indexOf(seen, this.#wanted);
    if (at >= 0) this.#bytesAfter = seen.length - at - this.#wanted.length;
    else this.#tail = seen.slice(Math.max(0, seen.length - this.#wanted.length + 1));
  }
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  const last = bytes.length - wanted.length;
  for (let at = bytes.indexOf(wanted[0]!); at >= 0 && at <= last;) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at;
    at = bytes.indexOf(wanted[0]!, at + 1);
  }
  return -1;
}
