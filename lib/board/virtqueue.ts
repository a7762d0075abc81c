/**
 * Split virtqueues (virtio 1.2, section 2.7) with indirect descriptors and event indices. A queue is
 * guest memory: every address, length and index in it is checked, and no walk is longer than the queue.
 * Nothing is copied here: devices bound what they copy.
 */
import { GuestMemory } from "../cpu/memory.ts";
import type { MemoryPiece } from "./machine_state.ts";

/** Largest queue, in descriptors. */
export const maximumQueueSize = 128;

/** The driver has broken the rules of the queue; the device needs a reset. */
export class VirtqueueError extends Error {
  /** Tells the class by name. */
  override readonly name = "VirtqueueError";
}

/** The registers of one queue. */
export interface QueueRegisters {
  /** Number of descriptors, a power of two. */
  readonly size: number;
  /** Guest-physical address of the descriptor table. */
  readonly descriptors: number;
  /** Guest-physical address of the available ring. */
  readonly available: number;
  /** Guest-physical address of the used ring. */
  readonly used: number;
  /** Whether event indices were negotiated (VIRTIO_F_EVENT_IDX): each side says when it wants to be told. */
  readonly eventIndices: boolean;
  /** Index into the available ring of the next buffer to take, 16 bits. */
  nextAvailable: number;
  /** Index into the used ring of the next buffer to return, 16 bits. */
  nextUsed: number;
}

/** A buffer that the driver has made available. */
export interface Chain {
  /** Index of its first descriptor: its name in the used ring. */
  readonly head: number;
  /** What the device reads. */
  readonly readable: readonly MemoryPiece[];
  /** What the device writes. */
  readonly writable: readonly MemoryPiece[];
}

const descriptorBytes = 16;
const flags = { next: 1, write: 2, indirect: 4 } as const;
const noInterrupt = 1;

/** One queue, as its registers describe it now. */
export class Virtqueue {
  readonly #memory: GuestMemory;
  readonly #view: DataView;
  readonly #registers: QueueRegisters;

  /** A queue in `memory`, described by `registers` whenever it is used. */
  constructor(memory: GuestMemory, registers: QueueRegisters) {
    this.#memory = memory;
    const { ram } = memory;
    this.#view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    this.#registers = registers;
  }

  /** Buffers that the driver has made available and nobody has taken; none in a ring outside RAM. */
  get waiting(): number {
    const { size, available, nextAvailable } = this.#registers;
    if (!this.#memory.contains(available + 2, 2)) return 0;
    return Math.min((this.#half(available + 2) - nextAvailable) & 0xffff, size);
  }

  /**
   * Takes the next available buffer, or nothing when the driver has made no more available.
   *
   * @param inFlight Buffers taken and not returned.
   * @throws {VirtqueueError} when the driver has broken the rules
   */
  take(inFlight: number): Chain | undefined {
    const registers = this.#registers;
    const { size, available, nextAvailable } = registers;
    const driverIndex = this.#half(available + 2);
    const waiting = (driverIndex - nextAvailable) & 0xffff;
    if (waiting === 0) {
      this.#wantNotification();
      return undefined;
    }
    if (waiting > size) {
      throw new VirtqueueError(`The driver claims ${waiting} buffers in a queue of ${size}`);
    }
    if (inFlight >= size) {
      throw new VirtqueueError(`More than ${size} buffers are in flight`);
    }
    const head = this.#half(available + 4 + 2 * (nextAvailable % size));
    const chain = this.#walk(head);
    registers.nextAvailable = (nextAvailable + 1) & 0xffff;
    return chain;
  }

  /**
   * Returns a buffer of which the first `written` writable bytes have been written.
   *
   * @returns Whether the driver wants an interrupt.
   * @throws {VirtqueueError} when the used ring is not in RAM
   */
  give(head: number, written: number): boolean {
    const registers = this.#registers;
    const { size, used, available, nextUsed } = registers;
    const element = used + 4 + 8 * (nextUsed % size);
    this.#check(element, 8);
    this.#check(used, 4);
    const entry = new Uint8Array(8);
    const view = new DataView(entry.buffer);
    view.setUint32(0, head, true);
    view.setUint32(4, written, true);
    this.#memory.write(element, entry);
    registers.nextUsed = (nextUsed + 1) & 0xffff;
    this.#setHalf(used + 2, registers.nextUsed);
    // Section 2.7.7: with event indices the driver names the used element that it waits for.
    if (registers.eventIndices) return this.#half(available + 4 + 2 * size) === nextUsed;
    return (this.#half(available) & noInterrupt) === 0;
  }

  /** With event indices (section 2.7.10): the next buffer made available shall be told. */
  #wantNotification(): void {
    const { size, used, nextAvailable, eventIndices } = this.#registers;
    if (!eventIndices) return;
    const event = used + 4 + 8 * size;
    if (this.#half(event) !== nextAvailable) this.#setHalf(event, nextAvailable);
  }

  #walk(head: number): Chain {
    const readable: MemoryPiece[] = [];
    const writable: MemoryPiece[] = [];
    let table = this.#registers.descriptors;
    let entries = this.#registers.size;
    let index = head;
    let left = entries;
    let indirect = false;
    for (;;) {
      if (index >= entries) {
        throw new VirtqueueError(`Descriptor ${index} is outside its table of ${entries}`);
      }
      if (left-- === 0) throw new VirtqueueError(`The descriptor chain at ${head} is a loop`);
      const at = table + index * descriptorBytes;
      this.#check(at, descriptorBytes);
      const address = this.#double(at);
      const length = this.#word(at + 8);
      const flag = this.#half(at + 12);
      if ((flag & flags.indirect) !== 0) {
        if (indirect || (flag & flags.next) !== 0) {
          throw new VirtqueueError(`The indirect descriptor ${index} stands in a chain`);
        }
        entries = length / descriptorBytes;
        if (!Number.isInteger(entries) || entries === 0 || entries > maximumQueueSize) {
          throw new VirtqueueError(`An indirect table of ${length} bytes is not allowed`);
        }
        this.#check(address, length);
        indirect = true;
        table = address;
        index = 0;
        left = entries;
        continue;
      }
      this.#check(address, length);
      // Section 2.7.5.3.1: none is longer than a queue, with or without an indirect table.
      if (readable.length + writable.length === maximumQueueSize) {
        throw new VirtqueueError(`The descriptor chain at ${head} is longer than any queue`);
      }
      if ((flag & flags.write) !== 0) {
        writable.push({ address, length });
      } else if (writable.length > 0) {
        throw new VirtqueueError(
          `The descriptor chain at ${head} has readable after writable parts`,
        );
      } else {
        readable.push({ address, length });
      }
      if ((flag & flags.next) === 0) return { head, readable, writable };
      index = this.#half(at + 14);
    }
  }

  #check(address: number, length: number): void {
    if (!this.#memory.contains(address, length)) {
      throw new VirtqueueError(`${length} bytes at 0x${address.toString(16)} are not in RAM`);
    }
  }

  #half(address: number): number {
    this.#check(address, 2);
    return this.#view.getUint16(address - GuestMemory.ramBase, true);
  }

  #setHalf(address: number, value: number): void {
    const bytes = new Uint8Array(2);
    new DataView(bytes.buffer).setUint16(0, value, true);
    this.#memory.write(address, bytes);
  }

  #word(address: number): number {
    return this.#view.getUint32(address - GuestMemory.ramBase, true);
  }

  /** An address beyond 2^53 loses low bits; it is far outside RAM either way. */
  #double(address: number): number {
    return this.#word(address) + this.#word(address + 4) * 2 ** 32;
  }
}
