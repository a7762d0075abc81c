/**
 * Disks of a backup's own: each write is applied from the backup's own outstanding table when the log
 * says that the primary has performed it (design section 6, across machines).
 */
import type { Operation } from "../board/operation.ts";
import type { HeaderRecord } from "../epoch/record.ts";
import { DiskFile } from "../host/disk.ts";
import { HostFileError } from "../host/fault.ts";

/** Bytes of writes under way beyond which the replica waits for its disks. */
const WRITE_BUFFER_BYTES = 16 << 20;

/** Copies of the primary's disks, kept in step. */
export class ReplicaDisks {
  readonly #disks: readonly DiskFile[];
  readonly #pending = new Set<Promise<void>>();
  #pendingBytes = 0;
  #failure: Error | undefined;

  private constructor(disks: readonly DiskFile[]) {
    this.#disks = disks;
  }

  /**
   * Opens the images and checks that they hold what the primary's held at power-on.
   *
   * @throws HostFileError When one does not.
   */
  static async open(paths: readonly string[], header: HeaderRecord): Promise<ReplicaDisks> {
    const { diskDigests } = header;
    if (!diskDigests) {
      throw new HostFileError(
        paths[0]!,
        `Disk ${paths[0]} is not shared with the primary, which is already running: ` +
          "a copy can only join at power-on",
      );
    }
    const disks: DiskFile[] = [];
    try {
      for (const [index, path] of paths.entries()) {
        const disk = new DiskFile(path);
        disks.push(disk);
        if (await disk.digest() === diskDigests[index]) continue;
        throw new HostFileError(
          path,
          `Disk ${path} is not a copy of the primary's disk ${index} as it was at power-on: copy it anew`,
        );
      }
    } catch (error) {
      for (const disk of disks) await disk.close();
      throw error;
    }
    return new ReplicaDisks(disks);
  }

  /** When there is a promise, the replica waits for it: its disks are slower than the primary's. */
  room(): Promise<void> | undefined {
    if (this.#pendingBytes <= WRITE_BUFFER_BYTES) return undefined;
    return Promise.race(this.#pending);
  }

  /** Applies a performed operation. */
  apply(operation: Operation): void {
    if (this.#failure) throw this.#failure;
    const { request } = operation;
    if (!("disk" in request) || request.kind === "disk-read") return;
    const disk = this.#disks[request.disk]!;
    const bytes = "data" in request ? request.data.length : 0;
    const work: Promise<void> = disk.perform(request).then(({ status }) => {
      if (status === "done") return;
      this.#failure ??= new HostFileError(
        disk.path,
        `Cannot apply ${request.kind} to replica disk ${disk.path}: ${status}`,
      );
    }).finally(() => {
      this.#pending.delete(work);
      this.#pendingBytes -= bytes;
    });
    this.#pending.add(work);
    this.#pendingBytes += bytes;
  }

  /**
   * Waits for what is under way and frees the images.
   *
   * @throws HostFileError When the copy could not be kept in step.
   */
  async close(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    await Promise.all(this.#disks.map((disk) => disk.close()));
    if (this.#failure) throw this.#failure;
  }
}
