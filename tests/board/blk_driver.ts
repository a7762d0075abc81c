/** A virtio-blk disk and a driver that sends it requests. */
import { assertEquals } from "@std/assert";
import { VirtioBlk } from "../../lib/board/virtio_blk.ts";
import { type Descriptor, Driver, ramBase, setWide, SlotBoard } from "./virtio_driver.ts";

/** A request under way. */
export interface SentRequest {
  readonly head: number;
  readonly status: number;
  readonly room: number;
  readonly roomBytes: number;
}

/** How a request was answered. */
export interface BlkAnswer {
  readonly status: number;
  readonly data: Uint8Array;
  readonly written: number;
}

export const blkDisk = { number: 2, id: "vital", sectors: 8192 };

export class BlkDriver extends Driver {
  readonly blk: VirtioBlk;
  #buffer = 0;

  constructor(disk: ConstructorParameters<typeof VirtioBlk>[2] = blkDisk, queueSize = 16) {
    const board = new SlotBoard();
    const blk = new VirtioBlk(board.allocator, board.slot, disk);
    super(board, queueSize);
    this.blk = blk;
    board.slot.plug(blk);
    this.start(1, blk.features);
  }

  /** A fresh buffer in RAM. */
  buffer(bytes: number): number {
    const address = ramBase + 0x20_0000 + this.#buffer;
    this.#buffer = (this.#buffer + Math.ceil((bytes + 16) / 16) * 16) % 0x50_0000;
    return address;
  }

  /** Sends a request and does not wait. */
  send(
    type: number,
    sector: number,
    data: { readonly out?: Uint8Array; readonly inBytes?: number; readonly notify?: boolean } = {},
  ): SentRequest {
    const header = new Uint8Array(16);
    const view = new DataView(header.buffer);
    view.setUint32(0, type, true);
    setWide(view, 8, sector);
    const request = this.buffer(16);
    this.board.poke(request, header);
    const { out, inBytes: roomBytes = 0 } = data;
    const parts: Descriptor[] = [{ address: request, length: 16 }];
    if (out !== undefined) {
      const address = this.buffer(out.length);
      this.board.poke(address, out);
      parts.push({ address, length: out.length });
    }
    const room = this.buffer(roomBytes);
    if (roomBytes > 0) parts.push({ address: room, length: roomBytes, write: true });
    const status = this.buffer(1);
    this.board.poke(status, [0xee]);
    parts.push({ address: status, length: 1, write: true });
    const head = this.chain(0, parts);
    this.offer(0, head);
    if (data.notify !== false) this.notify(0);
    return { head, status, room, roomBytes };
  }

  /** The answer to a request, which must be the next used buffer. */
  answer(sent: SentRequest): BlkAnswer {
    const [used, ...others] = this.used(0);
    assertEquals(others, []);
    assertEquals(used?.head, sent.head);
    return {
      status: this.board.memory.read(sent.status, 1)[0]!,
      data: this.board.memory.read(sent.room, sent.roomBytes),
      written: used!.written,
    };
  }

  /** Sends a request that is answered at once. */
  request(...request: Parameters<BlkDriver["send"]>): BlkAnswer {
    return this.answer(this.send(...request));
  }

  /** The requests of the outstanding operations, in order. */
  requests() {
    return [...this.board.outstanding.operations.values()].map(({ request }) => request);
  }
}

/** One segment of a discard or write-zeroes request. */
export function segment(sector: number, sectors: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  setWide(view, 0, sector);
  view.setUint32(8, sectors, true);
  view.setUint32(12, flags, true);
  return bytes;
}
