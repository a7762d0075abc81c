/** Devices of plain arrays in simulated time: operations end some time after their issue, in any order. */
import type { CompletionStatus, OperationRequest } from "../../lib/board/operation.ts";
import type { DeviceBacks, Performed } from "../../lib/epoch/host.ts";
import { ByteFile } from "./byte_file.ts";
import type { Seeded } from "./seeded.ts";
import type { SimulatedLoop } from "./simulated_loop.ts";

const SECTOR_BYTES = 512;

/** How an operation ends. */
export type Fate = (request: OperationRequest, count: number) => CompletionStatus;

/** Disks, a bill file, a console, random bytes from a seed. */
export class SimulatedDevices implements DeviceBacks {
  readonly disks: readonly Uint8Array[];
  readonly bills = new ByteFile();
  readonly console = new ByteFile();
  #performed = 0;
  #operations = 0;
  /** Called with each network frame. */
  onFrame: (frame: Uint8Array) => void = () => {};
  /** Operations under way. */
  underWay = 0;

  /**
   * @param disks Changed in place.
   * @param latestTicks An operation, or console output, takes up to so long.
   */
  constructor(
    private readonly loop: SimulatedLoop,
    private readonly random: Seeded,
    disks: Uint8Array | readonly Uint8Array[] | undefined,
    private readonly fate: Fate = () => "done",
    private readonly latestTicks = 30_000,
  ) {
    this.disks = disks === undefined ? [] : disks instanceof Uint8Array ? [disks] : disks;
  }

  /** The first disk. */
  get disk(): Uint8Array | undefined {
    return this.disks[0];
  }

  perform(request: OperationRequest): Promise<Performed> {
    const status = this.fate(request, this.#operations++);
    const data = status === "done" ? this.#perform(request) : undefined;
    this.underWay++;
    return new Promise((resolve) =>
      this.loop.after(this.random.upTo(this.latestTicks), () => {
        this.underWay--;
        resolve(data === undefined ? { status } : { status, data });
      })
    );
  }

  writeConsole(position: number, bytes: Uint8Array): Promise<void> {
    this.console.write(position, bytes);
    const end = position + bytes.length;
    return new Promise((resolve) =>
      this.loop.after(this.random.upTo(this.latestTicks), () => {
        this.#performed = Math.max(this.#performed, end);
        resolve();
      })
    );
  }

  get consolePerformed(): number {
    return this.#performed;
  }

  consoleRoom(): undefined {
    return undefined;
  }

  sendFrame(frame: Uint8Array): void {
    this.onFrame(frame);
  }

  #perform(request: OperationRequest): Uint8Array | undefined {
    if (request.kind === "bill-append") {
      this.bills.write(request.offset, request.data);
      return undefined;
    }
    if (request.kind === "entropy") {
      return Uint8Array.from({ length: request.bytes }, () => this.random.upTo(255));
    }
    const disk = this.disks[request.disk];
    if (!disk) throw new Error("An operation for a disk that is not there");
    switch (request.kind) {
      case "disk-read": {
        const start = request.sector * SECTOR_BYTES;
        return disk.slice(start, start + request.sectors * SECTOR_BYTES);
      }
      case "disk-write":
        disk.set(request.data, request.sector * SECTOR_BYTES);
        return undefined;
      case "disk-unmap":
        for (const { sector, sectors } of request.ranges) {
          disk.fill(0, sector * SECTOR_BYTES, (sector + sectors) * SECTOR_BYTES);
        }
        return undefined;
      case "disk-flush":
        return undefined;
    }
  }
}
