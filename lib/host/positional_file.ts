/**
 * A file with positions and no cursor. Everything of ours that must survive a crash (disk images, the
 * bill file, console files, membership records) goes through this one interface, so that tests put a
 * failing or full medium underneath.
 *
 * Deno's own `FsFile` has a cursor, and concurrent `seek` + `write` on it damages data; `node:fs` takes a
 * position with each call.
 */
import fs from "node:fs";
import { errorCode, errorText, HostFileError } from "./fault.ts";

/** Which file a descriptor or a path stands for. Equal for a pipe's two ends. */
export interface FileIdentity {
  /** Device number of the file system. */
  readonly device: number;
  /** Inode number in it. */
  readonly inode: number;
}

/** Whether two identities name the same file. */
export function sameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/** Positional access to one open file. Any call may fail with the operating system's error. */
export interface PositionalFile {
  /** Reads at byte `position`; answers how many bytes, fewer near the end, 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes at byte `position`; answers how many bytes were taken, at least 1 unless `data` is empty. */
  write(data: Uint8Array, position: number): Promise<number>;
  /** Returns once all writes before the call are on the medium (`fdatasync`). */
  dataSync(): Promise<void>;
  /** Present size in bytes. */
  size(): number;
  /** Device and inode of the open file, whatever its path names by now. */
  identity(): FileIdentity;
  /** Frees the descriptor; further calls fail. */
  close(): void;
}

/** How {@linkcode openPositionalFile} opens a file. It never truncates. */
export interface OpenMode {
  /** `read`, or `read-write`. */
  readonly access: "read" | "read-write";
  /** `never` (the default): it must exist. `if-missing`: made, mode 0600. `new`: it must not exist. */
  readonly create?: "never" | "if-missing" | "new";
}

/** Why a file did not open, in words that say what to do. */
const OPEN_FAILURES: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "it does not exist: check the path"],
  ["EEXIST", "it exists already: remove it or choose another name"],
  ["EACCES", "permission is denied: check its owner and mode"],
  ["EROFS", "the file system is read-only"],
  ["EISDIR", "it is a directory: name a file"],
  ["ENOSPC", "no space is left: free some and try again"],
]);

/**
 * Opens `path`; a new file gets mode 0600, because it will hold guest memory or guest data.
 *
 * @throws {HostFileError} naming the path and the reason
 */
export function openPositionalFile(path: string, mode: OpenMode): PositionalFile {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK } = fs.constants;
  // A pipe, which is refused below, must not wait for somebody at its other end.
  const flags = O_NONBLOCK | (mode.access === "read" ? O_RDONLY : O_RDWR) |
    (mode.create === "if-missing" ? O_CREAT : 0) |
    (mode.create === "new" ? O_CREAT | O_EXCL : 0);
  let descriptor: number;
  try {
    descriptor = fs.openSync(path, flags, 0o600);
  } catch (error) {
    const reason = reasonOf(error, mode);
    throw new HostFileError(path, `Cannot open ${path}: ${reason}`, { cause: error });
  }
  if (!fs.fstatSync(descriptor).isFile()) {
    fs.closeSync(descriptor);
    throw new HostFileError(path, `Cannot use ${path}: it is not a regular file`);
  }
  return new DescriptorFile(descriptor);
}

function reasonOf(error: unknown, { create = "never" }: OpenMode): string {
  return errorCode(error) === "ENOENT" && create !== "never"
    ? "its folder does not exist: check the path"
    : openFailure(error);
}

/** Why a file that should be there did not open, in words that say what to do. */
export function openFailure(error: unknown): string {
  // Deno keeps devices and the like from all but those who may do everything.
  if (error instanceof Deno.errors.NotCapable) {
    return "this process may not use it: name a plain file";
  }
  return OPEN_FAILURES.get(errorCode(error) ?? "") ?? errorText(error);
}

/** Device and inode of what `path` names now, links followed; undefined when it names nothing. */
export function identityOfPath(path: string): FileIdentity | undefined {
  try {
    return identityOf(fs.statSync(path));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw new HostFileError(path, `Cannot look at ${path}: ${errorText(error)}`, { cause: error });
  }
}

/** Device and inode of an open descriptor: 0 is standard input, 1 standard output. */
export function identityOfDescriptor(descriptor: number): FileIdentity {
  return identityOf(fs.fstatSync(descriptor));
}

/** Inode numbers above 2^53 are rounded, the same way for everyone who looks at the same file. */
function identityOf(status: { readonly dev: number; readonly ino: number }): FileIdentity {
  return { device: status.dev, inode: status.ino };
}

/** Reads until `into` is full or the file ends; answers how many bytes. */
export async function readFully(
  file: PositionalFile,
  into: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const count = await file.read(into.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Writes all of `data`, however little the file takes at a time. */
export async function writeFully(
  file: PositionalFile,
  data: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const count = await file.write(data.subarray(done), position + done);
    if (count <= 0) throw new Error("A write took no bytes and gave no error");
    done += count;
  }
}

class DescriptorFile implements PositionalFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(
        this.#descriptor,
        into,
        0,
        into.length,
        position,
        (error: Error | null, count: number) => error ? reject(error) : resolve(count),
      );
    });
  }

  write(data: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.write(
        this.#descriptor,
        data,
        0,
        data.length,
        position,
        (error: Error | null, count: number) => error ? reject(error) : resolve(count),
      );
    });
  }

  dataSync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => error ? reject(error) : resolve());
    });
  }

  size(): number {
    return fs.fstatSync(this.#descriptor).size;
  }

  identity(): FileIdentity {
    return identityOfDescriptor(this.#descriptor);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}
