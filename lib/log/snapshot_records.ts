/** A key snapshot as records, each within the record bound. */
import type { TimeBase } from "../board/environment.ts";
import type { MachineState } from "../board/machine_state.ts";
import type { Operation } from "../board/operation.ts";
import type { Digest, LogRecord, SnapshotPagesRecord } from "../epoch/record.ts";
import { maxSnapshotPages, pageBytes } from "./limits.ts";
import { type PackedPages, packPages } from "./page_packing.ts";

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
  readonly digest: Digest | Generator<Wait, Digest, undefined>;
  /** Packs the bytes of some pages, which do not change any more; here and now unless it is given. */
  readonly pack?: Pack;
}

/** Packs the bytes of some pages. */
export type Pack = (data: Uint8Array<ArrayBuffer>) => PackedPages | Promise<PackedPages>;

/** Before the next record others may have a turn, or the promise is to be waited for. */
export type Wait = undefined | Promise<unknown>;

/** A snapshot on its way: its records, and what to do before the next. */
export type SnapshotRecords = Generator<LogRecord | Wait, void, undefined>;

/** Pages that are packed elsewhere at the same time, in records. */
const PACKED_AT_ONCE = 4;

/**
 * The records of a snapshot in order, from `snapshot-begin` to `snapshot-commit`. Pages of zeros are
 * left out, and pages that are still as they were at power-on stand there once. Page data is copied
 * record by record: memory must not change while this runs. Nothing is waited for but `digest` and `pack`.
 */
export function* snapshotRecords(parts: SnapshotParts): SnapshotRecords {
  const { epoch, steps, time, state } = parts;
  yield { kind: "snapshot-begin", epoch };
  yield* pagesRecords(parts.ram, parts.image, parts.pack ?? packPages);
  for (const operation of parts.operations) yield { kind: "snapshot-operation", operation };
  const digest = typeof parts.digest === "bigint" ? parts.digest : yield* parts.digest;
  yield { kind: "snapshot-commit", epoch, steps, time, state, digest };
}

function* pagesRecords(
  ram: Iterable<Page>,
  image: Iterable<Page>,
  pack: Pack,
): Generator<SnapshotPagesRecord | Wait, void, undefined> {
  const changed = new Map(image);
  const packing = new Packing(pack);
  const gathered = {
    ram: new Gathered("ram"),
    image: new Gathered("image"),
    both: new Gathered("both"),
  };
  for (const [page, bytes] of ram) {
    const before = changed.get(page);
    const same = before !== undefined && areEqual(before, bytes);
    if (same) changed.delete(page);
    if (!isZero(bytes)) yield* packing.put(gathered[same ? "both" : "ram"].add(page, bytes));
  }
  for (const [page, bytes] of changed) {
    if (!isZero(bytes)) yield* packing.put(gathered.image.add(page, bytes));
  }
  for (const rest of Object.values(gathered)) yield* packing.put(rest.flush());
  yield* packing.rest();
}

/** Pages of memory in records, those of zeros, too: what is written over an earlier snapshot. */
export function* ramRecords(ram: Iterable<Page>): Generator<SnapshotPagesRecord, void, undefined> {
  const gathered = new Gathered("ram");
  for (const [page, bytes] of ram) {
    const full = gathered.add(page, bytes);
    if (full) yield packedRecord(full, packPages(full.data));
  }
  const last = gathered.flush();
  if (last) yield packedRecord(last, packPages(last.data));
}

/** A record of pages whose data has not been packed. */
interface Unpacked {
  readonly of: SnapshotPagesRecord["of"];
  readonly pages: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
}

function packedRecord({ of, pages }: Unpacked, { packed, data }: PackedPages): SnapshotPagesRecord {
  const record = { kind: "snapshot-pages", of, pages, data } as const;
  return packed === undefined ? record : { ...record, packed };
}

/** Records whose data is being packed, in order. */
class Packing {
  readonly #pack: Pack;
  readonly #underWay: { readonly record: Unpacked; readonly packed: Promise<PackedPages> }[] = [];

  constructor(pack: Pack) {
    this.#pack = pack;
  }

  /** Takes a record's pages, if there are any; those that are packed come out in their order. */
  *put(record: Unpacked | undefined): Generator<SnapshotPagesRecord | Wait, void, undefined> {
    if (!record) return;
    const packed = this.#pack(record.data);
    if (packed instanceof Promise) {
      this.#underWay.push({ record, packed });
      if (this.#underWay.length > PACKED_AT_ONCE) yield* this.#first();
    } else {
      yield* this.rest();
      yield packedRecord(record, packed);
    }
  }

  /** The records that are left. */
  *rest(): Generator<SnapshotPagesRecord | Wait, void, undefined> {
    while (this.#underWay.length > 0) yield* this.#first();
  }

  *#first(): Generator<SnapshotPagesRecord | Wait, void, undefined> {
    const { record, packed } = this.#underWay.shift()!;
    yield packedRecord(record, yield* settled(packed));
  }
}

/** Waits for a promise in a generator whose caller does. */
export function* settled<Value>(promise: Promise<Value>): Generator<Wait, Value, undefined> {
  let value: { readonly of: Value } | undefined;
  yield promise.then((of) => {
    value = { of };
  });
  if (!value) throw new Error("A record was asked for before what it waits for was there");
  return value.of;
}

/** Pages on their way into a record. */
class Gathered {
  readonly #of: SnapshotPagesRecord["of"];
  #pages: number[] = [];
  /** Allocated once there is a page to hold. */
  #data: Uint8Array<ArrayBuffer> | undefined;

  constructor(of: SnapshotPagesRecord["of"]) {
    this.#of = of;
  }

  /** Takes a page; answers the pages of a record, when it is full with it. */
  add(page: number, bytes: Uint8Array): Unpacked | undefined {
    this.#data ??= new Uint8Array(maxSnapshotPages * pageBytes);
    this.#data.set(bytes, this.#pages.length * pageBytes);
    this.#pages.push(page);
    return this.#pages.length === maxSnapshotPages ? this.flush() : undefined;
  }

  /** The pages that are left. */
  flush(): Unpacked | undefined {
    if (this.#data === undefined || this.#pages.length === 0) return undefined;
    const [of, pages] = [this.#of, this.#pages];
    const data = this.#data.subarray(0, pages.length * pageBytes);
    // Whoever packs the data keeps it.
    this.#pages = [];
    this.#data = undefined;
    return { of, pages, data };
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
