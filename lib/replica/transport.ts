/**
 * Byte streams between machines, whatever carries them (design section 7). They are Web Streams, so that
 * readers, checkers and filters compose with `pipeThrough`.
 *
 * A write resolves when the kernel has taken its bytes; what waits is bounded by whoever writes. On a
 * one-way stream that moment is the commit (design section 6).
 */
import { errorText, isGone } from "../host/fault.ts";
import type { FileIdentity } from "../host/positional_file.ts";

/** How bytes travel. */
export type StreamKind = "file" | "standard" | "exec" | "unix";

/** `out` and `in` are one-way; only `two-way` can acknowledge. */
export type StreamDirection = "out" | "in" | "two-way";

/** An open byte stream. */
export interface ByteStream {
  /** As the command line names it. */
  readonly name: string;
  /** What carries it. */
  readonly kind: StreamKind;
  /** Which way the log can travel. */
  readonly direction: StreamDirection;
  /** What arrives. Ends when the other end closes; fails with a {@linkcode TransportError}. */
  readonly readable?: ReadableStream<Uint8Array>;
  /**
   * What is sent: `write` resolves when the kernel has the bytes, and fails with a
   * {@linkcode TransportError}; `close` tells the other end that nothing more comes. Standard input comes
   * with standard output here, for the answers that its log's header may ask for.
   */
  readonly writable?: WritableStream<Uint8Array>;
  /** One-way streams: device and inode of the pipe or file, the same at both ends (rule 7). */
  readonly identity?: FileIdentity;
  /** Present size of a file that is followed as it grows, bytes; absent on anything else. */
  presentBytes?(): number;
  /**
   * A file that is followed ends when everything present has been read (rule 4, drain). Anything else ends
   * by itself, so there the call does nothing.
   */
  endAtPresentEnd(): void;
  /** Lets go at once: waiting reads and writes fail. Never rejects; a second call does nothing. */
  close(): Promise<void>;
}

/** A stream could not be opened, or has failed. */
export class TransportError extends Error {
  /** The stream, as the command line names it. */
  readonly stream: string;
  /** The other end has gone away, rather than something here being wrong. */
  readonly gone: boolean;

  /** `action` says what failed, as in "Cannot write to". */
  constructor(action: string, stream: string, reason: string, options?: TransportErrorOptions) {
    super(`${action} ${stream}: ${reason}`, options);
    this.name = "TransportError";
    this.stream = stream;
    this.gone = options?.gone ?? false;
  }
}

/** What a {@linkcode TransportError} comes from. */
export interface TransportErrorOptions extends ErrorOptions {
  /** The other end has gone away. */
  readonly gone?: boolean;
}

/** Bytes asked of the kernel at a time. */
const READ_BYTES = 64 * 1024;

/** A source of bytes with a cursor, such as `Deno.stdin` or a connection. */
export interface ByteSource {
  /** Reads some bytes; null (or 0) at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

/** A destination of bytes, such as `Deno.stdout` or a connection. */
export interface ByteDestination {
  /** Takes some bytes and answers how many. */
  write(data: Uint8Array): Promise<number>;
}

/** The next bytes of `source`, or null at its end. */
export async function nextBytes(source: ByteSource): Promise<Uint8Array | null> {
  // A fresh buffer each time: records keep views of what they were decoded from.
  const into = new Uint8Array(READ_BYTES);
  const count = await source.read(into);
  return count ? into.subarray(0, count) : null;
}

/**
 * The readable side over `next`, which answers null at the end; it is asked only when somebody reads. A
 * writer that dies with our answers unread makes the kernel report a reset behind its last bytes: an end.
 */
export function readableFrom(
  name: string,
  next: () => Promise<Uint8Array | null>,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      let bytes: Uint8Array | null = null;
      try {
        bytes = await next();
      } catch (error) {
        if (!isGone(error)) {
          controller.error(failure("Cannot read from", name, error));
          return;
        }
      }
      if (bytes === null) controller.close();
      else controller.enqueue(bytes);
    },
  }, { highWaterMark: 0 });
}

/** The writable side over `destination`; `finish` tells the other end that nothing more comes. */
export function writableTo(
  name: string,
  destination: ByteDestination,
  finish: () => void | Promise<void>,
): WritableStream<Uint8Array> {
  const attempt = async (action: string, work: () => void | Promise<void>) => {
    try {
      await work();
    } catch (error) {
      throw failure(action, name, error);
    }
  };
  return new WritableStream({
    write: (data) =>
      attempt("Cannot write to", async () => {
        for (let done = 0; done < data.length;) {
          done += await destination.write(data.subarray(done));
        }
      }),
    close: () => attempt("Cannot finish", finish),
  });
}

function failure(action: string, name: string, error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const gone = isGone(error);
  const reason = gone ? "the other end has gone away" : errorText(error);
  return new TransportError(action, name, reason, { cause: error, gone });
}
