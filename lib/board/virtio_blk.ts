/**
 * virtio block device (virtio 1.2, section 5.2): one disk, one queue. The protocol has no word for
 * "uncertain", so a promoted machine performs what is outstanding again (design section 5).
 */
import { asciiBytes } from "./ascii.ts";
import type { NumberedDisk } from "./configuration.ts";
import type { FieldAllocator, Fields } from "./fields.ts";
import type { MemoryPiece, OutstandingState } from "./machine_state.ts";
import type {
  CompletionStatus,
  DmaBlock,
  Operation,
  OperationRequest,
  SectorRange,
} from "./operation.ts";
import { serveRequests } from "./request_queue.ts";
import { gather, lengthOf, scatter, sliceOf } from "./scatter.ts";
import { maximumUnmapSectors } from "./scsi_inquiry.ts";
import {
  blkConfiguration,
  blkFeature,
  blkFeatures,
  blkHeaderBytes,
  blkIdBytes,
  blkRangeBytes,
  blkStatus,
  blkType,
  blkUnmapFlag,
  maximumBlkRanges,
  maximumBlkSectors,
} from "./virtio_blk_format.ts";
import type { VirtioDevice, VirtioTransport } from "./virtio_device.ts";
import { type Chain, VirtqueueError } from "./virtqueue.ts";

const fields = {
  /** Requests wait until earlier ones are done. */
  deferred: "flag",
} as const;

const requestQueue = 0;

const sectorBytes = 512;

/** A request taken apart. */
interface Request {
  readonly head: number;
  readonly type: number;
  readonly sector: number;
  /** What the driver sends behind the header. */
  readonly sent: readonly MemoryPiece[];
  /** What it has room for, before the status byte. */
  readonly room: readonly MemoryPiece[];
  /** The last byte that the device may write (section 5.2.6). */
  readonly status: readonly MemoryPiece[];
}

/** What a request comes to: a status at once, with data for GET_ID, or an operation. */
type Outcome =
  | { readonly status: number; readonly data?: Uint8Array }
  | { readonly operation: OperationRequest };

const ok: Outcome = { status: blkStatus.ok };
const ioError: Outcome = { status: blkStatus.ioError };
const unsupported: Outcome = { status: blkStatus.unsupported };

/** A disk on virtio-blk. */
export class VirtioBlk implements VirtioDevice {
  readonly deviceId = 2;
  readonly features: number;
  readonly queues = 1;
  readonly #disk: NumberedDisk;
  readonly #fields: Fields<typeof fields>;
  readonly #transport: VirtioTransport;

  /** Places the fields, as at power-on. */
  constructor(allocator: FieldAllocator, transport: VirtioTransport, disk: NumberedDisk) {
    this.#fields = allocator.place(`block-disk-${disk.number}`, fields);
    this.#transport = transport;
    this.#disk = disk;
    this.features = blkFeatures(disk);
  }

