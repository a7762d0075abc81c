/** Keeps what was cached from memory coherent with memory, at once (design invariant 9). */
import type { Budget } from "./budget.ts";
import type { CodeCache } from "./code_cache.ts";
import {
  PAGE_BYTES,
  PAGE_CODE,
  PAGE_TABLE,
  PAGE_WATCHED,
  PAGE_WRITTEN,
  RAM,
  RAM_BASE,
} from "./layout.ts";
import type { Coherence, GuestMemory } from "./memory.ts";
import type { Tlb } from "./tlb.ts";
import type { Triggers } from "./triggers.ts";

const ENTRY_BYTES = 8;
const ENTRY_VALID = 1;
/** Tables from the root to one whose entries map base pages (Sv39). */
const LEVELS = 3;
/** What a page table is used for: nothing is known, or not for one range of addresses only. */
const USE = { none: -1, several: -2 } as const;

/** Drops decoded code and translations whose source changes. */
export class CacheCoherence implements Coherence {
  readonly #memory: GuestMemory;
  readonly #tlb: Tlb;
  readonly #code: CodeCache;
  readonly #budget: Budget;
  readonly #triggers: Triggers;
  readonly #words: Int32Array;
  /** Pages with {@linkcode PAGE_TABLE} set. */
  readonly #tables: number[] = [];
  /**
   * For each of these pages the 2 MiB of addresses (bits 38:21) that its entries map in base pages; a
   * value of {@linkcode USE} otherwise.
   */
  readonly #uses: Int32Array;

  /** Watches this memory for what the caches hold of it. */
  constructor(
    memory: GuestMemory,
    tlb: Tlb,
    code: CodeCache,
    budget: Budget,
    triggers: Triggers,
  ) {
    this.#memory = memory;
    this.#tlb = tlb;
    this.#code = code;
    this.#budget = budget;
    this.#triggers = triggers;
    this.#words = new Int32Array(memory.memory.buffer);
    this.#uses = new Int32Array(memory.ramBytes / PAGE_BYTES).fill(USE.none);
    memory.attach(this);
  }

  written(offset: number, length: number, flags: number): void {
    if ((flags & PAGE_CODE) !== 0) this.#code.invalidate(offset, length);
    // What the entries were is not known any more.
    if ((flags & PAGE_TABLE) !== 0) this.translationChanged();
    if ((flags & PAGE_WATCHED) !== 0) {
      const range = { address: RAM_BASE + offset, length };
      this.#triggers.written("device", range, this.#budget.stepsBefore);
    }
    // An operation that is under way may have been decoded from these bytes.
    this.#budget.attend();
  }

  /** The hart itself is about to store to a page with these flags; nothing has changed yet. */
  stored(offset: number, length: number, flags: number): void {
    // What runs may be decoded from a page that is not watched any more.
    if ((flags & PAGE_CODE) !== 0 && this.#code.invalidate(offset, length)) this.#budget.attend();
    if ((flags & PAGE_TABLE) !== 0) this.#tableStored(offset, length);
  }

  /**
   * The walker has set A or D of an entry. No cached translation is wrong by that, since those that a TLB
   * holds rest on bits that are set already.
   */
  markedByWalker(offset: number): void {
    const page = Math.floor(offset / PAGE_BYTES);
    this.#memory.markWritten(page);
    const flags = this.#memory.pageFlags[page]!;
    if ((flags & PAGE_CODE) !== 0) {
      this.#code.invalidate(offset, ENTRY_BYTES);
      // What is fetched is decoded afterwards.
      if (!this.#budget.fetching) this.#budget.attend();
    }
    if ((flags & PAGE_WATCHED) !== 0) this.#markedWatched(offset);
  }

  /** The state stays that of a whole number of steps: the walk belongs to an instruction, which is executed. */
  #markedWatched(offset: number): void {
    const range = { address: RAM_BASE + offset, length: ENTRY_BYTES };
    if (!this.#triggers.written("walker", range, this.#budget.steps)) return;
    if (this.#budget.fetching) this.#budget.attendAfterNext();
    else this.#budget.attend();
  }

  /**
   * A TLB is about to rely on page-table entries in these RAM pages, from the root on.
   * @param low The address that was translated by them.
   * @param high Its upper half.
   */
  relyOn(tables: readonly number[], low: number, high: number): void {
    for (let level = 0; level < tables.length; level++) {
      const page = tables[level]!;
      const use = level === LEVELS - 1 ? (high & 0x7f) << 11 | low >>> 21 : USE.several;
      if (this.#uses[page] !== use) {
        this.#uses[page] = this.#uses[page] === USE.none ? use : USE.several;
      }
      const flags = this.#memory.pageFlags[page]!;
      if ((flags & PAGE_TABLE) !== 0) continue;
      // Only a page written in this epoch can be in the write TLB.
      if ((flags & PAGE_WRITTEN) !== 0) this.#tlb.removeWrites(RAM + page * PAGE_BYTES);
      this.#memory.pageFlags[page] = flags | PAGE_TABLE;
      this.#tables.push(page);
    }
  }

  /** The meaning of all translations has changed (satp, MXR). */
  translationChanged(): void {
    this.#tlb.flushTranslated();
    this.#releaseTables();
  }

  /** What physical memory protection permits has changed, in every mode. */
  protectionChanged(): void {
    this.#tlb.flush();
    this.#releaseTables();
  }

  /** Drops everything that is cached. */
  drop(): void {
    this.#tlb.flush();
    this.#code.clear();
    this.#releaseTables();
    this.#budget.attend();
  }

  /**
   * Operating systems store to page tables all the time, so as little as possible is dropped: nothing for
   * an entry that was not valid, one page for one that mapped a base page at a known address.
   */
  #tableStored(offset: number, length: number): void {
    const entry = offset - offset % ENTRY_BYTES;
    const isOne = offset + length <= entry + ENTRY_BYTES;
    if (isOne && (this.#words[(RAM + entry) >>> 2]! & ENTRY_VALID) === 0) return;
    const use = this.#uses[Math.floor(offset / PAGE_BYTES)]!;
    if (use < 0 || !isOne) {
      this.translationChanged();
    } else {
      const index = entry % PAGE_BYTES / ENTRY_BYTES;
      // Bits 63:39 of an address are what bit 38 is.
      if (!this.#tlb.removePage(use << 21 | index << 12, use << 14 >> 25)) return;
    }
    // The page being executed is in a fetch TLB: the next instruction may have to come from elsewhere.
    this.#budget.attend();
  }

  #releaseTables(): void {
    for (const page of this.#tables) {
      this.#memory.pageFlags[page]! &= ~PAGE_TABLE;
      this.#uses[page] = USE.none;
    }
    this.#tables.length = 0;
  }
}
