/**
 * The fence: an exclusive lock (`flock`) on each disk image, or on the `--arbiter` file. Whoever is active
 * holds it (design section 6); the kernel frees it when the process dies, and children do not inherit it.
 *
 * The lock says that nobody else is active on this host. It decides nothing by itself: see `rules.ts`.
 */
import { errorText, HostFileError } from "../host/fault.ts";
import { type FileIdentity, identityOfPath, sameFile } from "../host/positional_file.ts";
import { pause } from "../host/pause.ts";

/** Waits between two tries, milliseconds: doubled from first to longest. */
const BACK_OFF_MILLISECONDS = { first: 1, longest: 100 } as const;

/** Times that a file may be exchanged under its path while it is being locked. */
const EXCHANGES_BORNE = 10;

/** How long and how eagerly {@linkcode Fence.acquire} tries. */
export interface AcquireOptions {
  /** Gives up after so long. */
  readonly milliseconds: number;
  /** Gives up at once when aborted. */
  readonly signal?: AbortSignal;
}

interface HeldFile {
  readonly path: string;
  readonly file: Deno.FsFile;
  readonly identity: FileIdentity;
}

/** The lock on one file or several, all held or none. */
export class Fence {
  readonly #held: readonly HeldFile[];
  #released = false;

  private constructor(held: readonly HeldFile[]) {
    this.#held = held;
  }

  /**
   * Locks all of `paths` in the order of their real paths, or none. Answers undefined when one of them is
   * held by somebody else.
   *
   * @throws {HostFileError} when a file cannot be opened, or the same file is named twice
   */
  static try(paths: readonly string[]): Fence | undefined {
    const held: HeldFile[] = [];
    try {
      for (const path of canonicalOrder(paths)) {
        const lock = lockInPlace(path);
        if (lock === undefined) {
          releaseAll(held);
          return undefined;
        }
        held.push(lock);
      }
    } catch (error) {
      releaseAll(held);
      throw error;
    }
    return new Fence(held);
  }

  /**
   * Like {@linkcode Fence.try}, again and again with growing waits: the lock can still be held for
   * microseconds after a dead primary's stream has ended, and backups probe it.
   */
  static async acquire(
    paths: readonly string[],
    options: AcquireOptions,
  ): Promise<Fence | undefined> {
    const deadline = performance.now() + options.milliseconds;
    for (let wait: number = BACK_OFF_MILLISECONDS.first;;) {
      const fence = Fence.try(paths);
      if (fence !== undefined) return fence;
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      await pause(Math.min(wait, left), options.signal);
      if (options.signal?.aborted) return undefined;
      wait = Math.min(wait * 2, BACK_OFF_MILLISECONDS.longest);
    }
  }

  /** The real paths, in the order of locking; the first one's record decides. */
  get paths(): readonly string[] {
    return this.#held.map((held) => held.path);
  }

  /** Device and inode of each locked file, in the same order. */
  get identities(): readonly FileIdentity[] {
    return this.#held.map((held) => held.identity);
  }

  /** Whether the lock is still held and every path still names the file that is locked. */
  isInPlace(): boolean {
    return !this.#released && this.#held.every(({ path, identity }) => {
      const named = identityOfPath(path);
      return named !== undefined && sameFile(named, identity);
    });
  }

  /** Frees the lock. A second call does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    releaseAll(this.#held);
  }
}

/** Real paths, sorted, so that two who lock the same files never hold one each for long. */
function canonicalOrder(paths: readonly string[]): readonly string[] {
  if (paths.length === 0) throw new RangeError("A fence needs at least one file to lock");
  const found: { readonly path: string; readonly identity: FileIdentity }[] = [];
  for (const path of paths) {
    const identity = identityOfPath(path);
    if (identity === undefined) {
      throw new HostFileError(path, `Cannot lock ${path}: it does not exist; check the path`);
    }
    // A second opening would find the lock held: by us.
    if (found.some((other) => sameFile(other.identity, identity))) {
      throw new HostFileError(path, `Cannot lock ${path}: the same file is named twice`);
    }
    found.push({ path: Deno.realPathSync(path), identity });
  }
  return found.map(({ path }) => path).sort();
}

/** Opens and locks the file, and makes sure that it is still the one that the path names. */
function lockInPlace(path: string): HeldFile | undefined {
  for (let exchanges = 0; exchanges <= EXCHANGES_BORNE; exchanges++) {
    const file = openForLock(path);
    let kept = false;
    try {
      if (!file.tryLockSync(true)) return undefined;
      const { dev, ino } = file.statSync();
      const identity = { device: dev, inode: ino ?? 0 };
      const named = identityOfPath(path);
      kept = named !== undefined && sameFile(named, identity);
      if (kept) return { path, file, identity };
    } finally {
      if (!kept) file.close();
    }
  }
  throw new HostFileError(
    path,
    `Cannot lock ${path}: another file takes its place again and again; stop whatever replaces it`,
  );
}

function openForLock(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true });
  } catch (error) {
    throw new HostFileError(path, `Cannot lock ${path}: ${errorText(error)}`, { cause: error });
  }
}

function releaseAll(held: readonly HeldFile[]): void {
  for (const { file } of held.toReversed()) file.close();
}
