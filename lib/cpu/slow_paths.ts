/** What the interpreter leaves to TypeScript: TLB misses, devices, misaligned accesses, CSRs, traps. */
import type { Bus } from "./bus.ts";
import type { Budget } from "./budget.ts";
import type { CodeCache } from "./code_cache.ts";
import type { CacheCoherence } from "./coherence.ts";
import type { Csrs } from "./csrs.ts";
import type { HartBlock } from "./hart_block.ts";
import type { InterpreterImports } from "./interpreter.ts";
import {
  ADDRESS,
  CROSSING_RECORDS,
  FETCH_TLB,
  PAGE_BYTES,
  PAGE_CODE,
  PAGE_TABLE,
  RAM,
  RAM_BASE,
  READ_TLB,
  VALUE,
  WRITE_TLB,
} from "./layout.ts";
import type { GuestMemory } from "./memory.ts";
import { ACCESS, type Access, type Mmu } from "./mmu.ts";
import type { Modes } from "./modes.ts";
import { PSEUDO } from "./operations.ts";
import { CAUSE } from "./privilege.ts";
import { place, RecordWriter } from "./record.ts";
import { DONE, FAILED, RELOAD } from "./record_emission.ts";
import type { SystemInstructions } from "./system_instructions.ts";
import type { Tlb } from "./tlb.ts";
import type { Traps } from "./traps.ts";

const NOT_IN_RAM = -1;

/** The parts of a hart that the slow paths work on. */
export interface HartParts {
  /** RAM. */
  readonly memory: GuestMemory;
  /** Devices. */
  readonly bus: Bus;
  /** Architectural state. */
  readonly block: HartBlock;
  /** Steps. */
  readonly budget: Budget;
  /** Privilege of accesses. */
  readonly modes: Modes;
  /** Takes traps. */
  readonly traps: Traps;
  /** What to fill after a miss. */
  readonly tlb: Tlb;
  /** Decoded pages. */
  readonly code: CodeCache;
  /** What to tell of stores and of cached translations. */
  readonly coherence: CacheCoherence;
  /** Translates. */
  readonly mmu: Mmu;
  /** Executes Zicsr. */
  readonly csrs: Csrs;
  /** Executes privileged instructions. */
  readonly system: SystemInstructions;
}

/**
 * The slow paths. Those of memory accesses answer an offset in memory at which the interpreter then does the
 * access: in RAM, or in a place from which a device's value is fetched and to which a store may go unseen.
 */
export class SlowPaths implements InterpreterImports {
  readonly #parts: HartParts;
  readonly #words: Int32Array;
  readonly #doubles: BigUint64Array;
  readonly #bytes: Uint8Array;
  readonly #halves: Uint16Array;
  readonly #records: RecordWriter;

  /** Slow paths that work on these parts. */
  constructor(parts: HartParts) {
    this.#parts = parts;
    const buffer = parts.memory.memory.buffer;
    this.#words = new Int32Array(buffer);
    this.#doubles = new BigUint64Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#halves = new Uint16Array(buffer);
    this.#records = new RecordWriter(parts.memory.memory);
  }

  /** A TLB miss, device access or misaligned access. */
  load(width: number): number {
    const low = this.#low();
    if ((low & (PAGE_BYTES - 1)) + width > PAGE_BYTES) {
      return this.#crossingAccess(width, ACCESS.load);
    }
    const physical = this.#translate(ACCESS.load);
    if (physical < 0) return this.#fault();
    const offset = this.#ramOffset(physical);
    if (offset !== NOT_IN_RAM) {
      this.#parts.coherence.relyOn(this.#parts.mmu.tables);
      this.#fillData(READ_TLB, offset);
      return RAM + offset;
    }
    const value = (low & (width - 1)) === 0
      ? this.#parts.bus.load(physical, width as 1 | 2 | 4 | 8)
      : undefined;
    if (value === undefined) return this.#accessFault(ACCESS.load);
    this.#doubles[VALUE >> 3] = value;
    return VALUE;
  }

