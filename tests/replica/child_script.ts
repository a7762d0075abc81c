/** A Deno process of its own that runs a script, for tests of what processes do to each other. */

/** Starts a script, reads its lines, and makes sure that it is gone at the end of the test. */
export class ChildScript implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#lines = lines(child.stdout);
  }

  /** Runs `source` from a file in `folder` with the permissions given, errors going to ours. */
  static async start(
    folder: string,
    source: string,
    permissions: readonly string[],
  ): Promise<ChildScript> {
    const path = await Deno.makeTempFile({ dir: folder, suffix: ".ts" });
    await Deno.writeTextFile(path, source);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-config", ...permissions, path],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    return new ChildScript(child);
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Its standard input. */
  get stdin(): WritableStream<Uint8Array> {
    return this.#child.stdin;
  }

  /** Its exit status. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** The next line that it prints; undefined at the end. */
  async line(): Promise<string | undefined> {
    const next = await this.#lines.next();
    return next.done ? undefined : next.value;
  }

  /** Sends it a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has left by itself.
    }
    await this.#child.status;
    await this.#lines.return?.();
    await this.#child.stdin.close().catch(() => {});
  }
}

async function* lines(bytes: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of bytes) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
  if (rest !== "") yield rest;
}
