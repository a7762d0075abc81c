/** What fetching leaves to TypeScript: pages that are not in the fetch TLB, and instructions for one execution. */
import { lengthOf } from "../isa/decoder.ts";
import { FETCH_TLB, PAGE_BYTES, RAM, RAM_BASE, SINGLE_RECORDS } from "./layout.ts";
import type { HartParts } from "./hart_parts.ts";
import { NOT_IN_RAM } from "./memory.ts";
import { ACCESS } from "./mmu.ts";
import { PSEUDO } from "./operations.ts";
import { place, RECORD_BYTES_PER_BYTE, RecordWriter } from "./record.ts";
import { RELOAD } from "./record_emission.ts";

/** The slow paths of fetching. See `InterpreterImports`. */
export class FetchPaths {
  readonly #parts: HartParts;
  readonly #halves: Uint16Array;
  readonly #records: RecordWriter;

  /** Slow paths that work on these parts. */
  constructor(parts: HartParts) {
    const { memory } = parts.memory;
    this.#parts = parts;
    this.#halves = new Uint16Array(memory.buffer);
    this.#records = new RecordWriter(memory);
  }

  /** Makes the page at pc present in the fetch TLB. */
  fetch(): number {
    const { block, budget, modes, coherence, code, mmu, pmp, tlb, triggers } = this.#parts;
    const pc = block.get("pc");
    budget.fetching = true;
    if (triggers.isArmed(pc) && this.#stopsBefore(pc)) {
      budget.fetching = false;
      budget.attend();
      return RELOAD;
    }
    budget.spend();
    const offset = this.#locateCode(pc);
    budget.fetching = false;
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

  /** Decodes the instruction at the end of a page. */
  crossing(record: number): number {
    const { block, code } = this.#parts;
    const second = BigInt.asUintN(64, block.get("pc") + 2n);
    const offset = this.#locateCode(second);
    if (offset === NOT_IN_RAM) return this.#fetchFault(second);
    return this.#single(code.firstHalf(record) | this.#half(offset) << 16);
  }

  /** Tells of an armed instruction, and decodes it. */
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
    const { budget } = this.#parts;
    if (lengthOf(this.#half(offset)) === 2) return this.#single(this.#half(offset));
    const second = BigInt.asUintN(64, pc + 2n);
    budget.fetching = true;
    const secondOffset = this.#locateCode(second);
    budget.fetching = false;
    if (secondOffset === NOT_IN_RAM) {
      budget.charge();
      return this.#fetchFault(second);
    }
    return this.#single(this.#half(offset) | this.#half(secondOffset) << 16);
  }

  /**
   * Whether the hart stops before an armed instruction. That is asked before its address is translated, which may
   * set an A bit: that would be part of the step.
   */
  #stopsBefore(pc: bigint): boolean {
    const { budget, mmu, modes, triggers } = this.#parts;
    const low = Number(BigInt.asIntN(32, pc));
    const high = Number(BigInt.asIntN(32, pc >> 32n));
    const physical = mmu.peek(low, high, ACCESS.fetch, modes.privilege, 2);
    return physical >= 0 && this.#parts.memory.offsetOf(physical) !== NOT_IN_RAM &&
      triggers.executing(pc, budget.steps);
  }

  /** Where in RAM the half of an instruction at an address is, or that it may not be executed. */
  #locateCode(address: bigint): number {
    const { mmu, modes } = this.#parts;
    const low = Number(BigInt.asIntN(32, address));
    const high = Number(BigInt.asIntN(32, address >> 32n));
    const physical = mmu.translate(low, high, ACCESS.fetch, modes.privilege, 2);
    const offset = physical < 0 ? NOT_IN_RAM : this.#parts.memory.offsetOf(physical);
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
}
