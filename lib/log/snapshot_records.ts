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
 * left out. Page data is copied record by record: memory must not change while this runs.
 */
export function* snapshotRecords(parts: SnapshotParts): SnapshotRecords {
  const { epoch, steps, time, state } = parts;
  yield { kind: "snapshot-begin", epoch };
  yield* pagesRecords("image", parts.image);
  yield* pagesRecords("ram", parts.ram);
  for (const operation of parts.operations) yield { kind: "snapshot-operation", operation };
  const digest = typeof parts.digest === "bigint" ? parts.digest : yield* parts.digest;
  yield { kind: "snapshot-commit", epoch, steps, time, state, digest };
}

function* pagesRecords(
  of: SnapshotPagesRecord["of"],
  source: Iterable<Page>,
): Generator<SnapshotPagesRecord, void, undefined> {
  let pages: number[] = [];
  const data = new Uint8Array(maxSnapshotPages * pageBytes);
  const record = (): SnapshotPagesRecord => {
    const bytes = data.subarray(0, pages.length * pageBytes);
    const { packed, data: kept } = packPages(bytes);
    return packed === undefined
      ? { kind: "snapshot-pages", of, pages, data: kept.slice() }
      : { kind: "snapshot-pages", of, pages, packed, data: kept };
  };
  for (const [page, bytes] of source) {
    if (isZero(bytes)) continue;
    data.set(bytes, pages.length * pageBytes);
    pages.push(page);
    if (pages.length === maxSnapshotPages) {
      yield record();
      pages = [];
    }
  }
  if (pages.length > 0) {
    yield record();
  }
}

/** All pages of a memory, in order, without copying. */
export function* memoryPages(ram: Uint8Array): Generator<Page, void, undefined> {
  for (let page = 0; page < ram.length / pageBytes; page++) {
    yield [page, ram.subarray(page * pageBytes, (page + 1) * pageBytes)];
  }
}

function isZero(page: Uint8Array): boolean {
  if (page.byteOffset % 4 !== 0) return page.every((byte) => byte === 0);
  const words = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
  for (let index = 0; index < words.length; index++) {
    if (words[index] !== 0) return false;
  }
  return true;
}
