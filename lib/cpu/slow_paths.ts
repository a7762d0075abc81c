/** What the interpreter leaves to TypeScript: TLB misses, devices, misaligned accesses, CSRs, traps. */
import { FetchPaths } from "./fetch_paths.ts";
import type { HartParts } from "./hart_parts.ts";
import type { InterpreterImports } from "./interpreter.ts";
import {
  ADDRESS,
  PAGE_BYTES,
  PAGE_CODE,
  PAGE_TABLE,
  RAM,
  RAM_BASE,
  READ_TLB,
  VALUE,
  WRITE_TLB,
} from "./layout.ts";
import { NOT_IN_RAM } from "./memory.ts";
import { ACCESS, type Access } from "./mmu.ts";
import { CAUSE } from "./privilege.ts";
import { FAILED, RELOAD } from "./record_emission.ts";

/** What accesses do, for triggers. */
const LOAD = ["load"] as const, STORE = ["store"] as const;
const LOAD_AND_STORE = [...LOAD, ...STORE] as const;

/**
 * The slow paths. Those of memory accesses answer an offset in memory at which the interpreter then does the
 * access: in RAM, or in a place from which a device's value is fetched and to which a store may go unseen.
 */
export class SlowPaths implements InterpreterImports {
  readonly #parts: HartParts;
  readonly #words: Int32Array;
  readonly #doubles: BigUint64Array;
  readonly #bytes: Uint8Array;
  readonly #fetches: FetchPaths;

  /** Slow paths that work on these parts. */
  constructor(parts: HartParts) {
    this.#parts = parts;
    const buffer = parts.memory.memory.buffer;
    this.#words = new Int32Array(buffer);
    this.#doubles = new BigUint64Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#fetches = new FetchPaths(parts);
  }

  /** A TLB miss, device access or misaligned access. */
  load(width: number): number {
    const beside = this.#besideWatched(READ_TLB, width);
    if (beside !== 0) return beside;
    const low = this.#low();
    if ((low & (PAGE_BYTES - 1)) + width > PAGE_BYTES) {
      return this.#crossingAccess(width, ACCESS.load);
    }
    const physical = this.#translate(ACCESS.load, width);
    if (physical < 0) return this.#fault();
    const offset = this.#parts.memory.offsetOf(physical);
    if (offset !== NOT_IN_RAM) {
      this.#parts.coherence.relyOn(this.#parts.mmu.tables, low, this.#high());
      this.#fillData(READ_TLB, offset);
      this.#watch(LOAD, width, offset);
      return RAM + offset;
    }
    const value = (low & (width - 1)) === 0
      ? this.#parts.bus.load(physical, width as 1 | 2 | 4 | 8)
      : undefined;
    if (value === undefined) return this.#accessFault(ACCESS.load);
    this.#doubles[VALUE >> 3] = value;
    this.#watch(LOAD, width);
    return VALUE;
  }

