/** Decoded pages: a bounded pool of records, filled as instructions are first executed. */
import {
  CODE_PAGE_BYTES,
  CODE_PAGES,
  CODE_POOL,
  PAGE_BYTES,
  PAGE_CODE,
  PAGE_WRITTEN,
  RAM,
  RECORD_BYTES,
} from "./layout.ts";
import type { GuestMemory } from "./memory.ts";
import { LONGEST_OPERATION_BYTES, PSEUDO } from "./operations.ts";
import { crossesPage, place, type Placed, RECORD_BYTES_PER_BYTE, RecordWriter } from "./record.ts";
import type { Tlb } from "./tlb.ts";

const NONE = -1;
/**
 * Stores to a decoded page, but not to its decoded code, after which it is forgotten: likely it holds other things by
 * now. Each time one is forgotten in vain this is doubled, up to so many times.
 */
const PATIENCE = 64, MOST_DOUBLINGS = 8;

/** Told when what was translated from a decoded page is not valid any more. */
export interface CodeListener {
  /** Bytes from `start` to `end` of a RAM page are about to change, or have just changed. */
  changed(ramPage: number, start: number, end: number): void;
  /** The page is not decoded any more, and its entries are gone. */
  forgotten(ramPage: number): void;
}
/** A store changes operations that begin up to this many bytes before it. */
const REACH_BACK = LONGEST_OPERATION_BYTES - 1;

/** The decoded pages of a hart. */
export class CodeCache {
  readonly #memory: GuestMemory;
  readonly #tlb: Tlb;
  readonly #bytes: Uint8Array;
  readonly #halves: Uint16Array;
  readonly #records: RecordWriter;
  /** For each RAM page the pool's place that holds it. */
  readonly #placeOf: Int16Array;
  /** For each place the RAM page that it holds. */
  readonly #pageAt = new Int32Array(CODE_PAGES).fill(NONE);
  #next = 0;
  /** For each place the stores to its page that have changed nothing decoded. */
  readonly #missed = new Int32Array(CODE_PAGES);
  /** For each RAM page how often it has been forgotten because of such stores. */
  readonly #doublings: Uint8Array;
  /** For RAM pages that hold them: offsets of instructions for which a debugger waits. */
  readonly #armed = new Map<number, Set<number>>();
  /** For RAM pages that hold them: entries to translated regions, with the place of each in the table. */
  readonly #entries = new Map<number, Map<number, number>>();
  /** Hears of changes. */
  listener: CodeListener | undefined;

  /** An empty cache over this memory, with the TLB that maps to it. */
  constructor(memory: GuestMemory, tlb: Tlb) {
    this.#memory = memory;
    this.#tlb = tlb;
    this.#bytes = new Uint8Array(memory.memory.buffer);
    this.#halves = new Uint16Array(memory.memory.buffer);
    this.#records = new RecordWriter(memory.memory);
    this.#placeOf = new Int16Array(memory.ramBytes / PAGE_BYTES).fill(NONE);
    this.#doublings = new Uint8Array(memory.ramBytes / PAGE_BYTES);
  }

  /** The offset in memory of the decoded form of a RAM page. The oldest one gives way to a new one. */
  page(ramPage: number): number {
    const known = this.#placeOf[ramPage]!;
    if (known !== NONE) return baseOf(known);
    const place = this.#next;
    this.#next = (place + 1) % CODE_PAGES;
    this.#evict(place);
    const base = baseOf(place);
    this.#bytes.fill(0, base, base + CODE_PAGE_BYTES);
    this.#records.pseudo(base + PAGE_BYTES * RECORD_BYTES_PER_BYTE, PSEUDO.pageEnd);
    this.#placeOf[ramPage] = place;
    this.#pageAt[place] = ramPage;
    this.#missed[place] = 0;
    const flags = this.#memory.pageFlags[ramPage]!;
    // Only a page written in this epoch can be in the write TLB.
    if ((flags & PAGE_WRITTEN) !== 0) this.#tlb.removeWrites(RAM + ramPage * PAGE_BYTES);
    this.#memory.pageFlags[ramPage] = flags | PAGE_CODE;
    return base;
  }

