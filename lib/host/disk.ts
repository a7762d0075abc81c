/**
 * The back of a disk: sectors in a file (design section 5).
 *
 * Operations that touch a common sector are performed in the order of issue; others may overlap, as a
 * real disk's queue allows. A flush answers when every write issued before it is on the medium.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import type { CompletionStatus, OperationRequest, SectorRange } from "../board/operation.ts";
import { faultStatus, HostFileError } from "./fault.ts";
import {
  type FileIdentity,
  identityOfPath,
  openPositionalFile,
  type PositionalFile,
  readFully,
  sameFile,
  writeFully,
} from "./positional_file.ts";

/** Bytes of a sector. */
export const SECTOR_BYTES = 512;

/** Largest piece written or read at once by unmaps and digests, bytes. */
const PIECE_BYTES = 1 << 20;

/** The requests that a disk performs. */
export type DiskRequest = Extract<OperationRequest, { readonly kind: `disk-${string}` }>;

/** How a disk operation ended; `data` comes with a read that is `done`. */
export interface DiskResult {
  /** Never `uncertain`: a live disk always knows. */
  readonly status: CompletionStatus;
  /** The sectors read. */
  readonly data?: Uint8Array;
}

/** What the hypervisor needs of a disk. */
export interface DiskBack {
  /** Size in sectors of 512 bytes. */
  readonly sectors: number;
  /** Performs one operation; failures of the medium are answers, not errors. */
  perform(request: DiskRequest): Promise<DiskResult>;
  /** Waits for what is in flight and frees the file. */
  close(): Promise<void>;
}

/** How a {@linkcode DiskFile} is opened. */
export interface DiskOptions {
  /**
   * A write answers only once it is on the medium: for a disk shared across hosts, whose other host
   * cannot see this one's page cache (design section 6). Done by an `fdatasync` per batch of writes
   * and not by O_DSYNC, because Deno performs `node:fs` writes on the thread that runs the guest.
   */
  readonly synchronous?: boolean;
  /** Opens the image; tests put a failing medium here. */
  readonly open?: (path: string) => PositionalFile;
}

interface Pending {
  /** The sectors touched; empty for a flush. */
  readonly ranges: readonly SectorRange[];
  readonly changes: boolean;
  readonly settled: Promise<unknown>;
}

/** Makes a disk image of `bytes` zeros, sparse, mode 0600, on the medium when this returns. */
export function createDiskImage(path: string, bytes: number): void {
  requireWholeSectors(path, bytes);
  openPositionalFile(path, { access: "read-write", create: "new" }).close();
  fs.truncateSync(path, bytes);
}

/** A disk whose sectors are in a file. */
export class DiskFile implements DiskBack {
  /** The path as given. */
  readonly path: string;
  readonly sectors: number;
  readonly #file: PositionalFile;
  readonly #synchronous: boolean;
  readonly #pending = new Set<Pending>();
  /** A batch of synchronous writes waits for one `fdatasync`. */
  #nextSync: Promise<void> | undefined;
  #syncing: Promise<unknown> = Promise.resolve();
  #lost: unknown;
  #closed = false;

  /**
   * Opens the image at `path`.
   *
   * @throws {HostFileError} when it does not open, is empty, or is not whole sectors
   */
  constructor(path: string, options: DiskOptions = {}) {
    this.path = path;
    const open = options.open ?? ((name) => openPositionalFile(name, { access: "read-write" }));
    this.#file = open(path);
    this.#synchronous = options.synchronous ?? false;
    const bytes = this.#file.size();
    try {
      requireWholeSectors(path, bytes);
    } catch (error) {
      this.#file.close();
      throw error;
    }
    this.sectors = bytes / SECTOR_BYTES;
  }

  /** Size in bytes. */
  get bytes(): number {
    return this.sectors * SECTOR_BYTES;
  }

  /** Operations that have not ended yet. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /** Device and inode of the open image. */
  identity(): FileIdentity {
    return this.#file.identity();
  }

  /** Whether the path still names the open image, and the image has kept its size. */
  isInPlace(): boolean {
    const named = identityOfPath(this.path);
    return named !== undefined && sameFile(named, this.identity()) &&
      this.#file.size() === this.bytes;
  }

