/** Guest memory: the one WebAssembly memory, RAM in it, and which pages were written. */
import {
  DEVICE_STATE,
  DEVICE_STATE_BYTES,
  PAGE_BYTES,
  PAGE_CODE,
  PAGE_FLAGS,
  PAGE_TABLE,
  PAGE_WATCHED,
  PAGE_WRITTEN,
  RAM,
  RAM_BASE,
  RAM_LIMIT,
} from "./layout.ts";

/** Guest memory was asked for, or addressed, outside its bounds. */
export class GuestMemoryError extends Error {
  /** For telling errors apart. */
  override readonly name = "GuestMemoryError";
}

/** What {@linkcode GuestMemory.offsetOf} answers for an address outside. */
export const NOT_IN_RAM: -1 = -1;

/** Pages that are sorted sooner than put into another array. */
const FEW = 16;

/** Told of every write to a page from which something was cached (design invariant 9), or that is watched. */
export interface Coherence {
  /**
   * Bytes of RAM are about to change, or have just changed.
   * @param offset Bytes from the start of RAM; the range lies in one page.
   * @param length Bytes.
   * @param flags The page's flags.
   */
  written(offset: number, length: number, flags: number): void;
}

/** RAM and the device-state area in one shared `WebAssembly.Memory`, never grown. */
export class GuestMemory {
  /** Guest-physical address of the first byte of RAM. */
  static readonly ramBase: number = RAM_BASE;
  /** Most bytes of RAM: 2 GiB. */
  static readonly largest: number = RAM_LIMIT;

  /** The memory that the generated modules import. */
  readonly memory: WebAssembly.Memory;
  /** Size of RAM in bytes. */
  readonly ramBytes: number;
  /**
   * All of RAM. Reading is free; write through {@linkcode GuestMemory.write}, which keeps the written
   * pages and the caches right.
   */
  readonly ram: Uint8Array;
  /** 64 KiB of architectural device state, laid out by the board. */
  readonly deviceState: DataView;
  /** One byte of flags for each page of RAM. */
  readonly pageFlags: Uint8Array;
  readonly #written: number[] = [];
  #coherence: Coherence | undefined;

  /**
   * Zeroed memory.
   * @param ramBytes A multiple of 4096, at most 2 GiB.
   * @throws {GuestMemoryError} On any other size.
   */
  constructor(ramBytes: number) {
    if (
      !Number.isSafeInteger(ramBytes) || ramBytes <= 0 || ramBytes % PAGE_BYTES !== 0 ||
      ramBytes > RAM_LIMIT
    ) {
      throw new GuestMemoryError(
        `Cannot make ${ramBytes} bytes of RAM: choose a positive multiple of ${PAGE_BYTES} up to ${RAM_LIMIT}`,
      );
    }
    const pages = Math.ceil((RAM + ramBytes) / 0x1_0000);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const buffer = this.memory.buffer;
    this.ramBytes = ramBytes;
    this.ram = new Uint8Array(buffer, RAM, ramBytes);
    this.deviceState = new DataView(buffer, DEVICE_STATE, DEVICE_STATE_BYTES);
    this.pageFlags = new Uint8Array(buffer, PAGE_FLAGS, ramBytes / PAGE_BYTES);
  }

  /** Names who must hear of writes to pages from which code or page tables were cached. */
  attach(coherence: Coherence): void {
    this.#coherence = coherence;
  }

  /** The offset in RAM of a guest-physical address, or {@linkcode NOT_IN_RAM}. */
  offsetOf(address: number): number {
    const offset = address - RAM_BASE;
    return offset >= 0 && offset < this.ramBytes ? offset : NOT_IN_RAM;
  }

  /** Whether the whole range lies in RAM. */
  contains(address: number, length: number): boolean {
    const offset = address - RAM_BASE;
    return offset >= 0 && length >= 0 && offset + length <= this.ramBytes;
  }

  /**
   * A copy of the bytes at a guest-physical address.
   * @throws {GuestMemoryError} When the range is not in RAM.
   */
  read(address: number, length: number): Uint8Array {
    this.#check(address, length);
    const offset = address - RAM_BASE;
    return this.ram.slice(offset, offset + length);
  }

  /**
   * Writes bytes at a guest-physical address, as a device does: marks the pages written and drops what
   * was decoded from them.
   * @throws {GuestMemoryError} When the range is not in RAM.
   */
  write(address: number, data: Uint8Array): void {
    this.#check(address, data.length);
    const offset = address - RAM_BASE;
    this.ram.set(data, offset);
    this.#touch(offset, data.length);
  }

  /** Zeroes RAM; pages that were not zero already count as written. */
  clear(): void {
    const words = new Int32Array(this.memory.buffer, RAM, this.ramBytes / 4);
    const wordsOfPage = PAGE_BYTES / 4;
    for (let start = 0; start < words.length; start += wordsOfPage) {
      const end = start + wordsOfPage;
      let at = start;
      while (at < end && words[at] === 0) at++;
      if (at === end) continue;
      words.fill(0, at, end);
      this.#touch(4 * start, PAGE_BYTES);
    }
  }

  /** Numbers, ascending, of the RAM pages written since the last {@linkcode GuestMemory.forgetWritten}. */
  writtenPages(): number[] {
    if (this.#written.length < FEW) return this.#written.toSorted((a, b) => a - b);
    // Sorted as numbers: with many a comparing function takes a third of what an epoch's digest does.
    return Array.from(Uint32Array.from(this.#written).sort());
  }

  /** The same pages in the order in which they were written first. */
  get written(): readonly number[] {
    return this.#written;
  }

  /** Puts a page into the set of written ones. */
  markWritten(page: number): void {
    const flags = this.pageFlags[page]!;
    if ((flags & PAGE_WRITTEN) === 0) {
      this.pageFlags[page] = flags | PAGE_WRITTEN;
      this.#written.push(page);
    }
  }

  /** Empties the set of written pages. Only the hart calls it, since the write TLB must go with it. */
  forgetWritten(): void {
    for (const page of this.#written) this.pageFlags[page]! &= ~PAGE_WRITTEN;
    this.#written.length = 0;
  }

  #touch(offset: number, length: number): void {
    const end = offset + length;
    for (let at = offset; at < end;) {
      const page = Math.floor(at / PAGE_BYTES);
      const pageEnd = Math.min(end, (page + 1) * PAGE_BYTES);
      this.markWritten(page);
      const flags = this.pageFlags[page]!;
      if ((flags & (PAGE_CODE | PAGE_TABLE | PAGE_WATCHED)) !== 0) {
        this.#coherence?.written(at, pageEnd - at, flags);
      }
      at = pageEnd;
    }
  }

  #check(address: number, length: number): void {
    if (!this.contains(address, length)) {
      throw new GuestMemoryError(
        `Cannot access ${length} bytes at address 0x${address.toString(16)}: ` +
          `RAM is 0x${RAM_BASE.toString(16)} to 0x${(RAM_BASE + this.ramBytes).toString(16)}`,
      );
    }
  }
}
