/** What the interpreter leaves to TypeScript: TLB misses, devices, misaligned accesses, CSRs, traps. */
import { lengthOf } from "../isa/decoder.ts";
import type { Bus } from "./bus.ts";
import type { Budget } from "./budget.ts";
import type { CodeCache } from "./code_cache.ts";
import type { CacheCoherence } from "./coherence.ts";
import type { Csrs } from "./csrs.ts";
import type { HartBlock } from "./hart_block.ts";
import type { InterpreterImports } from "./interpreter.ts";
import {
  ADDRESS,
  FETCH_TLB,
  PAGE_BYTES,
  PAGE_CODE,
  PAGE_TABLE,
  RAM,
  RAM_BASE,
  READ_TLB,
  SINGLE_RECORDS,
  VALUE,
  WRITE_TLB,
} from "./layout.ts";
import type { GuestMemory } from "./memory.ts";
import { ACCESS, type Access, type Mmu } from "./mmu.ts";
import type { Modes } from "./modes.ts";
import { PSEUDO } from "./operations.ts";
import type { Pmp } from "./pmp.ts";
import { CAUSE } from "./privilege.ts";
import { place, RECORD_BYTES_PER_BYTE, RecordWriter } from "./record.ts";
import { FAILED, RELOAD } from "./record_emission.ts";
import type { SystemInstructions } from "./system_instructions.ts";
import type { Tlb } from "./tlb.ts";
import type { Traps } from "./traps.ts";
import type { Triggers } from "./triggers.ts";

const NOT_IN_RAM = -1;