  perform(request: DiskRequest): Promise<DiskResult> {
    if (this.#closed) throw new HostFileError(this.path, `Disk ${this.path} is closed`);
    const ranges = this.#rangesOf(request);
    const changes = request.kind === "disk-write" || request.kind === "disk-unmap";
    const earlier: Promise<unknown>[] = [];
    for (const other of this.#pending) {
      const waits = request.kind === "disk-flush"
        ? other.changes
        : (changes || other.changes) && overlap(ranges, other.ranges);
      if (waits) earlier.push(other.settled);
    }
    const result = this.#performAfter(earlier, request);
    const pending: Pending = { ranges, changes, settled: result };
    this.#pending.add(pending);
    return result.finally(() => this.#pending.delete(pending));
  }

  /** SHA-256 of the whole contents, as hex digits; for comparing replicas. Waits for earlier writes. */
  async digest(): Promise<string> {
    await this.#settle();
    const hash = createHash("sha256");
    const piece = new Uint8Array(PIECE_BYTES);
    for (let position = 0; position < this.bytes; position += PIECE_BYTES) {
      const part = piece.subarray(0, Math.min(PIECE_BYTES, this.bytes - position));
      const count = await readFully(this.#file, part, position);
      if (count !== part.length) {
        throw new HostFileError(
          this.path,
          `Cannot digest ${this.path}: it ends at byte ${position + count} of ${this.bytes}`,
        );
      }
      hash.update(part);
    }
    return hash.digest("hex");
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#settle();
    this.#file.close();
  }

  #settle(): Promise<unknown> {
    return Promise.all([...this.#pending].map((pending) => pending.settled));
  }

  async #performAfter(
    earlier: readonly Promise<unknown>[],
    request: DiskRequest,
  ): Promise<DiskResult> {
    if (earlier.length > 0) await Promise.all(earlier);
    try {
      return await this.#performNow(request);
    } catch (error) {
      return { status: faultStatus(error) };
    }
  }

  async #performNow(request: DiskRequest): Promise<DiskResult> {
    switch (request.kind) {
      case "disk-read": {
        const data = new Uint8Array(request.sectors * SECTOR_BYTES);
        const count = await readFully(this.#file, data, request.sector * SECTOR_BYTES);
        // An image that was cut shorter behind our back has lost sectors: not zeros, a medium error.
        return count === data.length ? { status: "done", data } : { status: "io-error" };
      }
      case "disk-write":
        await writeFully(this.#file, request.data, request.sector * SECTOR_BYTES);
        if (this.#synchronous) await this.#syncBatch();
        return { status: "done" };
      case "disk-unmap":
        for (const range of request.ranges) await this.#writeZeros(range);
        if (this.#synchronous) await this.#syncBatch();
        return { status: "done" };
      case "disk-flush":
        await this.#sync();
        return { status: "done" };
    }
  }

  /**
   * Unmapped sectors read as zeros. Deno offers no hole punching, so zeros are written where there are
   * none: holes of a sparse image stay holes.
   */
  async #writeZeros(range: SectorRange): Promise<void> {
    const end = (range.sector + range.sectors) * SECTOR_BYTES;
    const zeros = new Uint8Array(Math.min(PIECE_BYTES, range.sectors * SECTOR_BYTES));
    for (let position = range.sector * SECTOR_BYTES; position < end; position += zeros.length) {
      const part = zeros.subarray(0, end - position);
      if (!await this.#readsAsZeros(part.length, position)) {
        await writeFully(this.#file, part, position);
      }
    }
  }

  /** Sectors that cannot be read are not known to be zeros: writing them may help. */
  async #readsAsZeros(bytes: number, position: number): Promise<boolean> {
    const words = new BigUint64Array(bytes / 8);
    const count = await readFully(this.#file, new Uint8Array(words.buffer), position)
      .catch(() => 0);
    return count === bytes && words.every((word) => word === 0n);
  }

  /** Joins the next `fdatasync`, which starts when the one under way has ended. */
  #syncBatch(): Promise<void> {
    this.#nextSync ??= this.#syncing.then(() => {
      this.#nextSync = undefined;
      const sync = this.#sync();
      this.#syncing = sync.catch(() => {});
      return sync;
    });
    return this.#nextSync;
  }

  /**
   * After a failed `fdatasync` Linux calls the lost pages clean and the next one succeeds, so a failure
   * is kept: this disk never again says that something is durable.
   */
  async #sync(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    try {
      await this.#file.dataSync();
    } catch (error) {
      this.#lost = error;
      throw error;
    }
  }

  #rangesOf(request: DiskRequest): readonly SectorRange[] {
    const ranges = requestRanges(request);
    for (const { sector, sectors } of ranges) {
      // The front checks against the same size; growing the image here would change the machine.
      if (!(sector >= 0 && sectors >= 0 && sector + sectors <= this.sectors)) {
        throw new RangeError(
          `Operation ${request.kind} of ${sectors} sectors at sector ${sector} is outside ${this.path} of ${this.sectors} sectors`,
        );
      }
    }
    return ranges;
  }
}

function requestRanges(request: DiskRequest): readonly SectorRange[] {
  switch (request.kind) {
    case "disk-read":
      return [{ sector: request.sector, sectors: request.sectors }];
    case "disk-write":
      if (request.data.length % SECTOR_BYTES !== 0) {
        throw new RangeError(`A disk write of ${request.data.length} bytes is not whole sectors`);
      }
      return [{ sector: request.sector, sectors: request.data.length / SECTOR_BYTES }];
    case "disk-unmap":
      return request.ranges;
    case "disk-flush":
      return [];
  }
}

function overlap(a: readonly SectorRange[], b: readonly SectorRange[]): boolean {
  return a.some((x) =>
    b.some((y) => x.sector < y.sector + y.sectors && y.sector < x.sector + x.sectors)
  );
}

/**
 * Checks the size of an image.
 *
 * @throws {HostFileError} when it is empty or not whole sectors
 */
export function requireWholeSectors(path: string, bytes: number): void {
  if (bytes > 0 && bytes % SECTOR_BYTES === 0 && Number.isSafeInteger(bytes)) return;
  throw new HostFileError(
    path,
    `Cannot use ${path} as a disk: its size of ${bytes} bytes is not a positive multiple of ${SECTOR_BYTES}`,
  );
}
