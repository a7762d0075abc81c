/** A virtio-mmio slot on guest memory, and a driver for it written in TypeScript. */
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { DeviceBus } from "../../lib/board/bus.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";
import { virtioRegion } from "../../lib/board/memory_map.ts";
import { OutstandingOperations } from "../../lib/board/outstanding.ts";
import { VirtioMmio } from "../../lib/board/virtio_mmio.ts";
import type { Completion, CompletionStatus, DmaBlock } from "../../lib/board/operation.ts";

export const ramBytes = 2 ** 23;
export const ramBase = GuestMemory.ramBase;

/** A descriptor as the driver writes it. */
export interface Descriptor {
  readonly address: number;
  readonly length: number;
  readonly write?: boolean;
}

/** Puts a 64-bit little-endian number into bytes. */
export function setWide(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

/** A board with one slot. */
export class SlotBoard {
  readonly memory = new GuestMemory(ramBytes);
  readonly allocator = new FieldAllocator(this.memory.deviceState);
  stops = 0;
  line = false;
  readonly outstanding = new OutstandingOperations(this.allocator, () => void this.stops++);
  readonly slot = new VirtioMmio(0, this.allocator, {
    memory: this.memory,
    outstanding: this.outstanding,
    requestStop: () => void this.stops++,
    setLine: (level) => void (this.line = level),
  });
  readonly bus = new DeviceBus(() => 0);

  constructor() {
    this.bus.map(virtioRegion(0), this.slot);
  }

  load(offset: number, size: 1 | 2 | 4 | 8 = 4): number {
    return Number(this.bus.load(0x1000_1000 + offset, size));
  }

  store(offset: number, value: number, size: 1 | 2 | 4 = 4): void {
    this.bus.store(0x1000_1000 + offset, size, BigInt(value >>> 0));
  }

  /** Writes into guest memory as the guest would. */
  poke(address: number, bytes: ArrayLike<number>): void {
    this.memory.write(address, Uint8Array.from(bytes));
  }

  /** Completes an operation as a machine does at an epoch's end. */
  complete(number: number, status: CompletionStatus = "done", data?: Uint8Array): void {
    const operation = this.outstanding.operations.get(number)!;
    const state = this.outstanding.state(number)!;
    let at = 0;
    const blocks: DmaBlock[] = data === undefined ? [] : state.data.map(({ address, length }) => {
      at += length;
      return { address, data: data.subarray(at - length, at) };
    });
    const completion: Completion = { operation: number, status, blocks };
    this.outstanding.settle(number);
    this.slot.completed(state, completion.status, completion.blocks, operation);
    this.slot.settled();
  }
}

export const status = { acknowledge: 1, driver: 2, driverOk: 4, featuresOk: 8, needsReset: 0x40 };

/** Where a queue's parts are, well apart. */
function queueAddresses(queue: number) {
  const start = ramBase + 0x10_0000 + queue * 0x1_0000;
  return { descriptors: start, available: start + 0x4000, used: start + 0x8000 };
}

/** Drives the slot of a board by the book (virtio 1.2, section 3.1). */
export class Driver {
  readonly board: SlotBoard;
  readonly queueSize: number;
  readonly #next = new Map<number, number>();
  readonly #seen = new Map<number, number>();
  readonly #free = new Map<number, number>();

  constructor(board: SlotBoard, queueSize = 16) {
    this.board = board;
    this.queueSize = queueSize;
  }

  /** Starts the device with some of its own features accepted. */
  start(queues: number, features = 0): void {
    const { board } = this;
    board.store(0x070, 0);
    board.store(0x070, status.acknowledge);
    board.store(0x070, status.acknowledge | status.driver);
    board.store(0x024, 0);
    board.store(0x020, features | 1 << 28);
    board.store(0x024, 1);
    board.store(0x020, 1);
    board.store(0x070, 0x0b);
    for (let queue = 0; queue < queues; queue++) this.setUp(queue);
    board.store(0x070, 0x0f);
  }

  setUp(queue: number): void {
    const { board } = this;
    const { descriptors, available, used } = queueAddresses(queue);
    board.poke(descriptors, new Uint8Array(0xc000));
    board.store(0x030, queue);
    board.store(0x038, this.queueSize);
    const registers = [[0x080, descriptors], [0x090, available], [0x0a0, used]] as const;
    for (const [offset, address] of registers) {
      board.store(offset, address);
      board.store(offset + 4, 0);
    }
    board.store(0x044, 1);
    this.#next.set(queue, 0);
    this.#seen.set(queue, 0);
    this.#free.set(queue, 0);
  }

  addresses(queue: number) {
    return queueAddresses(queue);
  }

  /** Writes one descriptor. */
  describe(
    table: number,
    index: number,
    { address, length, write }: Descriptor,
    next?: number,
    flags = 0,
  ): void {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    setWide(view, 0, address);
    view.setUint32(8, length, true);
    view.setUint16(12, (write === true ? 2 : 0) | (next === undefined ? 0 : 1) | flags, true);
    view.setUint16(14, next ?? 0, true);
    this.board.poke(table + 16 * index, bytes);
  }

  /** Writes a chain into the queue's table and returns its head. */
  chain(queue: number, descriptors: readonly Descriptor[]): number {
    const { descriptors: table } = queueAddresses(queue);
    const first = this.#free.get(queue)!;
    descriptors.forEach((descriptor, index) => {
      const at = (first + index) % this.queueSize;
      const next = index + 1 < descriptors.length ? (at + 1) % this.queueSize : undefined;
      this.describe(table, at, descriptor, next);
    });
    this.#free.set(queue, (first + descriptors.length) % this.queueSize);
    return first;
  }

  /** Writes an indirect table and a descriptor for it, and returns the head. */
  indirect(queue: number, table: number, descriptors: readonly Descriptor[]): number {
    descriptors.forEach((descriptor, index) =>
      this.describe(
        table,
        index,
        descriptor,
        index + 1 < descriptors.length ? index + 1 : undefined,
      )
    );
    const head = this.#free.get(queue)!;
    this.describe(
      queueAddresses(queue).descriptors,
      head,
      { address: table, length: 16 * descriptors.length },
      undefined,
      4,
    );
    this.#free.set(queue, (head + 1) % this.queueSize);
    return head;
  }

  /** Makes a chain available, without a notification. */
  offer(queue: number, head: number): void {
    const { available } = queueAddresses(queue);
    const next = this.#next.get(queue)!;
    const entry = Uint8Array.of(head & 0xff, head >>> 8);
    this.board.poke(available + 4 + 2 * (next % this.queueSize), entry);
    this.setAvailableIndex(queue, next + 1);
  }

  setAvailableIndex(queue: number, index: number): void {
    const { available } = queueAddresses(queue);
    this.#next.set(queue, index & 0xffff);
    this.board.poke(available + 2, [index & 0xff, (index >>> 8) & 0xff]);
  }

  notify(queue: number): void {
    this.board.store(0x050, queue);
  }

  /** Used buffers since the last call. */
  used(queue: number): { readonly head: number; readonly written: number }[] {
    const { used } = queueAddresses(queue);
    const read = (address: number, length: number) => {
      const bytes = this.board.memory.read(address, length);
      return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    };
    const index = read(used + 2, 2).getUint16(0, true);
    const buffers = [];
    let seen = this.#seen.get(queue)!;
    while (seen !== index) {
      const entry = read(used + 4 + 8 * (seen % this.queueSize), 8);
      buffers.push({ head: entry.getUint32(0, true), written: entry.getUint32(4, true) });
      seen = (seen + 1) & 0xffff;
    }
    this.#seen.set(queue, seen);
    return buffers;
  }

  needsReset(): boolean {
    return (this.board.load(0x070) & status.needsReset) !== 0;
  }
}
