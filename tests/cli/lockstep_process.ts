/** A `lockstep` process under test, with the permissions that the installed command has. */

const PROJECT = new URL("../../", import.meta.url).pathname;

/** How it ended, and what it said. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a process is started with. */
export interface Start {
  /** What stands on its standard input; without it the input is empty. */
  readonly stdin?: string | ReadableStream<Uint8Array>;
  /** Where it runs. */
  readonly folder?: string;
}

/** A running `lockstep`. It is gone at the end of the test, whatever happens. */
export class Lockstep implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stderr: Promise<string>;
  #said = "";
  #changed = Promise.withResolvers<void>();
  /** Standard output, for a test that reads it itself. */
  readonly stdout: ReadableStream<Uint8Array>;

  /** Starts `lockstep` with these arguments. */
  constructor(words: readonly string[], start: Start = {}) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...denoArguments(words), ...words],
      ...(start.folder === undefined ? {} : { cwd: start.folder }),
      stdin: start.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    this.stdout = this.#child.stdout;
    this.#stderr = this.#listen();
    if (start.stdin !== undefined) void feed(this.#child.stdin, start.stdin);
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** What it has said on standard error so far. */
  get said(): string {
    return this.#said;
  }

  /** Waits until it has said something that matches. */
  async says(pattern: RegExp, milliseconds = 15_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const match = pattern.exec(this.#said);
      if (match) return match;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`It has not said ${pattern}, but:\n${this.#said}`);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, left));
      const ended = this.#stderr.then(() => {});
      await Promise.race([this.#changed.promise, late, ended]);
      clearTimeout(timer);
      if (await Promise.race([ended.then(() => true), false]) && !pattern.test(this.#said)) {
        throw new Error(`It has ended without saying ${pattern}, but:\n${this.#said}`);
      }
    }
  }

  /** Sends a signal; to one that has left already, nothing. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has left by itself.
    }
  }

  /** Waits for its end. */
  async end(): Promise<Ended> {
    const stdout = this.stdout.locked ? "" : await new Response(this.stdout).text();
    const { code } = await this.#child.status;
    return { code, stdout, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#child.status;
    await this.#stderr;
    if (!this.stdout.locked) await this.stdout.cancel();
  }

  async #listen(): Promise<string> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#said += text;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
    return this.#said;
  }
}

/** Runs `lockstep` to its end. */
export async function lockstep(words: readonly string[], start: Start = {}): Promise<Ended> {
  await using process = new Lockstep(words, start);
  return await process.end();
}

/** The line of a shell that runs `lockstep`. Arguments must not need quoting. */
export function shellLine(words: readonly string[]): string {
  return [Deno.execPath(), ...denoArguments(words), ...words].map((word) => `'${word}'`).join(" ");
}

/** Only the sockets that the arguments name, as `deno task install` arranges it. */
function denoArguments(words: readonly string[]): readonly string[] {
  const sockets = words.filter((word) => word.startsWith("unix:"))
    .map((word) => word.replace(/,mac=.*/, ""))
    .concat(words.some((word) => word.startsWith("127.0.0.1:")) ? ["127.0.0.1"] : []);
  return [
    ...["run", "--quiet", "--no-check", "--no-prompt", `--config=${PROJECT}deno.json`],
    ...["--allow-read", "--allow-write", "--allow-run=sh", "--allow-env=LOCKSTEP_TRACE"],
    ...(sockets.length === 0 ? [] : [`--allow-net=${sockets.join(",")}`]),
    `${PROJECT}cli.ts`,
  ];
}

async function feed(
  stdin: WritableStream<Uint8Array>,
  content: string | ReadableStream<Uint8Array>,
): Promise<void> {
  const source = typeof content === "string"
    ? ReadableStream.from([new TextEncoder().encode(content)])
    : content;
  // A reader that leaves early does not want the rest.
  await source.pipeTo(stdin).catch(() => {});
}
