/** Makes an index smaller: every second snapshot goes, and the one behind it takes over its pages. */
import { type IndexFolder, indexProblem, type IndexSnapshot } from "./index_folder.ts";
import { IndexError, readRecords } from "./index_file.ts";
import {
  consoleRecords,
  IndexDecoder,
  type IndexRecord,
  type IndexSnapshotRecord,
  type SaidInEpoch,
} from "./index_records.ts";
import { pageBytes } from "../log/limits.ts";
import { unpackPages } from "../log/page_packing.ts";
import { ramRecords } from "../log/snapshot_records.ts";

/** A whole file in memory: at most as large as the guest's RAM. */
interface Contents {
  readonly first: IndexSnapshotRecord;
  readonly console: readonly SaidInEpoch[];
  /** Position of its first byte; undefined when there is none. */
  readonly from: number | undefined;
  readonly pages: ReadonlyMap<number, Uint8Array>;
  readonly rest: readonly IndexRecord[];
}

/**
 * Removes every second snapshot but the last one. Each file is replaced before the one goes that it was
 * based on, so the index is whole at every moment.
 *
 * @returns Whether all could be read. One that could not, and what is based on it, the folder has forgotten.
 */
export async function thinIndex(folder: IndexFolder): Promise<boolean> {
  const all = folder.snapshots;
  for (let index = 1; index < all.length - 1; index += 2) {
    const [dropped, next] = [all[index]!, all[index + 1]!];
    if (next.base === dropped.step) {
      const older = await contentsOf(folder, dropped);
      const newer = older && await contentsOf(folder, next);
      if (!newer) return false;
      await merge(folder, dropped, older, newer);
    }
    folder.remove(dropped);
  }
  return true;
}

/** Writes the newer one anew, with the pages of both and the base of `dropped`, the older one. */
async function merge(
  folder: IndexFolder,
  dropped: IndexSnapshot,
  older: Contents,
  newer: Contents,
): Promise<void> {
  const pages = [...new Map([...older.pages, ...newer.pages])].toSorted(([a], [b]) => a - b);
  const { base: _base, consoleRecords: _records, ...first } = newer.first;
  const { base } = dropped;
  const console = consoleRecords(older.from ?? newer.from ?? 0, [
    ...older.console,
    ...newer.console,
  ]);
  const opening = {
    ...first,
    ...(base === undefined ? {} : { base }),
    ...(console.length === 0 ? {} : { consoleRecords: console.length }),
  };
  function* records(): Generator<IndexRecord> {
    yield* console;
    yield* ramRecords(pages);
    yield* newer.rest;
  }
  await folder.write(opening, records());
}

/** What a file holds; undefined, once the folder has forgotten it, when it cannot be used. */
async function contentsOf(
  folder: IndexFolder,
  snapshot: IndexSnapshot,
): Promise<Contents | undefined> {
  try {
    return await readContents(snapshot);
  } catch (error) {
    folder.reject(snapshot, indexProblem(error));
    return undefined;
  }
}

async function readContents({ path }: IndexSnapshot): Promise<Contents> {
  let first: IndexSnapshotRecord | undefined;
  const pages = new Map<number, Uint8Array>();
  const rest: IndexRecord[] = [];
  const console: SaidInEpoch[] = [];
  let from: number | undefined;
  for await (const { record } of readRecords(path, new IndexDecoder())) {
    if (record.kind === "index-snapshot") {
      first = record;
    } else if (record.kind === "console") {
      from ??= record.from;
      console.push(...record.epochs);
    } else if (record.kind === "snapshot-pages") {
      const data = unpackPages(record);
      if (!data) throw new IndexError("pages cannot be unpacked");
      record.pages.forEach((page, index) =>
        pages.set(page, data.subarray(index * pageBytes, (index + 1) * pageBytes))
      );
    } else {
      rest.push(record);
    }
  }
  if (!first) throw new IndexError("it does not start as a file of an index");
  return { first, console, from, pages, rest };
}
