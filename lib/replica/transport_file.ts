/**
 * A log file as a one-way stream: written by the primary, followed by a backup as it grows.
 *
 * The end of a file says nothing about its writer, so following ends only when it is told to.
 */
import { pause } from "../host/pause.ts";
import { type FileIdentity, openPositionalFile } from "../host/positional_file.ts";
import {
  type ByteStream,
  nextBytes,
  readableFrom,
  TransportError,
  writableTo,
} from "./transport.ts";

/** Waits between two looks at a file that has not grown, milliseconds: doubled from first to longest. */
const LOOK_MILLISECONDS = { first: 1, longest: 16 } as const;

/**
 * Opens a log file for writing: made with mode 0600, since it will hold guest memory. A log begins at the
 * start of its file, so one that holds something already is refused and never overwritten.
 *
 * @throws {HostFileError} when the file does not open
 * @throws {TransportError} when it is not empty
 */
export function openFileWriter(path: string): ByteStream {
  const file = openPositionalFile(path, { access: "read-write", create: "if-missing" });
  if (file.size() > 0) {
    const bytes = file.size();
    file.close();
    throw new TransportError(
      "Cannot write a log to",
      path,
      `it holds ${bytes} bytes already; remove it or choose another name`,
    );
  }
  let position = 0;
  let closed = false;
  const close = () => {
    if (!closed) file.close();
    closed = true;
  };
  const destination = {
    async write(data: Uint8Array): Promise<number> {
      if (closed) throw new TransportError("Cannot write to", path, "it is closed");
      const count = await file.write(data, position);
      position += count;
      return count;
    },
  };
  return {
    name: path,
    kind: "file",
    direction: "out",
    writable: writableTo(path, destination, close),
    identity: file.identity(),
    endAtPresentEnd() {},
    close: () => Promise.resolve(close()),
  };
}

/**
 * Follows a log file from its start.
 *
 * @throws {HostFileError} when the file does not open
 */
export function openFileReader(path: string): ByteStream {
  const file = openPositionalFile(path, { access: "read" });
  let position = 0;
  return followed(path, "file", {
    identity: () => file.identity(),
    size: () => file.size(),
    async read(into) {
      const count = await file.read(into, position);
      position += count;
      return count;
    },
    close: () => file.close(),
  });
}

/** A file that may still grow, behind a cursor. */
export interface GrowingFile {
  /** Which file it is. */
  identity(): FileIdentity;
  /** Its present size in bytes. */
  size(): number;
  /** Reads some bytes at the cursor; 0 at the present end. */
  read(into: Uint8Array): Promise<number>;
  /** Frees it. */
  close(): void;
}

/** A stream that waits at the end of `file` for more, until told that nothing more will come. */
export function followed(
  name: string,
  kind: "file" | "standard",
  file: GrowingFile,
): ByteStream {
  const told = new AbortController();
  const identity = file.identity();
  let largest = 0;
  let reading: Promise<unknown> | undefined;
  let closed = false;
  const lookAtSize = () => {
    const size = file.size();
    if (size < largest) {
      throw new TransportError(
        "Cannot go on reading",
        name,
        `it was cut from ${largest} to ${size} bytes; its log is not to be trusted`,
      );
    }
    largest = size;
  };
  const readOrWait = async (into: Uint8Array): Promise<number> => {
    let wait: number = LOOK_MILLISECONDS.first;
    while (!closed) {
      // Before the look: what the writer did until then is read, and only then is the end believed.
      const last = told.signal.aborted;
      lookAtSize();
      const count = await file.read(into);
      if (count > 0 || last) return count;
      await pause(wait, told.signal);
      wait = Math.min(wait * 2, LOOK_MILLISECONDS.longest);
    }
    return 0;
  };
  const next = () => {
    const bytes = nextBytes({ read: readOrWait });
    reading = bytes.catch(() => {});
    return bytes;
  };
  return {
    name,
    kind,
    direction: "in",
    readable: readableFrom(name, next),
    identity,
    presentBytes: () => file.size(),
    endAtPresentEnd: () => told.abort(),
    async close() {
      if (closed) return;
      closed = true;
      told.abort();
      await reading;
      file.close();
    },
  };
}