  /** The same for a store of VALUE. */
  store(width: number): number {
    const low = this.#low();
    if ((low & (PAGE_BYTES - 1)) + width > PAGE_BYTES) {
      return this.#crossingAccess(width, ACCESS.store);
    }
    const physical = this.#translate(ACCESS.store);
    if (physical < 0) return this.#fault();
    const offset = this.#ramOffset(physical);
    if (offset !== NOT_IN_RAM) return this.#prepareStore(offset, width);
    const value = BigInt.asUintN(8 * width, this.#doubles[VALUE >> 3]!);
    const stored = (low & (width - 1)) === 0 &&
      this.#parts.bus.store(physical, width as 1 | 2 | 4 | 8, value);
    return stored ? VALUE : this.#accessFault(ACCESS.store);
  }

  /** The same for a read-modify-write: in RAM only, and aligned. */
  atomic(width: number): number {
    if ((this.#low() & (width - 1)) !== 0) return this.#trapAtAddress(CAUSE.storeMisaligned);
    const physical = this.#translate(ACCESS.store);
    if (physical < 0) return this.#fault();
    const offset = this.#ramOffset(physical);
    return offset === NOT_IN_RAM
      ? this.#accessFault(ACCESS.store)
      : this.#prepareStore(offset, width);
  }

  /** LR. */
  reserve(width: number): number {
    if ((this.#low() & (width - 1)) !== 0) return this.#trapAtAddress(CAUSE.loadMisaligned);
    const physical = this.#translate(ACCESS.load);
    if (physical < 0) return this.#fault();
    const offset = this.#ramOffset(physical);
    if (offset === NOT_IN_RAM) return this.#accessFault(ACCESS.load);
    const { block } = this.#parts;
    block.set("reservationVirtual", this.#address());
    block.set("reservationPhysical", BigInt(physical));
    block.set("reservationBytes", BigInt(width));
    return RAM + offset;
  }

  /** SC. Another virtual address fails without an access, as on QEMU. */
  conditional(width: number): number {
    if ((this.#low() & (width - 1)) !== 0) return this.#trapAtAddress(CAUSE.storeMisaligned);
    const { block, traps } = this.#parts;
    const sameAddress = block.get("reservationVirtual") === this.#address();
    if (!sameAddress || block.low("reservationBytes") < width) {
      traps.clearReservation();
      return FAILED;
    }
    const physical = this.#translate(ACCESS.store);
    if (physical < 0) return this.#fault();
    const holds = block.get("reservationPhysical") === BigInt(physical);
    traps.clearReservation();
    return holds ? this.#prepareStore(physical - RAM_BASE, width) : FAILED;
  }

  /** Zicsr. */
  csr(operation: number, record: number): number {
    return this.#parts.csrs.execute(operation, record);
  }

  /** Privileged instructions. */
  system(event: number, record: number): number {
    return this.#parts.system.execute(event, record);
  }

  decode(record: number): void {
    this.#parts.code.decode(record);
  }

  fetch(): void {
    const { block, budget, mmu, modes, coherence, code, tlb, traps } = this.#parts;
    const low = block.low("pc");
    const high = block.high("pc");
    const physical = mmu.translate(low, high, ACCESS.fetch, modes.privilege);
    const offset = physical < 0 ? NOT_IN_RAM : this.#ramOffset(physical);
    if (offset === NOT_IN_RAM) {
      if (physical >= 0) mmu.accessFault(ACCESS.fetch);
      budget.charge();
      traps.exception(mmu.cause, block.get("pc"));
      return;
    }
    coherence.relyOn(mmu.tables);
    tlb.fill(modes.fetchBank, FETCH_TLB, low, high, code.page(Math.floor(offset / PAGE_BYTES)));
  }

  crossing(record: number): number {
    const { block, code, mmu, modes, traps } = this.#parts;
    const second = BigInt.asUintN(64, block.get("pc") + 2n);
    const low = Number(BigInt.asIntN(32, second));
    const high = Number(BigInt.asIntN(32, second >> 32n));
    const physical = mmu.translate(low, high, ACCESS.fetch, modes.privilege);
    const offset = physical < 0 ? NOT_IN_RAM : this.#ramOffset(physical);
    if (offset === NOT_IN_RAM) {
      if (physical >= 0) mmu.accessFault(ACCESS.fetch);
      traps.exception(mmu.cause, second);
      return RELOAD;
    }
    const word = code.firstHalf(record) | this.#halves[(RAM + offset) >>> 1]! << 16;
    this.#records.write(CROSSING_RECORDS, place(word, PAGE_BYTES - 2), () => undefined);
    this.#records.pseudo(CROSSING_RECORDS + 32, PSEUDO.pageEnd);
    return DONE;
  }

  /** An access to two pages, byte by byte; nothing is written unless both can be. */
  #crossingAccess(width: number, access: Access): number {
    const first = this.#locateInRam(access);
    if (first === NOT_IN_RAM) return RELOAD;
    const split = PAGE_BYTES - (this.#low() & (PAGE_BYTES - 1));
    this.#setAddress(BigInt.asUintN(64, this.#address() + BigInt(split)));
    const second = this.#locateInRam(access);
    if (second === NOT_IN_RAM) return RELOAD;
    const bytes = this.#bytes;
    if (access === ACCESS.load) {
      for (let i = 0; i < width; i++) {
        bytes[VALUE + i] = bytes[RAM + (i < split ? first + i : second + i - split)]!;
      }
      return VALUE;
    }
    this.#makeWay(first, split);
    this.#makeWay(second, width - split);
    for (let i = 0; i < width; i++) {
      bytes[RAM + (i < split ? first + i : second + i - split)] = bytes[VALUE + i]!;
    }
    return VALUE;
  }

  #locateInRam(access: Access): number {
    const physical = this.#translate(access);
    if (physical < 0) {
      this.#fault();
      return NOT_IN_RAM;
    }
    const offset = this.#ramOffset(physical);
    if (offset === NOT_IN_RAM) this.#accessFault(access);
    return offset;
  }

  /** Makes way for a store to RAM and lets the next one find the page by itself. */
  #prepareStore(offset: number, width: number): number {
    const { coherence, mmu } = this.#parts;
    coherence.relyOn(mmu.tables);
    // The page may be one of those page tables.
    if (this.#makeWay(offset, width)) this.#fillData(WRITE_TLB, offset);
    return RAM + offset;
  }

  /** Marks the page written and drops what is cached from these bytes; answers whether nothing was. */
  #makeWay(offset: number, width: number): boolean {
    const { memory, coherence } = this.#parts;
    const page = Math.floor(offset / PAGE_BYTES);
    memory.markWritten(page);
    const flags = memory.pageFlags[page]!;
    if ((flags & (PAGE_CODE | PAGE_TABLE)) === 0) return true;
    coherence.stored(offset, width, flags);
    return false;
  }

  #fillData(kind: typeof READ_TLB | typeof WRITE_TLB, offset: number): void {
    const { modes, tlb } = this.#parts;
    const low = this.#low();
    const page = RAM + Math.floor(offset / PAGE_BYTES) * PAGE_BYTES;
    tlb.fill(modes.dataBank, kind, low, this.#high(), page - (low & ~(PAGE_BYTES - 1)) | 0);
  }

  #translate(access: Access): number {
    const { mmu, modes } = this.#parts;
    return mmu.translate(this.#low(), this.#high(), access, modes.dataPrivilege);
  }

  #ramOffset(physical: number): number {
    const offset = physical - RAM_BASE;
    return offset >= 0 && offset < this.#parts.memory.ramBytes ? offset : NOT_IN_RAM;
  }

  #accessFault(access: Access): number {
    this.#parts.mmu.accessFault(access);
    return this.#fault();
  }

  #fault(): number {
    return this.#trapAtAddress(this.#parts.mmu.cause);
  }

  #trapAtAddress(cause: number): number {
    this.#parts.traps.exception(cause, this.#address());
    return RELOAD;
  }

  #low(): number {
    return this.#words[ADDRESS >> 2]!;
  }

  #high(): number {
    return this.#words[(ADDRESS >> 2) + 1]!;
  }

  #address(): bigint {
    return this.#doubles[ADDRESS >> 3]!;
  }

  #setAddress(address: bigint): void {
    this.#doubles[ADDRESS >> 3] = address;
  }
}
