/** A virtio-scsi controller and a driver that sends it commands. */
import { assertEquals } from "@std/assert";
import type { DiskConfiguration } from "../../lib/board/configuration.ts";
import { VirtioScsi } from "../../lib/board/virtio_scsi.ts";
import { Driver, ramBase, SlotBoard } from "./virtio_driver.ts";

export const disks: readonly DiskConfiguration[] = [
  { id: "first", sectors: 8192 },
  { id: "second", sectors: 2 ** 33, readOnly: true },
];

/** A response, taken apart. */
export interface Response {
  readonly response: number;
  readonly status: number;
  readonly residual: number;
  /** Key, code, qualifier; nothing when there is no sense data. */
  readonly sense: readonly number[];
  readonly data: Uint8Array;
  readonly written: number;
}

/** A command under way. */
export interface Sent {
  readonly head: number;
  readonly response: number;
  readonly dataIn: number;
  readonly inBytes: number;
}

const senseBytes = 96;
const responseBytes = 12 + senseBytes;

export class ScsiDriver extends Driver {
  readonly scsi: VirtioScsi;
  #buffer = 0;
  #tag = 1;

  constructor(given: readonly DiskConfiguration[] = disks, queueSize = 16) {
    const board = new SlotBoard();
    const numbered = given.map((disk, number) => ({ ...disk, number }));
    const scsi = new VirtioScsi(board.allocator, board.slot, numbered);
    super(board, queueSize);
    this.scsi = scsi;
    board.slot.plug(scsi);
    this.start(3);
  }

  /** Takes the unit attentions that follow a reset. */
  acknowledgeResets(): this {
    for (let target = 0; target < disks.length; target++) {
      assertEquals(this.command([0, 0, 0, 0, 0, 0], { target }).sense, [6, 0x29, 0]);
    }
    return this;
  }

  /** A fresh buffer in RAM. */
  buffer(bytes: number): number {
    const address = ramBase + 0x20_0000 + this.#buffer;
    this.#buffer = (this.#buffer + Math.ceil((bytes + 16) / 16) * 16) % 0x50_0000;
    return address;
  }

  /** Sends a command and does not wait. */
  send(
    cdb: readonly number[],
    options: {
      readonly target?: number;
      readonly lun?: readonly number[];
      readonly dataOut?: Uint8Array;
      readonly inBytes?: number;
      readonly tag?: number;
      /** Cut the data buffers into pieces of this many bytes. */
      readonly piece?: number;
      readonly notify?: boolean;
    } = {},
  ): Sent {
    const { target = 0, dataOut = new Uint8Array(0), inBytes = 0 } = options;
    const header = new Uint8Array(51);
    header.set(options.lun ?? [1, target, 0x40, 0, 0, 0, 0, 0]);
    new DataView(header.buffer).setUint32(8, options.tag ?? this.#tag++, true);
    header.set(cdb, 19);
    const request = this.buffer(header.length);
    this.board.poke(request, header);
    const out = this.buffer(dataOut.length);
    this.board.poke(out, dataOut);
    const response = this.buffer(responseBytes);
    this.board.poke(response, new Uint8Array(responseBytes).fill(0xee));
    const dataIn = this.buffer(inBytes);
    const piece = options.piece ?? Infinity;
    const cut = (address: number, length: number, write: boolean) => {
      const parts = [];
      for (let at = 0; at < length; at += piece) {
        parts.push({ address: address + at, length: Math.min(piece, length - at), write });
      }
      return parts;
    };
    const head = this.chain(2, [
      { address: request, length: header.length },
      ...cut(out, dataOut.length, false),
      { address: response, length: responseBytes, write: true },
      ...cut(dataIn, inBytes, true),
    ]);
    this.offer(2, head);
    if (options.notify !== false) this.notify(2);
    return { head, response, dataIn, inBytes };
  }

  /** The response to a command, which must be the next used buffer. */
  answer(sent: Sent): Response {
    const [used, ...others] = this.used(2);
    assertEquals(others, []);
    assertEquals(used?.head, sent.head);
    return this.response(sent, used!.written);
  }

  response(sent: Sent, written: number): Response {
    const bytes = this.board.memory.read(sent.response, responseBytes);
    const view = new DataView(bytes.buffer);
    const sense = view.getUint32(0, true) === 0 ? [] : [bytes[14]!, bytes[24]!, bytes[25]!];
    return {
      response: bytes[11]!,
      status: bytes[10]!,
      residual: view.getUint32(4, true),
      sense,
      data: this.board.memory.read(sent.dataIn, sent.inBytes),
      written,
    };
  }

  /** Sends a command that is answered at once. */
  command(cdb: readonly number[], options: Parameters<ScsiDriver["send"]>[1] = {}): Response {
    return this.answer(this.send(cdb, options));
  }

  /** Sends a task management request and returns where its response will be. */
  manage(subtype: number, tag = 0, lun: readonly number[] = [1, 0, 0x40, 0, 0, 0, 0, 0]): Sent {
    const header = new Uint8Array(24);
    const view = new DataView(header.buffer);
    view.setUint32(4, subtype, true);
    header.set(lun, 8);
    view.setUint32(16, tag, true);
    const request = this.buffer(24);
    this.board.poke(request, header);
    const response = this.buffer(1);
    this.board.poke(response, [0xee]);
    const head = this.chain(0, [
      { address: request, length: 24 },
      { address: response, length: 1, write: true },
    ]);
    this.offer(0, head);
    this.notify(0);
    return { head, response, dataIn: 0, inBytes: 0 };
  }

  managed(sent: Sent): number | undefined {
    const used = this.used(0);
    if (used.length === 0) return undefined;
    assertEquals(used, [{ head: sent.head, written: 1 }]);
    return this.board.memory.read(sent.response, 1)[0];
  }
}

/** Big-endian bytes of a number. */
export function big(value: number, bytes: number): number[] {
  return Array.from(
    { length: bytes },
    (_, index) => Math.floor(value / 256 ** (bytes - 1 - index)) % 256,
  );
}

export const read10 = (sector: number, sectors: number) => [
  0x28,
  0,
  ...big(sector, 4),
  0,
  ...big(sectors, 2),
  0,
];

export const write10 = (sector: number, sectors: number, flags = 0) => [
  0x2a,
  flags,
  ...big(sector, 4),
  0,
  ...big(sectors, 2),
  0,
];