  /** Fills in the record at `at`. */
  decode(at: number): void {
    const pool = Math.floor((at - CODE_POOL) / CODE_PAGE_BYTES);
    const page = RAM + this.#pageAt[pool]! * PAGE_BYTES;
    const pageOffset = (at - baseOf(pool)) / RECORD_BYTES_PER_BYTE;
    const armed = this.#armed.get(this.#pageAt[pool]!);
    if (armed?.has(pageOffset)) {
      this.#records.pseudo(at, PSEUDO.trigger);
      return;
    }
    const entries = this.#entries.get(this.#pageAt[pool]!);
    const entry = entries?.get(pageOffset);
    if (entry !== undefined) {
      this.#records.region(at, entry);
      return;
    }
    const first = this.#placed(page, pageOffset);
    if (first === undefined) {
      this.#records.pseudo(at, PSEUDO.crossing);
      return;
    }
    this.#records.write(
      at,
      first,
      (last) => {
        const next = last.pageOffset + last.part.length;
        const isApart = armed?.has(next) || entries?.has(next);
        return isApart ? undefined : this.#placed(page, next);
      },
    );
  }

  /** The instruction at an offset of a page, unless it does not end there. */
  #placed(page: number, pageOffset: number): Placed | undefined {
    if (pageOffset >= PAGE_BYTES) return undefined;
    const half = (page + pageOffset) >>> 1;
    const low = this.#halves[half]!;
    if (crossesPage(low, pageOffset)) return undefined;
    return place(low | this.#halves[half + 1]! << 16, pageOffset);
  }

  /** The instruction at an offset of a RAM page, unless it crosses the page's end or a debugger waits for it. */
  instructionAt(ramPage: number, pageOffset: number): Placed | undefined {
    if (this.#armed.get(ramPage)?.has(pageOffset)) return undefined;
    return this.#placed(RAM + ramPage * PAGE_BYTES, pageOffset);
  }

  /** Which RAM page is decoded into the record at `at`, and the offset in it. */
  locate(at: number): { readonly ramPage: number; readonly pageOffset: number } {
    const place = Math.floor((at - CODE_POOL) / CODE_PAGE_BYTES);
    return {
      ramPage: this.#pageAt[place]!,
      pageOffset: (at - baseOf(place)) / RECORD_BYTES_PER_BYTE,
    };
  }

  /** Whether a RAM page is decoded. */
  holds(ramPage: number): boolean {
    return this.#placeOf[ramPage] !== NONE;
  }

  /** Whether a translated region can be entered at an offset of a RAM page. */
  hasEntry(ramPage: number, pageOffset: number): boolean {
    return this.#entries.get(ramPage)?.has(pageOffset) ?? false;
  }

  /** Lets a translated region be entered at an offset of a decoded RAM page. */
  setEntry(ramPage: number, pageOffset: number, place: number): void {
    const entries = this.#entries.get(ramPage) ?? new Map<number, number>();
    this.#entries.set(ramPage, entries);
    entries.set(pageOffset, place);
    this.#undecode(ramPage, pageOffset, 2);
  }

  /** Lets the instruction be interpreted again, if what can be entered there has this place. */
  removeEntry(ramPage: number, pageOffset: number, place: number): void {
    const entries = this.#entries.get(ramPage);
    if (entries?.get(pageOffset) !== place) return;
    entries.delete(pageOffset);
    if (entries.size === 0) this.#entries.delete(ramPage);
    this.#undecode(ramPage, pageOffset, 2);
  }

  /** Arms instructions of a decoded RAM page, as long as it stays decoded. */
  arm(ramPage: number, offsets: Iterable<number>): void {
    const armed = this.#armed.get(ramPage) ?? new Set();
    this.#armed.set(ramPage, armed);
    for (const offset of offsets) {
      if (armed.has(offset)) continue;
      armed.add(offset);
      this.invalidate(ramPage * PAGE_BYTES + offset, RECORD_BYTES / RECORD_BYTES_PER_BYTE);
    }
  }

  /** The instruction whose record is at `at`, unless it crosses the end of its page. */
  word(at: number): number | undefined {
    const place = Math.floor((at - CODE_POOL) / CODE_PAGE_BYTES);
    const pageOffset = (at - baseOf(place)) / RECORD_BYTES_PER_BYTE;
    return this.#placed(RAM + this.#pageAt[place]! * PAGE_BYTES, pageOffset)?.decoded.bits;
  }

  /** The first halfword of the instruction whose record is at `at`. */
  firstHalf(at: number): number {
    const place = Math.floor((at - CODE_POOL) / CODE_PAGE_BYTES);
    const pageOffset = (at - baseOf(place)) / RECORD_BYTES_PER_BYTE;
    return this.#halves[(RAM + this.#pageAt[place]! * PAGE_BYTES + pageOffset) >>> 1]!;
  }

  /** Forgets what was decoded from bytes of one page; answers whether that was the whole page. */
  invalidate(offset: number, length: number): boolean {
    const ramPage = Math.floor(offset / PAGE_BYTES);
    const pageOffset = offset % PAGE_BYTES;
    this.listener?.changed(ramPage, pageOffset, pageOffset + length);
    if (this.#undecode(ramPage, pageOffset, length)) return false;
    const place = this.#placeOf[ramPage]!;
    const doublings = this.#doublings[ramPage]!;
    if (place === NONE || ++this.#missed[place]! < PATIENCE << doublings) return false;
    if (doublings < MOST_DOUBLINGS) this.#doublings[ramPage]!++;
    this.#evict(place);
    return true;
  }

  /** Answers whether anything was decoded there. */
  #undecode(ramPage: number, pageOffset: number, length: number): boolean {
    const place = this.#placeOf[ramPage]!;
    if (place === NONE) return false;
    let found = false;
    const start = Math.max(0, pageOffset - REACH_BACK) & ~1;
    const end = Math.min(PAGE_BYTES, pageOffset + length);
    const base = baseOf(place);
    for (let at = start; at < end; at += RECORD_BYTES / RECORD_BYTES_PER_BYTE) {
      const record = base + at * RECORD_BYTES_PER_BYTE;
      if (this.#halves[record >> 1] !== PSEUDO.undecoded) found = true;
      this.#records.pseudo(record, PSEUDO.undecoded);
    }
    return found;
  }

  /** Forgets everything. The fetch TLBs must be flushed with it. */
  clear(): void {
    for (let place = 0; place < CODE_PAGES; place++) this.#forget(place);
    this.#next = 0;
  }

  #evict(place: number): void {
    if (this.#forget(place)) this.#tlb.removeFetches(baseOf(place));
  }

  #forget(place: number): boolean {
    const ramPage = this.#pageAt[place]!;
    if (ramPage === NONE) return false;
    this.#pageAt[place] = NONE;
    this.#placeOf[ramPage] = NONE;
    this.#armed.delete(ramPage);
    this.#entries.delete(ramPage);
    this.listener?.forgotten(ramPage);
    this.#memory.pageFlags[ramPage]! &= ~PAGE_CODE;
    return true;
  }
}

function baseOf(place: number): number {
  return CODE_POOL + place * CODE_PAGE_BYTES;
}
