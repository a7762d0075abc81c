/** What a machine's console has shown, and waiting for it: read in order, as a person would. */

/** Longest silence that is still waited for: a boot on a busy machine. */
export const PATIENCE_MILLISECONDS = 120_000;

/** A console. Each `shows` looks behind what the one before has found. */
export class Screen {
  #seen = "";
  #read = 0;
  #ended = false;
  #changed = Promise.withResolvers<void>();
  #following: Promise<void> = Promise.resolve();

  /** The console of a process that has it on a stream. */
  static ofStream(stream: ReadableStream<Uint8Array>): Screen {
    const screen = new Screen();
    screen.#following = screen.#follow(stream);
    return screen;
  }

  /** A `--console FILE`, which several machines may go on with, one after the other. */
  static ofFile(path: string): Screen & Disposable {
    const screen = new Screen();
    const decoder = new TextDecoder();
    let length = 0;
    const look = setInterval(() => {
      const bytes = contentOf(path);
      if (bytes.length <= length) return;
      screen.#add(decoder.decode(bytes.subarray(length), { stream: true }));
      length = bytes.length;
    }, 20);
    return Object.assign(screen, { [Symbol.dispose]: () => clearInterval(look) });
  }

  /** All that has been shown. */
  get seen(): string {
    return this.#seen;
  }

  /** Fulfilled when its stream has ended and all of it is seen. */
  get ended(): Promise<void> {
    return this.#following;
  }

  /** Waits until something that matches is shown, behind what was found before. */
  async shows(
    pattern: RegExp,
    milliseconds: number = PATIENCE_MILLISECONDS,
  ): Promise<RegExpExecArray> {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const match = pattern.exec(this.#seen.slice(this.#read));
      if (match) {
        this.#read += match.index + match[0].length;
        return match;
      }
      const left = deadline - performance.now();
      if (left <= 0 || this.#ended) {
        const end = this.#ended ? "has ended without" : "does not show";
        throw new Error(`The console ${end} ${pattern}, but:\n${this.#seen.slice(this.#read)}`);
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, left));
      await Promise.race([this.#changed.promise, late]);
      clearTimeout(timer);
    }
  }

  async #follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    // Kept for good, so that nobody else takes the stream for unread.
    const reader = stream.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#add(decoder.decode(value, { stream: true }));
      }
    } finally {
      this.#ended = true;
      this.#changed.resolve();
    }
  }

  #add(text: string): void {
    this.#seen += text;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function contentOf(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}