  /** The same for a store of VALUE. */
  store(width: number): number {
    const beside = this.#besideWatched(WRITE_TLB, width);
    if (beside !== 0) return beside;
    const low = this.#low();
    if ((low & (PAGE_BYTES - 1)) + width > PAGE_BYTES) {
      return this.#crossingAccess(width, ACCESS.store);
    }
    const physical = this.#translate(ACCESS.store, width);
    if (physical < 0) return this.#fault();
    const offset = this.#parts.memory.offsetOf(physical);
    if (offset !== NOT_IN_RAM) return this.#prepareStore(offset, width, STORE);
    const value = BigInt.asUintN(8 * width, this.#doubles[VALUE >> 3]!);
    const stored = (low & (width - 1)) === 0 &&
      this.#parts.bus.store(physical, width as 1 | 2 | 4 | 8, value);
    if (!stored) return this.#accessFault(ACCESS.store);
    this.#watch(STORE, width);
    return VALUE;
  }

  /** The same for a read-modify-write: in RAM only, and aligned. */
  atomic(width: number): number {
    if ((this.#low() & (width - 1)) !== 0) return this.#trapAtAddress(CAUSE.storeMisaligned);
    const beside = this.#besideWatched(WRITE_TLB, width);
    if (beside !== 0) return beside;
    const physical = this.#translate(ACCESS.store, width);
    if (physical < 0) return this.#fault();
    const offset = this.#parts.memory.offsetOf(physical);
    return offset === NOT_IN_RAM
      ? this.#accessFault(ACCESS.store)
      : this.#prepareStore(offset, width, LOAD_AND_STORE);
  }

  /** LR. */
  reserve(width: number): number {
    if ((this.#low() & (width - 1)) !== 0) return this.#trapAtAddress(CAUSE.loadMisaligned);
    const physical = this.#translate(ACCESS.load, width);
    if (physical < 0) return this.#fault();
    const offset = this.#parts.memory.offsetOf(physical);
    if (offset === NOT_IN_RAM) return this.#accessFault(ACCESS.load);
    const { block } = this.#parts;
    block.set("reservationVirtual", this.#address());
    block.set("reservationPhysical", BigInt(physical));
    block.set("reservationBytes", BigInt(width));
    this.#watch(LOAD, width, offset);
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
    const offset = this.#parts.memory.offsetOf(physical);
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
    return this.#fetches.fetch();
  }

  crossing(record: number): number {
    return this.#fetches.crossing(record);
  }

  trigger(record: number): number {
    return this.#fetches.trigger(record);
  }

  /** The record of the instruction at which a region begins, for one execution. */
  head(record: number): number {
    return this.#fetches.head(record);
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
    this.#setAddress(address);
    this.#watch(access === ACCESS.load ? LOAD : STORE, width, first, second);
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
    const offset = this.#parts.memory.offsetOf(physical);
    if (offset === NOT_IN_RAM) this.#accessFault(access);
    return offset;
  }

  /** Makes way for a store to RAM and lets the next one find the page by itself. */
  #prepareStore(offset: number, width: number, kinds: readonly ("load" | "store")[]): number {
    const { coherence, mmu } = this.#parts;
    coherence.relyOn(mmu.tables, this.#low(), this.#high());
    // The page may be one of those page tables.
    if (this.#makeWay(offset, width)) this.#fillData(WRITE_TLB, offset);
    this.#watch(kinds, width, offset);
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
    const low = this.#low();
    const ramPage = Math.floor(offset / PAGE_BYTES);
    const added = RAM + ramPage * PAGE_BYTES - (low & ~(PAGE_BYTES - 1)) | 0;
    const part = triggers.watching ? triggers.watchedPart(this.#address(), ramPage) : 0;
    tlb.fill(modes.dataBank, kind, low, this.#high(), added, part);
  }

  /** Where an access to a watched page goes that touches nothing watched; 0 when that is not known. */
  #besideWatched(kind: typeof READ_TLB | typeof WRITE_TLB, width: number): number {
    const { modes, tlb, triggers } = this.#parts;
    if (!triggers.watching) return 0;
    const low = this.#low();
    const added = tlb.besideWatched(modes.dataBank, kind, low, this.#high(), width);
    return added === 0 ? 0 : low + added;
  }

  /**
   * Tells of an access that will not trap.
   * @param offset Where in RAM it is, if it is there.
   * @param second Where its part behind the end of the page is, if it has one.
   */
  #watch(
    kinds: readonly ("load" | "store")[],
    width: number,
    offset?: number,
    second?: number,
  ): void {
    const { budget, triggers } = this.#parts;
    if (!triggers.watching) return;
    const split = second === undefined ? width : PAGE_BYTES - (this.#low() & (PAGE_BYTES - 1));
    const memory = [
      ...offset === undefined ? [] : [{ address: RAM_BASE + offset, length: split }],
      ...second === undefined ? [] : [{ address: RAM_BASE + second, length: width - split }],
    ];
    const access = { kinds, address: this.#address(), width, memory };
    if (triggers.accessing(access, budget.steps)) budget.attend();
  }

  #translate(access: Access, bytes: number): number {
    const { budget, mmu, modes } = this.#parts;
    budget.spend();
    return mmu.translate(this.#low(), this.#high(), access, modes.dataPrivilege, bytes);
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
