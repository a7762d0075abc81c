/**
 * The TLBs, which the generated code looks into by itself.
 *
 * An entry is a tag (the virtual page address, or all ones) and a 32-bit value: for reads and writes what
 * to add to a virtual address to get the offset in memory, for fetches the decoded page. Each bank serves
 * one way of looking at memory, so that a change of privilege flushes nothing.
 */
import type { GuestMemory } from "./memory.ts";
import {
  FETCH_TLB,
  MICRO_TLB_BYTES,
  MICRO_TLBS,
  MICRO_TLBS_USED,
  PAGE_BYTES,
  type READ_TLB,
  TAG_WATCHED,
  TLB_BANK_BYTES,
  TLB_BANK_COUNT,
  TLB_BANKS,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
  WRITE_TLB,
} from "./layout.ts";
import { WatchedPages } from "./watched_pages.ts";

const ENTRY_WORDS = TLB_ENTRY_BYTES / 4;
const TLB_BYTES = TLB_ENTRIES * TLB_ENTRY_BYTES;
const KINDS = TLB_BANK_BYTES / TLB_BYTES;
const VALUE_WORD = 2;
const PART_WORD = 3;
const PAGE_MASK = ~0xfff;

/** Where in its table the entry is of an address whose low half this is. */
function within(low: number): number {
  return low >>> 8 & (TLB_ENTRIES - 1) * TLB_ENTRY_BYTES;
}

/** Offsets of the banks in memory. */
export const BANK = {
  user: TLB_BANKS,
  supervisor: TLB_BANKS + TLB_BANK_BYTES,
  /** Supervisor with mstatus.SUM set. */
  supervisorUser: TLB_BANKS + 2 * TLB_BANK_BYTES,
  machine: TLB_BANKS + 3 * TLB_BANK_BYTES,
} as const;

/** The tables of all banks but that of machine mode, which come first. */
const TRANSLATED_TABLES = (BANK.machine - TLB_BANKS) / TLB_BYTES;

/** The kinds of TLB in a bank, by their offset. */
export type TlbKind = typeof READ_TLB | typeof WRITE_TLB | typeof FETCH_TLB;

/** All TLBs of the hart. */
export class Tlb {
  readonly #words: Int32Array;
  readonly #used = new Uint8Array(TLB_BANK_COUNT * KINDS);

  /** The TLBs in this memory, empty. */
  constructor(memory: GuestMemory) {
    this.#words = new Int32Array(memory.memory.buffer);
    this.#used.fill(1);
    this.#words[MICRO_TLBS_USED >> 2] = 1;
    this.flush();
  }

  /**
   * Maps the page of a virtual address.
   * @param part The part of it that is watched, or 0.
   */
  fill(bank: number, kind: TlbKind, low: number, high: number, value: number, part = 0): void {
    const at = (bank + kind + within(low)) >> 2;
    this.#words[at] = low & PAGE_MASK | (part === 0 ? 0 : TAG_WATCHED);
    this.#words[at + 1] = high;
    this.#words[at + VALUE_WORD] = value;
    this.#words[at + PART_WORD] = part;
    this.#used[(bank + kind - TLB_BANKS) / TLB_BYTES] = 1;
  }

  /**
   * What to add to a virtual address whose page is mapped and watched, when the access touches nothing that is;
   * 0 otherwise.
   */
  besideWatched(bank: number, kind: TlbKind, low: number, high: number, width: number): number {
    const words = this.#words;
    const at = (bank + kind + within(low)) >> 2;
    if (words[at] !== (low & PAGE_MASK | TAG_WATCHED) || words[at + 1] !== high) return 0;
    const start = low & ~PAGE_MASK;
    const end = start + width;
    const isBeside = end <= PAGE_BYTES && WatchedPages.isBeside(words[at + PART_WORD]!, start, end);
    return isBeside ? words[at + VALUE_WORD]! : 0;
  }

  /** Empties everything. */
  flush(): void {
    this.#emptyMicro();
    for (let table = 0; table < this.#used.length; table++) this.#empty(table);
  }

  /** Empties every bank that translates. */
  flushTranslated(): void {
    this.#emptyMicro();
    for (let table = 0; table < TRANSLATED_TABLES; table++) this.#empty(table);
  }

  /** Empties the write TLBs. */
  flushWrites(): void {
    this.#emptyMicro();
    for (let table = WRITE_TLB / TLB_BYTES; table < this.#used.length; table += KINDS) {
      this.#empty(table);
    }
  }

  /** Removes the write mappings of the page at this offset in memory. */
  removeWrites(page: number): void {
    this.#emptyMicro();
    this.#remove(
      WRITE_TLB,
      (tagLow, value) => (((tagLow & PAGE_MASK) + value) | 0) === (page | 0),
    );
  }

  /**
   * Removes what is mapped at the page of a virtual address, in every bank that translates; answers
   * whether a fetch mapping was among that.
   */
  removePage(low: number, high: number): boolean {
    this.#emptyMicro();
    const words = this.#words;
    let fetches = false;
    for (let table = 0; table < TRANSLATED_TABLES; table++) {
      const at = (TLB_BANKS + table * TLB_BYTES + within(low)) >> 2;
      const tagLow = words[at]!;
      if (tagLow !== low && tagLow !== (low | TAG_WATCHED) || words[at + 1] !== high) continue;
      words[at] = -1;
      words[at + 1] = -1;
      if (table % KINDS === FETCH_TLB / TLB_BYTES) fetches = true;
    }
    return fetches;
  }

  /** Removes the fetch mappings of a decoded page. */
  removeFetches(decodedPage: number): void {
    this.#remove(FETCH_TLB, (_tagLow, value) => value === decodedPage);
  }

  #remove(kind: TlbKind, matches: (tagLow: number, value: number) => boolean): void {
    const words = this.#words;
    for (let table = kind / TLB_BYTES; table < this.#used.length; table += KINDS) {
      if (this.#used[table] === 0) continue;
      const start = (TLB_BANKS + table * TLB_BYTES) >> 2;
      const end = start + TLB_ENTRIES * ENTRY_WORDS;
      for (let at = start; at < end; at += ENTRY_WORDS) {
        if (matches(words[at]!, words[at + VALUE_WORD]!)) {
          words[at] = -1;
          words[at + 1] = -1;
        }
      }
    }
  }

  /** They hold what the TLBs once did, so that they are emptied when anything is removed from those. */
  #emptyMicro(): void {
    if (this.#words[MICRO_TLBS_USED >> 2] === 0) return;
    this.#words[MICRO_TLBS_USED >> 2] = 0;
    this.#words.fill(-1, MICRO_TLBS >> 2, (MICRO_TLBS + 2 * MICRO_TLB_BYTES) >> 2);
  }

  #empty(table: number): void {
    if (this.#used[table] === 0) return;
    const start = (TLB_BANKS + table * TLB_BYTES) >> 2;
    // All ones is no tag of any access: a tag has zeros where the alignment of an access is checked.
    this.#words.fill(-1, start, start + TLB_ENTRIES * ENTRY_WORDS);
    this.#used[table] = 0;
  }
}