/** What accesses do, for triggers. */
const LOAD = ["load"] as const, STORE = ["store"] as const;
const LOAD_AND_STORE = [...LOAD, ...STORE] as const;

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
  /** What protects memory. */
  readonly pmp: Pmp;
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
  /** What debuggers wait for. */
  readonly triggers: Triggers;
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
    const physical = this.#translate(ACCESS.load, width);
    if (physical < 0) return this.#fault();
    const offset = this.#ramOffset(physical);
    if (offset !== NOT_IN_RAM) {
      this.#parts.coherence.relyOn(this.#parts.mmu.tables, low, this.#high());
      this.#fillData(READ_TLB, offset);
      this.#watch(LOAD, this.#address(), width);
      return RAM + offset;
    }
    const value = (low & (width - 1)) === 0
      ? this.#parts.bus.load(physical, width as 1 | 2 | 4 | 8)
      : undefined;
    if (value === undefined) return this.#accessFault(ACCESS.load);
    this.#doubles[VALUE >> 3] = value;
    this.#watch(LOAD, this.#address(), width);
    return VALUE;
  }

  /** The same for a store of VALUE. */
  store(width: number): number {
    const low = this.#low();
    if ((low & (PAGE_BYTES - 1)) + width > PAGE_BYTES) {
      return this.#crossingAccess(width, ACCESS.store);
    }
    const physical = this.#translate(ACCESS.store, width);
    if (physical < 0) return this.#fault();
    const offset = this.#ramOffset(physical);
    if (offset !== NOT_IN_RAM) return this.#prepareStore(offset, width, STORE);
    const value = BigInt.asUintN(8 * width, this.#doubles[VALUE >> 3]!);
    const stored = (low & (width - 1)) === 0 &&
      this.#parts.bus.store(physical, width as 1 | 2 | 4 | 8, value);
    if (!stored) return this.#accessFault(ACCESS.store);
    this.#watch(STORE, this.#address(), width);
    return VALUE;
  }

  /** The same for a read-modify-write: in RAM only, and aligned. */
  atomic(width: number): number {
    if ((this.#low() & (width - 1)) !== 0) return this.#trapAtAddress(CAUSE.storeMisaligned);
    const physical = this.#translate(ACCESS.store, width);
    if (physical < 0) return this.#fault();
    const offset = this.#ramOffset(physical);
    return offset === NOT_IN_RAM
      ? this.#accessFault(ACCESS.store)
      : this.#prepareStore(offset, width, LOAD_AND_STORE);
  }

  /** LR. */
  reserve(width: number): number {
    if ((this.#low() & (width - 1)) !== 0) return this.#trapAtAddress(CAUSE.loadMisaligned);
    const physical = this.#translate(ACCESS.load, width);
    if (physical < 0) return this.#fault();
    const offset = this.#ramOffset(physical);
    if (offset === NOT_IN_RAM) return this.#accessFault(ACCESS.load);
    const { block } = this.#parts;
    block.set("reservationVirtual", this.#address());
    block.set("reservationPhysical", BigInt(physical));
    block.set("reservationBytes", BigInt(width));
    this.#watch(LOAD, this.#address(), width);
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
    const physical = this.#translate(ACCESS.store, width);
    if (physical < 0) return this.#fault();
    const holds = block.get("reservationPhysical") === BigInt(physical);
    traps.clearReservation();
    if (!holds) return FAILED;
    // LR reserves in RAM only, but a restored reservation is anything.
    const offset = this.#ramOffset(physical);
    return offset === NOT_IN_RAM
      ? this.#accessFault(ACCESS.store)
      : this.#prepareStore(offset, width, STORE);
  }

  /** Zicsr. */
  csr(operation: number, record: number): number {
    this.#parts.budget.spend();
    return this.#parts.csrs.execute(operation, record);
  }

  /** Privileged instructions. */
  system(event: number, record: number): number {
    this.#parts.budget.spend();
    return this.#parts.system.execute(event, record);
  }

  decode(record: number): void {
    this.#parts.code.decode(record);
  }

  fetch(): number {
    const { block, budget, modes, coherence, code, mmu, pmp, tlb, triggers } = this.#parts;
    const pc = block.get("pc");
    const offset = this.#locateCode(pc);
    if (offset === NOT_IN_RAM) {
      budget.charge();
      return this.#fetchFault(pc);
    }
    coherence.relyOn(mmu.tables, block.low("pc"), block.high("pc"));
    if (!pmp.decidesAlike(RAM_BASE + offset)) return this.#fetchOnce(pc, offset);
    const ramPage = Math.floor(offset / PAGE_BYTES);
    const page = code.page(ramPage);
    const armed = triggers.offsetsIn(pc);
    if (armed) code.arm(ramPage, armed);
    tlb.fill(modes.fetchBank, FETCH_TLB, block.low("pc"), block.high("pc"), page);
    return RELOAD;
  }

  crossing(record: number): number {
    const { block, code } = this.#parts;
    const second = BigInt.asUintN(64, block.get("pc") + 2n);
    const offset = this.#locateCode(second);
    if (offset === NOT_IN_RAM) return this.#fetchFault(second);
    return this.#single(code.firstHalf(record) | this.#half(offset) << 16);
  }

  trigger(record: number): number {
    const { block, budget, code, triggers } = this.#parts;
    if (triggers.executing(block.get("pc"), budget.steps)) {
      budget.refund();
      budget.attend();
      return RELOAD;
    }
    const word = code.word(record);
    return word === undefined ? this.crossing(record) : this.#single(word);
  }

  /** The record of the instruction at which a region begins, for one execution. */
  head(record: number): number {
    return this.#single(this.#parts.code.word(record)!);
  }

  /** Fetches the instruction at `pc`, whose halves are permitted or not each by itself. */
  #fetchOnce(pc: bigint, offset: number): number {
    const { budget, triggers } = this.#parts;
    // Nothing has been charged for it yet.
    if (triggers.executing(pc, budget.steps + 1)) {
      budget.attend();
      return RELOAD;
    }
    if (lengthOf(this.#half(offset)) === 2) return this.#single(this.#half(offset));
    const second = BigInt.asUintN(64, pc + 2n);
    const secondOffset = this.#locateCode(second);
    if (secondOffset === NOT_IN_RAM) {
      this.#parts.budget.charge();
      return this.#fetchFault(second);
    }
    return this.#single(this.#half(offset) | this.#half(secondOffset) << 16);
  }

  /** Where in RAM the half of an instruction at an address is, or that it may not be executed. */
  #locateCode(address: bigint): number {
    const { budget, mmu, modes } = this.#parts;
    budget.spend();
    const low = Number(BigInt.asIntN(32, address));
    const high = Number(BigInt.asIntN(32, address >> 32n));
    const physical = mmu.translate(low, high, ACCESS.fetch, modes.privilege, 2);
    const offset = physical < 0 ? NOT_IN_RAM : this.#ramOffset(physical);
    if (physical >= 0 && offset === NOT_IN_RAM) mmu.accessFault(ACCESS.fetch);
    return offset;
  }

  #fetchFault(address: bigint): number {
    this.#parts.traps.exception(this.#parts.mmu.cause, address);
    return RELOAD;
  }

  #half(offset: number): number {
    return this.#halves[(RAM + offset) >>> 1]!;
  }

  /** Decodes an instruction for one execution. */
  #single(word: number): number {
    // At the end of a page no target is near.
    this.#records.write(SINGLE_RECORDS, place(word, PAGE_BYTES), () => undefined);
    this.#records.pseudo(SINGLE_RECORDS + 2 * RECORD_BYTES_PER_BYTE, PSEUDO.pageEnd);
    this.#records.pseudo(SINGLE_RECORDS + 4 * RECORD_BYTES_PER_BYTE, PSEUDO.pageEnd);
    return SINGLE_RECORDS;
  }

  /** An access to two pages, byte by byte; nothing is written unless both can be. */
  #crossingAccess(width: number, access: Access): number {
    const split = PAGE_BYTES - (this.#low() & (PAGE_BYTES - 1));
    const first = this.#locateInRam(access, split);
    if (first === NOT_IN_RAM) return RELOAD;
    const address = this.#address();
    this.#setAddress(BigInt.asUintN(64, address + BigInt(split)));
    const second = this.#locateInRam(access, width - split);
    if (second === NOT_IN_RAM) return RELOAD;
    this.#watch(access === ACCESS.load ? LOAD : STORE, address, width);
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

  #locateInRam(access: Access, bytes: number): number {
    const physical = this.#translate(access, bytes);
    if (physical < 0) {
      this.#fault();
      return NOT_IN_RAM;
    }
    const offset = this.#ramOffset(physical);
    if (offset === NOT_IN_RAM) this.#accessFault(access);
    return offset;
  }

  /** Makes way for a store to RAM and lets the next one find the page by itself. */
  #prepareStore(offset: number, width: number, kinds: readonly ("load" | "store")[]): number {
    const { coherence, mmu } = this.#parts;
    coherence.relyOn(mmu.tables, this.#low(), this.#high());
    // The page may be one of those page tables.
    if (this.#makeWay(offset, width)) this.#fillData(WRITE_TLB, offset);
    this.#watch(kinds, this.#address(), width);
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
    const { modes, pmp, tlb, triggers } = this.#parts;
    if (!pmp.decidesAlike(RAM_BASE + offset)) return;
    if (triggers.watching && triggers.watchesPage(this.#address())) return;
    const low = this.#low();
    const page = RAM + Math.floor(offset / PAGE_BYTES) * PAGE_BYTES;
    tlb.fill(modes.dataBank, kind, low, this.#high(), page - (low & ~(PAGE_BYTES - 1)) | 0);
  }

  /** Tells of an access that will not trap. */
  #watch(kinds: readonly ("load" | "store")[], address: bigint, width: number): void {
    const { budget, triggers } = this.#parts;
    if (!triggers.watching) return;
    if (triggers.accessing(kinds, address, width, budget.steps)) budget.attend();
  }

  #translate(access: Access, bytes: number): number {
    const { budget, mmu, modes } = this.#parts;
    budget.spend();
    return mmu.translate(this.#low(), this.#high(), access, modes.dataPrivilege, bytes);
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
