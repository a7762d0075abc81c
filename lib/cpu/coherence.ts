/** Keeps what was cached from memory coherent with memory, at once (design invariant 9). */
import type { Budget } from "./budget.ts";
import type { CodeCache } from "./code_cache.ts";
import { PAGE_BYTES, PAGE_CODE, PAGE_TABLE, PAGE_WRITTEN, RAM } from "./layout.ts";
import type { Coherence, GuestMemory } from "./memory.ts";
import type { Tlb } from "./tlb.ts";

/** Drops decoded code and translations whose source changes. */
export class CacheCoherence implements Coherence {
  readonly #memory: GuestMemory;
  readonly #tlb: Tlb;
  readonly #code: CodeCache;
  readonly #budget: Budget;
  /** Pages with {@linkcode PAGE_TABLE} set. */
  readonly #tables: number[] = [];

  /** Watches this memory for what the caches hold of it. */
  constructor(memory: GuestMemory, tlb: Tlb, code: CodeCache, budget: Budget) {
    this.#memory = memory;
    this.#tlb = tlb;
    this.#code = code;
    this.#budget = budget;
    memory.attach(this);
  }

  written(offset: number, length: number, flags: number): void {
    this.stored(offset, length, flags);
    // An operation that is under way may have been decoded from these bytes.
    this.#budget.attend();
  }

  /** The hart itself is about to store to a page with these flags. */
  stored(offset: number, length: number, flags: number): void {
    if ((flags & PAGE_CODE) !== 0) this.#code.invalidate(offset, length);
    if ((flags & PAGE_TABLE) !== 0) {
      this.#tlb.flushTranslated();
      this.#releaseTables();
      // The next instruction may have to come from elsewhere.
      this.#budget.attend();
    }
  }

  /**
   * The walker has set A or D of an entry. No cached translation is wrong by that, since those that a TLB
   * holds rest on bits that are set already.
   */
  markedByWalker(offset: number): void {
    const page = Math.floor(offset / PAGE_BYTES);
    this.#memory.markWritten(page);
    if ((this.#memory.pageFlags[page]! & PAGE_CODE) === 0) return;
    this.#code.invalidate(offset, 8);
    this.#budget.attend();
  }

  /** A TLB is about to rely on page-table entries in these RAM pages. */
  relyOn(tables: readonly number[]): void {
    for (const page of tables) {
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

  #releaseTables(): void {
    for (const page of this.#tables) this.#memory.pageFlags[page]! &= ~PAGE_TABLE;
    this.#tables.length = 0;
  }
}
