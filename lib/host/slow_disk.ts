/** A disk as slow as one with moving parts: gives what can go wrong in between the time to do so. */
import { pause } from "./pause.ts";
import type { DiskBack, DiskRequest, DiskResult } from "./disk.ts";

/** Delays every operation of a disk, half of the time before and half after it is performed. */
export class SlowDisk implements DiskBack {
  /**
   * Takes a disk that is open; {@linkcode close} frees it.
   *
   * @param milliseconds What every operation takes at least.
   */
  constructor(private readonly disk: DiskBack, private readonly milliseconds: number) {}

  /** Size in sectors of 512 bytes. */
  get sectors(): number {
    return this.disk.sectors;
  }

  /** Equal delays keep the order of issue. */
  async perform(request: DiskRequest): Promise<DiskResult> {
    await pause(this.milliseconds / 2);
    const result = await this.disk.perform(request);
    await pause(this.milliseconds / 2);
    return result;
  }

  /** Waits for what is in flight and frees the file. */
  close(): Promise<void> {
    return this.disk.close();
  }
}
