/**
 * Address translation: Sv39 (privileged specification, sections 4.3 and 4.4), in plain numbers, and the check of
 * the physical address.
 *
 * The walker sets A and D itself. It is a pure function of memory and privilege: what a TLB remembers of
 * it can be forgotten at any time (design invariant 9).
 */
import { fieldOffset } from "./hart_block.ts";
import { PAGE_BYTES, RAM, RAM_BASE } from "./layout.ts";
import type { GuestMemory } from "./memory.ts";
import { PERMISSION, type Pmp } from "./pmp.ts";
import { CAUSE, MSTATUS, PRIVILEGE } from "./privilege.ts";

/** What an access wants to do. */
export const ACCESS = { fetch: 0, load: 1, store: 2 } as const;
/** What an access wants to do. */
export type Access = (typeof ACCESS)[keyof typeof ACCESS];

const PAGE_FAULT = [CAUSE.fetchPage, CAUSE.loadPage, CAUSE.storePage] as const;
const ACCESS_FAULT = [CAUSE.fetchAccess, CAUSE.loadAccess, CAUSE.storeAccess] as const;

/** What physical memory protection must permit. */
const NEEDED = [PERMISSION.execute, PERMISSION.read, PERMISSION.write] as const;

const PTE = {
  valid: 1,
  read: 2,
  write: 4,
  execute: 8,
  user: 16,
  accessed: 64,
  dirty: 128,
} as const;
/** Bits 63:54 of an entry: reserved, or of extensions that this hart does not have. */
const PTE_RESERVED_HIGH = 0xffc0_0000;
const LEVELS = 3;
const PTE_BYTES = 8;

/** Where the walker finds what it looks at in every walk. */
const SATP = fieldOffset.satp >> 2;
const SATP_HIGH = SATP + 1;
const MSTATUS_LOW = fieldOffset.mstatus >> 2;

/** Bytes of physical address space that an access can name. */
const PHYSICAL_LIMIT_HIGH = 1 << 20;

/** The translator. */
export class Mmu {
  /** The cause of the last fault. */
  cause = 0;
  /** RAM pages from which the last walk read page-table entries. */
  readonly tables: number[] = [];
  readonly #words: Int32Array;
  readonly #memory: GuestMemory;
  readonly #pmp: Pmp;
  readonly #written: (offset: number) => void;
  #marks = true;

  /**
   * Translates by the tables in this memory.
   * @param written Told the offset in RAM of each page-table entry that the walker changes.
   */
  constructor(
    memory: GuestMemory,
    pmp: Pmp,
    written: (offset: number) => void,
  ) {
    this.#memory = memory;
    this.#pmp = pmp;
    this.#words = new Int32Array(memory.memory.buffer);
    this.#written = written;
  }

  /**
   * The physical address of a virtual one (two 32-bit halves) at a privilege level, or -1 and
   * {@linkcode Mmu.cause}.
   * @param bytes How many are accessed, within one page.
   */
  translate(
    low: number,
    high: number,
    access: Access,
    privilege: number,
    bytes: number,
  ): number {
    this.tables.length = 0;
    const physical = this.#locate(low, high, access, privilege);
    if (physical < 0 || this.#pmp.permits(physical, bytes, NEEDED[access], privilege)) {
      return physical;
    }
    return this.accessFault(access);
  }

  /** The same, without a trace: neither A nor D is set. */
  peek(low: number, high: number, access: Access, privilege: number, bytes: number): number {
    this.#marks = false;
    const physical = this.translate(low, high, access, privilege, bytes);
    this.#marks = true;
    return physical;
  }

  /** Records an access fault; answers -1. */
  accessFault(access: Access): -1 {
    this.cause = ACCESS_FAULT[access];
    return -1;
  }

