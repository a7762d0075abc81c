/**
 * Where console output goes. Its bytes carry positions, counted from power-on (design section 5):
 *
 * - to a file, each byte is written at its own place, so that a promoted machine may repeat bytes and the
 *   file still holds each exactly once;
 * - to a terminal or pipe, bytes go out from the last position known performed: at least once.
 *
 * Output is buffered up to a bound and written behind the machine's back; when the buffer is full the
 * hypervisor waits in {@linkcode ConsoleOutput.ready}, so a slow terminal slows the guest.
 */
import { errorText, isGone } from "./fault.ts";
import { pause, settledWithin } from "./pause.ts";
import { openPositionalFile, type PositionalFile, writeFully } from "./positional_file.ts";

/** Bytes of output kept for a slow terminal before the machine is slowed. */
const CAPACITY_BYTES = 64 * 1024;

/** First and longest wait before a failed console file is tried again, milliseconds. */
const RETRY_MILLISECONDS = { first: 50, longest: 2000 } as const;

/** Takes bytes for a position; answers when the kernel has them. */
export interface ConsoleSink {
  /** Writes all of `data` for console position `position`. */
  write(data: Uint8Array, position: number): Promise<void>;
  /** Whether a failed write is worth repeating, or the reader is gone for good. */
  retry(error: unknown): boolean;
  /** Frees the descriptor. */
  close(): void;
}

/** Buffered console output that knows how far it is performed. */
export class ConsoleOutput {
  readonly #sink: ConsoleSink;
  readonly #capacity: number;
  #queue: Uint8Array[] = [];
  #accepted: number;
  #performed: number;
  #pump: Promise<void> | undefined;
  readonly #waiters: (() => void)[] = [];
  #closed = false;
  readonly #abandon = new AbortController();
  /** What ails the output, in words, while it does; undefined when all is well. */
  failure: string | undefined;

  /**
   * Starts an output that is empty.
   *
   * @param performed position below which output is known performed: where this output goes on
   * @param capacityBytes bound of the buffer
   * @param note takes a line for a person when the output begins to fail, and when it goes on
   */
  constructor(
    sink: ConsoleSink,
    performed = 0,
    capacityBytes: number = CAPACITY_BYTES,
    private readonly note: (text: string) => void = () => {},
  ) {
    this.#sink = sink;
    this.#capacity = capacityBytes;
    this.#accepted = performed;
    this.#performed = performed;
  }

  /** Position below which every byte is performed; goes into the records. */
  get performed(): number {
    return this.#performed;
  }

  /** Position below which bytes have been taken by {@linkcode write}. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Whether the machine should wait for {@linkcode ready} before it goes on. */
  get full(): boolean {
    return this.#accepted - this.#performed >= this.#capacity;
  }

  /** Takes bytes that begin at `position`; those that it has taken before are passed over. */
  write(position: number, data: Uint8Array): void {
    if (position > this.#accepted) {
      throw new RangeError(
        `Console output at position ${position} leaves a gap after ${this.#accepted}`,
      );
    }
    const fresh = data.subarray(Math.min(data.length, this.#accepted - position));
    if (fresh.length === 0 || this.#closed) return;
    this.#queue.push(fresh.slice());
    this.#accepted += fresh.length;
    this.#pump ??= this.#run();
  }

  /** Resolves when the buffer has room, or the output has been closed. */
  async ready(): Promise<void> {
    while (this.full && !this.#abandon.signal.aborted) await this.#change();
  }

  /** Resolves when everything taken so far is performed, or the output has been closed. */
  async flush(): Promise<void> {
    const target = this.#accepted;
    while (this.#performed < target && !this.#abandon.signal.aborted) await this.#change();
  }

  /** Flushes, waiting at most `milliseconds`, and frees the descriptor. Later output is ignored. */
  async close(milliseconds = 5000): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await settledWithin(this.flush(), milliseconds);
    this.#abandon.abort();
    this.#wake();
    this.#sink.close();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && !this.#abandon.signal.aborted) {
      const data = joined(this.#queue);
      this.#queue = [];
      if (!await this.#perform(data)) break;
      this.#performed += data.length;
      this.#wake();
    }
    this.#pump = undefined;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /**
   * False when the output was closed before the bytes were out. A reader that is gone is as good as one
   * that looks away; a full disk is waited for.
   */
  async #perform(data: Uint8Array): Promise<boolean> {
    let wait: number = RETRY_MILLISECONDS.first;
    while (!this.#abandon.signal.aborted) {
      try {
        await this.#sink.write(data, this.#performed);
        if (this.failure !== undefined) this.note("Console output goes on");
        this.failure = undefined;
        return true;
      } catch (error) {
        const failed = this.failure !== undefined;
        this.failure = errorText(error);
        const retried = this.#sink.retry(error);
        if (!failed) {
          this.note(
            retried
              ? `Cannot write console output, and waits until it can: ${this.failure}`
              : "Nobody reads the console output any more; going on without",
          );
        }
        if (!retried) return true;
      }
      await pause(wait, this.#abandon.signal);
      wait = Math.min(wait * 2, RETRY_MILLISECONDS.longest);
    }
    return false;
  }
}

/** A file in which console position 0 stands at byte `base`. */
export class ConsoleFile implements ConsoleSink {
  /** Byte of the file at which console position 0 stands; the log's header carries it. */
  readonly base: number;
  readonly #file: PositionalFile;

  /**
   * Opens `path`, made with mode 0600 when missing, never truncated. Without `base` the machine's output
   * starts at the file's present end.
   *
   * @throws {HostFileError} when the file does not open
   */
  constructor(path: string, base?: number, open: (path: string) => PositionalFile = openConsole) {
    this.#file = open(path);
    this.base = base ?? this.#file.size();
  }

  write(data: Uint8Array, position: number): Promise<void> {
    return writeFully(this.#file, data, this.base + position);
  }

  retry(): boolean {
    return true;
  }

  close(): void {
    this.#file.close();
  }
}

/** A terminal or pipe: positions are forgotten once the kernel has the bytes. */
export class ConsoleStream implements ConsoleSink {
  readonly #out: ByteOutput;

  /** Writes to `out`, such as `Deno.stdout` or, when the log is there, `Deno.stderr`. */
  constructor(out: ByteOutput) {
    this.#out = out;
  }

  async write(data: Uint8Array): Promise<void> {
    for (let done = 0; done < data.length;) {
      done += await this.#out.write(data.subarray(done));
    }
  }

  retry(error: unknown): boolean {
    return !isGone(error);
  }

  close(): void {}
}

/** The part of `Deno.stdout` that is used here. */
export interface ByteOutput {
  /** Writes some of `data`, answers how many bytes. */
  write(data: Uint8Array): Promise<number>;
}

/** Keeps nothing: the console of a machine nobody watches. */
export class ConsoleDiscard implements ConsoleSink {
  write(): Promise<void> {
    return Promise.resolve();
  }

  retry(): boolean {
    return false;
  }

  close(): void {}
}

function openConsole(path: string): PositionalFile {
  return openPositionalFile(path, { access: "read-write", create: "if-missing" });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
