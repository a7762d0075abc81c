/** A command at a terminal, as a person runs it: `script` makes the pseudo-terminal. */
export class Terminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array>;
  readonly #ended: Promise<void>;
  #seen = "";
  #changed = Promise.withResolvers<void>();

  /** Runs a shell line in `folder`. */
  constructor(line: string, folder: string) {
    // The shell becomes the command: one that stayed would keep the terminal's foreground to itself.
    this.#child = new Deno.Command("script", {
      args: ["-qefc", `exec ${line}`, "/dev/null"],
      cwd: folder,
      env: { SHELL: "/bin/sh" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#keyboard = this.#child.stdin.getWriter();
    this.#ended = this.#watch();
  }

  /** All that the terminal has shown so far. */
  get seen(): string {
    return this.#seen;
  }

  /** Waits until the terminal has shown something that matches. */
  async shows(pattern: RegExp, milliseconds = 20_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const match = pattern.exec(this.#seen);
      if (match) return match;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`The terminal has not shown ${pattern}, but:\n${this.#seen}`);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, left));
      const ended = this.#ended.then(() => deadline - performance.now() > 0);
      const over = await Promise.race([this.#changed.promise, late, ended]);
      clearTimeout(timer);
      if (over === true && !pattern.test(this.#seen)) {
        throw new Error(`It ended and had not shown ${pattern}, but:\n${this.#seen}`);
      }
    }
  }

  /** Types these characters; "\x03" is Ctrl-C. */
  async type(characters: string): Promise<void> {
    await this.#keyboard.write(new TextEncoder().encode(characters));
  }

  /** Waits for the command's end; its exit code. */
  async end(): Promise<number> {
    await this.#ended;
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended.
    }
    await this.#keyboard.abort().catch(() => {});
    await this.#ended;
    await this.#child.status;
  }

  async #watch(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.#seen += decoder.decode(bytes, { stream: true });
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    }
  }
}
