/**
 * A copy of a guest's RAM as it stood at one moment. Pages that are zero are neither copied nor touched,
 * so that a copy costs what the guest uses and not what it has; the next one is made of the pages written
 * since.
 */
import { Digester } from "../cpu/digest.ts";
import { GuestMemory } from "../cpu/memory.ts";
import type { ZeroPages } from "../cpu/zero_pages.ts";
import type { HostLoop } from "../epoch/host.ts";
import { pageBytes } from "../log/limits.ts";
import { type Page, settled, type Wait } from "../log/snapshot_records.ts";
import type { SnapshotWorker } from "./snapshot_worker.ts";

/** Bytes made ready, or copied, between two turns of the event loop. */
const SLICE_BYTES = 1 << 20;
const SLICE_PAGES = SLICE_BYTES / pageBytes;

/** A second memory for a machine's RAM. */
export class RamCopy {
  readonly #memory: GuestMemory;
  readonly #digester: Digester;
  /** 1 for each page here that is not zero. */
  readonly #used: Uint8Array;
  /** 1 for each page that may be another in the memory that this is a copy of. */
  readonly #outdated: Uint8Array;

  /** Zeros; nothing is resident before it is written. */
  constructor(ramBytes: number) {
    this.#memory = new GuestMemory(ramBytes);
    this.#digester = new Digester(this.#memory);
    this.#used = new Uint8Array(ramBytes / pageBytes);
    this.#outdated = new Uint8Array(ramBytes / pageBytes).fill(1);
  }

  /** A copy of a memory that holds these pages and zeros. */
  static of(ramBytes: number, pages: Iterable<Page>): RamCopy {
    const copy = new RamCopy(ramBytes);
    for (const [page, data] of pages) {
      copy.#memory.ram.set(data, page * pageBytes);
      copy.#used[page] = 1;
    }
    copy.#outdated.fill(0);
    return copy;
  }

  /** These pages have been written in the memory that this is a copy of; any may have been. */
  outdate(pages: readonly number[] | "any"): void {
    if (pages === "any") this.#outdated.fill(1);
    else for (const page of pages) this.#outdated[page] = 1;
  }

  /**
   * Makes pages resident, a slice at a time, so that taking a copy costs no page faults; `zeros` looks at
   * the memory that it will be a copy of, since a first look costs a fault, too.
   *
   * @param which All pages, or those that are in use now.
   */
  async warm(zeros: ZeroPages, loop: HostLoop, which: "all" | "used"): Promise<void> {
    const { ram } = this.#memory;
    for (let offset = 0; offset < ram.length; offset += pageBytes) {
      const isZero = zeros.has(offset / pageBytes);
      // A page that is written to is there from now on.
      if (which === "all" || !isZero) ram[offset] = 0;
      if (offset % SLICE_BYTES === 0) await loop.turn();
    }
  }

  /**
   * Becomes a copy of `source`, whose pages `zeros` looks at. It is always the same memory, and all that
   * has changed there has been told by {@linkcode outdate}.
   */
  take(source: GuestMemory, zeros: ZeroPages): void {
    for (const _ of this.taking(source, zeros));
  }

  /** As {@linkcode take}, in pieces of a millisecond at most: `source` must not change meanwhile. */
  *taking(source: GuestMemory, zeros: ZeroPages): Generator<undefined, void, undefined> {
    for (let page = 0; page < this.#used.length; page += SLICE_PAGES) {
      this.#takeSlice(source, zeros, page, Math.min(page + SLICE_PAGES, this.#used.length));
      yield;
    }
  }

  #takeSlice(source: GuestMemory, zeros: ZeroPages, start: number, end: number): void {
    const used = this.#used;
    const outdated = this.#outdated;
    const { ram } = this.#memory;
    for (let page = start; page < end; page++) {
      if (outdated[page] === 0) continue;
      if (!zeros.has(page)) {
        used[page] = 1;
      } else if (used[page] !== 0) {
        used[page] = 0;
        ram.fill(0, page * pageBytes, (page + 1) * pageBytes);
      }
    }
    for (let from = start; from < end;) {
      if (used[from] === 0 || outdated[from] === 0) {
        from++;
        continue;
      }
      let to = from + 1;
      while (to < end && used[to] === 1 && outdated[to] === 1) to++;
      ram.set(source.ram.subarray(from * pageBytes, to * pageBytes), from * pageBytes);
      from = to;
    }
    outdated.fill(0, start, end);
  }

  /** Bytes of the pages that are not zero. */
  get usedBytes(): number {
    return this.#used.reduce((sum, used) => sum + used, 0) * pageBytes;
  }

  /** The pages that are not zero, in order, without copying. */
  *pages(): Generator<Page, void, undefined> {
    const used = this.#used;
    const { ram } = this.#memory;
    for (let page = used.indexOf(1); page >= 0; page = used.indexOf(1, page + 1)) {
      yield [page, ram.subarray(page * pageBytes, (page + 1) * pageBytes)];
    }
  }

  /** Digest of all of it: by the worker, or here in pieces of some milliseconds. */
  *digest(worker?: SnapshotWorker): Generator<Wait, bigint, undefined> {
    const elsewhere = worker?.digest(this.#memory);
    return yield* elsewhere ? settled(elsewhere) : this.#digester.ramInPieces((offset, length) => {
      const next = this.#used.indexOf(1, offset / pageBytes);
      return next < 0 || next >= (offset + length) / pageBytes;
    });
  }
}
