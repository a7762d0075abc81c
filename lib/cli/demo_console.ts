/** Watches the console file that the demo's machines share, line by line. */

/** How often the file is looked at, milliseconds. */
const LOOK_MILLISECONDS = 10;

/** A console file as lines, as they are completed. */
export class ConsoleWatch implements Disposable {
  readonly #path: string;
  readonly #timer: ReturnType<typeof setInterval>;
  #bytes = 0;
  #rest = "";
  #receipts = 0;
  #waiters: { readonly receipts: number; readonly resolve: () => void }[] = [];

  /**
   * Looks at the file every few milliseconds, until disposed.
   *
   * @param line Told of each whole line.
   */
  constructor(path: string, private readonly line: (text: string) => void) {
    this.#path = path;
    this.#timer = setInterval(() => this.look(), LOOK_MILLISECONDS);
  }

  /** The highest number of a receipt so far. */
  get receipts(): number {
    return this.#receipts;
  }

  /** Resolves once that many receipts have been printed. */
  untilReceipt(receipts: number): Promise<void> {
    if (this.#receipts >= receipts) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ receipts, resolve }));
  }

  /** Reads what has come. */
  look(): void {
    let text: string;
    try {
      text = Deno.readTextFileSync(this.#path);
    } catch {
      return; // The first machine has not made it yet.
    }
    const lines = (this.#rest + text.slice(this.#bytes)).split("\n");
    this.#bytes = text.length;
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const receipt = /^receipt (\d+) /.exec(line)?.[1];
      if (receipt !== undefined) this.#receipts = Math.max(this.#receipts, Number(receipt));
      this.line(line);
    }
    for (const { resolve } of this.#take()) resolve();
  }

  /** Stops looking. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #take() {
    const due = this.#waiters.filter(({ receipts }) => receipts <= this.#receipts);
    this.#waiters = this.#waiters.filter(({ receipts }) => receipts > this.#receipts);
    return due;
  }
}
