/** A key snapshot as records, each within the record bound. */
import type { TimeBase } from "../board/environment.ts";
import type { MachineState } from "../board/machine_state.ts";
import type { Operation } from "../board/operation.ts";
import type { Digest, LogRecord, SnapshotPagesRecord } from "../epoch/record.ts";
import { maxSnapshotPages, pageBytes } from "./limits.ts";
import { packPages } from "./page_packing.ts";

/** A page of RAM: its number from the start of RAM, and 4096 bytes. */
export type Page = readonly [page: number, data: Uint8Array];

/** What a key snapshot consists of. */
export interface SnapshotParts {
  /** The snapshot stands after the end of this epoch; 0 for power-on. */
  readonly epoch: number;
  /** Steps since power-on. */
  readonly steps: number;
  /** Time base of the epoch that comes next. */
  readonly time: TimeBase;
  /** Pages of memory as it stands; zero ones may be among them. */
  readonly ram: Iterable<Page>;
  /** Pages of memory as it stood at power-on, for a later reset. */
  readonly image: Iterable<Page>;
  /** Outstanding operations in order of number. */
  readonly operations: Iterable<Operation>;
  /** Everything but RAM and operations. */
  readonly state: MachineState;
  /** Digest of state and all RAM; it may be computed in pieces. */
  readonly digest: Digest | Generator<undefined, Digest, undefined>;
}

/** A snapshot on its way: its records, and `undefined` where others may have a turn before the next. */
export type SnapshotRecords = Generator<LogRecord | undefined, void, undefined>;

/**
 * The records of a snapshot in order, from `snapshot-begin` to `snapshot-commit`. Pages of zeros are
 * left out, and pages that are still as they were at power-on stand there once. Page data is copied
 * record by record: memory must not change while this runs.
 */
export function* snapshotRecords(parts: SnapshotParts): SnapshotRecords {
  const { epoch, steps, time, state } = parts;
  yield { kind: "snapshot-begin", epoch };
  yield* pagesRecords(parts.ram, parts.image);
  for (const operation of parts.operations) yield { kind: "snapshot-operation", operation };
  const digest = typeof parts.digest === "bigint" ? parts.digest : yield* parts.digest;
  yield { kind: "snapshot-commit", epoch, steps, time, state, digest };
}

function* pagesRecords(
  ram: Iterable<Page>,
  image: Iterable<Page>,
): Generator<SnapshotPagesRecord, void, undefined> {
  const changed = new Map(image);
  const gathered = {
    ram: new Gathered("ram"),
    image: new Gathered("image"),
    both: new Gathered("both"),
  };
  for (const [page, bytes] of ram) {
    const before = changed.get(page);
    const same = before !== undefined && areEqual(before, bytes);
    if (same) changed.delete(page);
    if (!isZero(bytes)) yield* gathered[same ? "both" : "ram"].add(page, bytes);
  }
  for (const [page, bytes] of changed) {
    if (!isZero(bytes)) yield* gathered.image.add(page, bytes);
  }
  for (const rest of Object.values(gathered)) yield* rest.flush();
}

/** Pages of memory in records, those of zeros, too: what is written over an earlier snapshot. */
export function* ramRecords(ram: Iterable<Page>): Generator<SnapshotPagesRecord, void, undefined> {
  const gathered = new Gathered("ram");
  for (const [page, bytes] of ram) yield* gathered.add(page, bytes);
  yield* gathered.flush();
}

/** Pages on their way into a record. */
class Gathered {
  readonly #of: SnapshotPagesRecord["of"];
  #pages: number[] = [];
  /** Allocated once there is a page to hold. */
  #data: Uint8Array | undefined;

  constructor(of: SnapshotPagesRecord["of"]) {
    this.#of = of;
  }

  /** Takes a page; a record, when it is full with it. */
  *add(page: number, bytes: Uint8Array): Generator<SnapshotPagesRecord, void, undefined> {
    this.#data ??= new Uint8Array(maxSnapshotPages * pageBytes);
    this.#data.set(bytes, this.#pages.length * pageBytes);
    this.#pages.push(page);
    if (this.#pages.length === maxSnapshotPages) yield* this.flush();
  }

  /** The pages that are left. */
  *flush(): Generator<SnapshotPagesRecord, void, undefined> {
    if (this.#data === undefined || this.#pages.length === 0) return;
    const pages = this.#pages;
    this.#pages = [];
    const of = this.#of;
    const { packed, data } = packPages(this.#data.subarray(0, pages.length * pageBytes));
    yield packed === undefined
      ? { kind: "snapshot-pages", of, pages, data: data.slice() }
      : { kind: "snapshot-pages", of, pages, packed, data };
  }
}

/** All pages of a memory, in order, without copying. */
export function* memoryPages(ram: Uint8Array): Generator<Page, void, undefined> {
  for (let page = 0; page < ram.length / pageBytes; page++) {
    yield [page, ram.subarray(page * pageBytes, (page + 1) * pageBytes)];
  }
}

function isZero(page: Uint8Array): boolean {
  const words = wordsOf(page);
  for (let index = 0; index < words.length; index++) {
    if (words[index] !== 0) return false;
  }
  return true;
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  const [words, others] = [wordsOf(one), wordsOf(other)];
  for (let index = 0; index < words.length; index++) {
    if (words[index] !== others[index]) return false;
  }
  return true;
}

function wordsOf(page: Uint8Array): Uint32Array {
  const aligned = page.byteOffset % 4 === 0 ? page : page.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}
