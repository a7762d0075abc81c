/**
 * RAM at several moments, with the pages that are the same at several of them held once. Tables are made
 * from each other: what has not changed is shared, by page and by run of pages.
 */
import { GuestMemory } from "../cpu/memory.ts";
import { ZeroPages } from "../cpu/zero_pages.ts";
import { pageBytes } from "../log/limits.ts";

const PAGE_WORDS = pageBytes / 4;
/** Pages of a run, which is shared as a whole where none of them has changed. */
const RUN_PAGES = 256;
/** What a run takes beside its pages. */
const RUN_BYTES = 8 * RUN_PAGES;

/** A page as it was at some moment. */
export class Page {
  /** Runs that hold it. */
  users = 0;

  /** `words` do not change any more. */
  constructor(readonly words: Int32Array) {}
}

/** Every page of nothing but zeros. */
const ZERO = new Page(new Int32Array(PAGE_WORDS));
// Never counted, and never given up.
ZERO.users = 1;

/** Pages that stand in a row. */
export class Run {
  /** Tables that hold it. */
  users = 0;

  /** The pages do not change any more. */
  constructor(readonly pages: readonly Page[]) {}
}

/** All of RAM as it was at some moment. */
export class RamPages {
  /** Made by {@linkcode PageStore.take} only. */
  constructor(
    /** The pages, in runs. */
    readonly runs: readonly Run[],
  ) {}
}

/** Takes tables of one guest memory, puts them back, and counts what they hold. */
export class PageStore {
  readonly #memory: GuestMemory;
  readonly #zeros: ZeroPages;
  readonly #words: Int32Array;
  readonly #pages: number;
  #bytes = 0;

  /** Holds nothing yet. */
  constructor(memory: GuestMemory) {
    this.#memory = memory;
    this.#zeros = new ZeroPages(memory);
    const { buffer, byteOffset, length } = memory.ram;
    this.#words = new Int32Array(buffer, byteOffset, length / 4);
    this.#pages = length / pageBytes;
  }

  /** Bytes held by the tables that have been taken and not released. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * RAM as it stands.
   *
   * @param base A table of another moment.
   * @param changed Pages that may differ from it; all of them unless they are known.
   */
  take(base: RamPages | undefined, changed?: Iterable<number>): RamPages {
    const runs = base ? [...base.runs] : this.#zeroRuns();
    for (const [index, pages] of this.#byRun(changed)) {
      const before = runs[index]!.pages;
      let after: Page[] | undefined;
      for (const page of pages) {
        const at = page % RUN_PAGES;
        if (this.#holds(page, before[at]!)) continue;
        after ??= [...before];
        after[at] = this.#zeros.has(page) ? ZERO : new Page(this.#wordsOf(page).slice());
      }
      if (after) runs[index] = new Run(after);
    }
    const table = new RamPages(runs);
    this.#retain(table);
    return table;
  }

  /**
   * Makes RAM what it was at the moment of `table`.
   *
   * @param present The table of another moment, when RAM is that but for the pages of `changed`; anything
   *   may stand in RAM unless it is given.
   */
  putBack(table: RamPages, present?: RamPages, changed: Iterable<number> = []): void {
    for (let index = 0; index < table.runs.length; index++) {
      const run = table.runs[index]!;
      const now = present?.runs[index];
      if (now === run) continue;
      for (let at = 0; at < run.pages.length; at++) {
        const page = run.pages[at]!;
        if (now?.pages[at] !== page) this.#put(index * RUN_PAGES + at, page);
      }
    }
    if (!present) return;
    for (const page of changed) {
      this.#put(page, table.runs[Math.floor(page / RUN_PAGES)]!.pages[page % RUN_PAGES]!);
    }
  }

  /** Gives up what only this table holds. */
  release({ runs }: RamPages): void {
    for (const run of runs) {
      if (--run.users > 0) continue;
      this.#bytes -= RUN_BYTES;
      for (const page of run.pages) {
        if (page !== ZERO && --page.users === 0) this.#bytes -= pageBytes;
      }
    }
  }

  #retain({ runs }: RamPages): void {
    for (const run of runs) {
      if (run.users++ > 0) continue;
      this.#bytes += RUN_BYTES;
      for (const page of run.pages) {
        if (page !== ZERO && page.users++ === 0) this.#bytes += pageBytes;
      }
    }
  }

  #put(page: number, content: Page): void {
    if (this.#holds(page, content)) return;
    const { buffer } = content.words;
    this.#memory.write(GuestMemory.ramBase + page * pageBytes, new Uint8Array(buffer));
  }

  #holds(page: number, content: Page): boolean {
    if (content === ZERO) return this.#zeros.has(page);
    const { words } = content;
    const here = this.#words;
    for (let at = 0, from = page * PAGE_WORDS; at < PAGE_WORDS; at++) {
      if (here[from + at] !== words[at]) return false;
    }
    return true;
  }

  #wordsOf(page: number): Int32Array {
    return this.#words.subarray(page * PAGE_WORDS, (page + 1) * PAGE_WORDS);
  }

  #zeroRuns(): Run[] {
    const runs: Run[] = [];
    for (let page = 0; page < this.#pages; page += RUN_PAGES) {
      const length = Math.min(RUN_PAGES, this.#pages - page);
      runs.push(new Run(Array<Page>(length).fill(ZERO)));
    }
    return runs;
  }

  #byRun(changed: Iterable<number> | undefined): Map<number, number[]> {
    const runs = new Map<number, number[]>();
    for (const page of changed ?? new Array(this.#pages).keys()) {
      const index = Math.floor(page / RUN_PAGES);
      const pages = runs.get(index);
      if (pages) pages.push(page);
      else runs.set(index, [page]);
    }
    return runs;
  }
}
