/** Writes one file of an index: whole or not at all, whatever is killed meanwhile. */
import fs from "node:fs";
import { errorText, HostFileError } from "../host/fault.ts";
import { openPositionalFile, writeFully } from "../host/positional_file.ts";
import { type IndexSnapshot, snapshotPath } from "./index_folder.ts";
import { IndexEncoder, type IndexRecord, type IndexSnapshotRecord } from "./index_records.ts";

/** What an unfinished file is called. */
export const UNFINISHED = ".part";

/**
 * Writes a snapshot's file.
 *
 * @param records What follows its first record, to the commit.
 * @throws {HostFileError} when that fails; the index is as it was
 */
export async function writeSnapshot(
  folder: string,
  first: IndexSnapshotRecord,
  records: Iterable<IndexRecord>,
): Promise<IndexSnapshot> {
  const { epoch, steps: step, base } = first;
  const path = snapshotPath(folder, step);
  const unfinished = path + UNFINISHED;
  const encoder = new IndexEncoder();
  try {
    const file = openPositionalFile(unfinished, { access: "read-write", create: "new" });
    try {
      await writeFully(file, encoder.encode(first), 0);
      for (const record of records) {
        const at = encoder.byteLength;
        await writeFully(file, encoder.encode(record), at);
      }
      await file.dataSync();
    } finally {
      file.close();
    }
    fs.renameSync(unfinished, path);
  } catch (error) {
    fs.rmSync(unfinished, { force: true });
    if (error instanceof HostFileError) throw error;
    throw new HostFileError(path, `Cannot write ${path}: ${errorText(error)}`, { cause: error });
  }
  return { epoch, step, path, bytes: encoder.byteLength, base };
}