  configuration(): Uint8Array {
    return blkConfiguration(this.#disk);
  }

  /** All of it is read-only; stores are ignored. */
  configure(): boolean {
    return true;
  }

  inFlight(): number {
    return this.#transport.outstanding.countOf(this.#transport.slot);
  }

  notified(): void {
    this.#serve();
  }

  completed(
    state: OutstandingState,
    status: CompletionStatus,
    blocks: readonly DmaBlock[],
    { request }: Operation,
  ): void {
    if (status !== "done") return this.#answer(state, blkStatus.ioError);
    if (state.forceUnitAccess && changes(request)) {
      const { operation: _, ...kept } = state;
      this.#transport.outstanding.issue({ kind: "disk-flush", disk: request.disk }, {
        ...kept,
        forceUnitAccess: false,
      });
      return;
    }
    for (const { address, data } of blocks) this.#transport.memory.write(address, data);
    this.#answer(state, blkStatus.ok);
  }

  resume(): void {
    if (this.#fields.values.deferred !== 0) this.#serve();
  }

  reset(): void {
    this.#fields.values.deferred = 0;
  }

  #serve(): void {
    const { values } = this.#fields;
    serveRequests(this.#transport, requestQueue, values, (chain) => this.#request(chain));
  }

  #request(chain: Chain): void {
    const { memory, outstanding, slot } = this.#transport;
    const room = lengthOf(chain.writable) - 1;
    const sent = lengthOf(chain.readable) - blkHeaderBytes;
    // Without room for a status there is nothing to answer with.
    if (room < 0 || sent < 0) throw new VirtqueueError("A disk request lacks its header or status");
    const header = gather(memory, sliceOf(chain.readable, 0, blkHeaderBytes));
    const view = new DataView(header.buffer);
    const request: Request = {
      head: chain.head,
      type: view.getUint32(0, true),
      sector: wide(view, 8),
      sent: sliceOf(chain.readable, blkHeaderBytes, sent),
      room: sliceOf(chain.writable, 0, room),
      status: sliceOf(chain.writable, room, 1),
    };
    const outcome = this.#outcome(request);
    const answer = { head: request.head, response: request.status, dataBytes: room };
    if ("status" in outcome) {
      if (outcome.data !== undefined) scatter(memory, request.room, outcome.data);
      this.#answer(answer, outcome.status);
      return;
    }
    const { operation } = outcome;
    outstanding.issue(operation, {
      ...answer,
      slot,
      data: operation.kind === "disk-read" ? request.room : [],
      tag: 0n,
      forceUnitAccess: changes(operation) && !this.#knowsFlush(),
      fate: "normal",
    });
  }

  #outcome(request: Request): Outcome {
    switch (request.type) {
      case blkType.in:
        return this.#read(request);
      case blkType.out:
        return this.#write(request);
      case blkType.flush:
        return { operation: { kind: "disk-flush", disk: this.#disk.number } };
      case blkType.getId:
        return this.#identify(request);
      case blkType.discard:
      case blkType.writeZeroes:
        return this.#clear(request);
      default:
        return unsupported;
    }
  }

  #read({ sector, room }: Request): Outcome {
    const { number } = this.#disk;
    const sectors = lengthOf(room) / sectorBytes;
    if (!this.#transfers(sector, sectors)) return ioError;
    if (sectors === 0) return ok;
    return { operation: { kind: "disk-read", disk: number, sector, sectors } };
  }

  #write({ sector, sent }: Request): Outcome {
    const { number, readOnly } = this.#disk;
    const sectors = lengthOf(sent) / sectorBytes;
    if (readOnly === true || !this.#transfers(sector, sectors)) return ioError;
    if (sectors === 0) return ok;
    const data = gather(this.#transport.memory, sent);
    return { operation: { kind: "disk-write", disk: number, sector, data } };
  }

  #transfers(sector: number, sectors: number): boolean {
    return Number.isInteger(sectors) && sectors <= maximumBlkSectors &&
      sector + sectors <= this.#disk.sectors;
  }

  #identify({ room }: Request): Outcome {
    const id = new Uint8Array(blkIdBytes);
    id.set(asciiBytes(this.#disk.id));
    return { status: blkStatus.ok, data: id.subarray(0, lengthOf(room)) };
  }

  /** Discard and write zeroes: sectors that are discarded read as zeros, too. */
  #clear({ type, sent }: Request): Outcome {
    const { number, readOnly } = this.#disk;
    if (readOnly === true) return ioError;
    const segments = lengthOf(sent) / blkRangeBytes;
    if (!Number.isInteger(segments) || segments === 0) return ioError;
    if (segments > maximumBlkRanges) return unsupported;
    const view = new DataView(gather(this.#transport.memory, sent).buffer);
    const given = Array.from({ length: segments }, (_, index) => ({
      sector: wide(view, index * blkRangeBytes),
      sectors: view.getUint32(index * blkRangeBytes + 8, true),
      flags: view.getUint32(index * blkRangeBytes + 12, true),
    }));
    // "Unmap" makes sense where zeros are written; no other flag exists (section 5.2.6.2).
    const allowed = type === blkType.writeZeroes ? blkUnmapFlag : 0;
    if (given.some(({ flags }) => (flags & ~allowed) !== 0)) return unsupported;
    const possible = given.every(({ sector, sectors }) =>
      sectors <= maximumUnmapSectors && sector + sectors <= this.#disk.sectors
    );
    if (!possible) return ioError;
    const ranges: readonly SectorRange[] = given
      .filter(({ sectors }) => sectors > 0)
      .map(({ sector, sectors }) => ({ sector, sectors }));
    return ranges.length === 0 ? ok : { operation: { kind: "disk-unmap", disk: number, ranges } };
  }

  /** A driver that has not accepted FLUSH takes a completed write for a durable one (section 5.2.6.2). */
  #knowsFlush(): boolean {
    return (this.#transport.acceptedFeatures & blkFeature.flush) !== 0;
  }

  /** All that is writable counts as written: the status is its last byte. */
  #answer(
    request: Pick<OutstandingState, "head" | "response" | "dataBytes">,
    status: number,
  ): void {
    scatter(this.#transport.memory, request.response, Uint8Array.of(status));
    this.#transport.give(requestQueue, request.head, request.dataBytes + 1);
  }
}

/** Whether a request leaves something on the disk that a flush makes durable. */
function changes(
  request: OperationRequest,
): request is Extract<OperationRequest, { kind: "disk-write" | "disk-unmap" }> {
  return request.kind === "disk-write" || request.kind === "disk-unmap";
}

/** A 64-bit sector number; beyond 2^53 it loses low bits and is out of range either way. */
function wide(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}