  #locate(low: number, high: number, access: Access, privilege: number): number {
    if (privilege === PRIVILEGE.machine || this.#words[SATP_HIGH]! >>> 28 === 0) {
      // Nothing is that high; the sum would not be exact.
      if (high >>> 0 >= PHYSICAL_LIMIT_HIGH) return this.accessFault(access);
      return high * 0x1_0000_0000 + (low >>> 0);
    }
    return this.#walk(low, high, access, privilege);
  }

  #pageFault(access: Access): -1 {
    this.cause = PAGE_FAULT[access];
    return -1;
  }

  #walk(low: number, high: number, access: Access, privilege: number): number {
    // Bits 63:39 must all equal bit 38.
    if (high << 25 >> 25 !== high) return this.#pageFault(access);
    const satpLow = this.#words[SATP]! >>> 0;
    const satpHigh = this.#words[SATP_HIGH]! & 0xfff;
    let table = (satpHigh * 0x1_0000_0000 + satpLow) * PAGE_BYTES;
    for (let level = LEVELS - 1; level >= 0; level--) {
      const index = level === 2
        ? (high & 0x7f) << 2 | low >>> 30
        : (level === 1 ? low >>> 21 : low >>> 12) & 0x1ff;
      const offset = table + 8 * index - RAM_BASE;
      if (offset < 0 || offset >= this.#memory.ramBytes) return this.accessFault(access);
      if (!this.#walkerMay(offset, PERMISSION.read)) return this.accessFault(access);
      const at = (RAM + offset) / 4;
      const entry = this.#words[at]!;
      const entryHigh = this.#words[at + 1]!;
      this.tables.push(Math.floor(offset / PAGE_BYTES));
      if ((entryHigh & PTE_RESERVED_HIGH) !== 0) return this.#pageFault(access);
      if ((entry & PTE.valid) === 0) return this.#pageFault(access);
      const pageNumber = entryHigh * 0x40_0000 + (entry >>> 10);
      if ((entry & (PTE.read | PTE.write | PTE.execute)) === 0) {
        // Reserved in entries that point to a table.
        if ((entry & (PTE.dirty | PTE.accessed | PTE.user)) !== 0) return this.#pageFault(access);
        table = pageNumber * PAGE_BYTES;
        continue;
      }
      if (pageNumber % 512 ** level !== 0) return this.#pageFault(access);
      if (!this.#permits(entry, access, privilege)) return this.#pageFault(access);
      const wanted = entry | PTE.accessed | (access === ACCESS.store ? PTE.dirty : 0);
      if (wanted !== entry && this.#marks) {
        if (!this.#walkerMay(offset, PERMISSION.write)) return this.accessFault(access);
        this.#words[at] = wanted;
        this.#written(offset);
      }
      const within = level === 2 ? low & 0x3fff_ffff : level === 1 ? low & 0x1f_ffff : low & 0xfff;
      return pageNumber * PAGE_BYTES + within;
    }
    return this.#pageFault(access);
  }

  /** The walker's own accesses have the privilege of S-mode (section 3.7). */
  #walkerMay(offset: number, permission: number): boolean {
    return this.#pmp.permits(RAM_BASE + offset, PTE_BYTES, permission, PRIVILEGE.supervisor);
  }

  #permits(entry: number, access: Access, privilege: number): boolean {
    const mstatus = this.#words[MSTATUS_LOW]!;
    if ((entry & (PTE.read | PTE.write)) === PTE.write) return false;
    if ((entry & PTE.user) !== 0) {
      const lent = access !== ACCESS.fetch && (mstatus & MSTATUS.SUM) !== 0;
      if (privilege !== PRIVILEGE.user && !lent) return false;
    } else if (privilege !== PRIVILEGE.supervisor) return false;
    if (access === ACCESS.fetch) return (entry & PTE.execute) !== 0;
    if (access === ACCESS.store) return (entry & PTE.write) !== 0;
    return (entry & PTE.read) !== 0 ||
      ((entry & PTE.execute) !== 0 && (mstatus & MSTATUS.MXR) !== 0);
  }
}
