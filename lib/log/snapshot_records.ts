/** A key snapshot as records, each within the record bound. */
import type { TimeBase } from "../board/environment.ts";
import type { MachineState } from "../board/machine_state.ts";
import type { Operation } from "../board/operation.ts";
import type { Digest, LogRecord, SnapshotPagesRecord } from "../epoch/record.ts";
import { maxSnapshotPages, pageBytes } from "./limits.ts";

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
  /** Digest of state and all RAM. */
  readonly digest: Digest;
}

/**
 * The records of a snapshot in order, from `snapshot-begin` to `snapshot-commit`. Pages of zeros are
 * left out. Page data is copied record by record: memory must not change while this runs.
 */
export function* snapshotRecords(parts: SnapshotParts): Generator<LogRecord, void, undefined> {
  const { epoch, steps, time, state, digest } = parts;
  yield { kind: "snapshot-begin", epoch };
  yield* pagesRecords("image", parts.image);
  yield* pagesRecords("ram", parts.ram);
  for (const operation of parts.operations) yield { kind: "snapshot-operation", operation };
  yield { kind: "snapshot-commit", epoch, steps, time, state, digest };
}

function* pagesRecords(
  of: SnapshotPagesRecord["of"],
  source: Iterable<Page>,
): Generator<SnapshotPagesRecord, void, undefined> {
  let pages: number[] = [];
  let data = new Uint8Array(maxSnapshotPages * pageBytes);
  for (const [page, bytes] of source) {
    if (isZero(bytes)) continue;
    data.set(bytes, pages.length * pageBytes);
    pages.push(page);
    if (pages.length === maxSnapshotPages) {
      yield { kind: "snapshot-pages", of, pages, data };
      pages = [];
      data = new Uint8Array(maxSnapshotPages * pageBytes);
    }
  }
  if (pages.length > 0) {
    yield { kind: "snapshot-pages", of, pages, data: data.subarray(0, pages.length * pageBytes) };
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
