/** One file of an index, read from its start. */
import { openPositionalFile } from "../host/positional_file.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { IndexDecoder, type IndexRecord } from "./index_records.ts";

/** Bytes for the first record, and a little. */
const FIRST_BYTES = 4096;
const CHUNK_BYTES = 1 << 20;

/** A file of an index cannot be used; why, as the rest of a sentence. */
export class IndexError extends Error {
  /** Tells this error from others. */
  override readonly name = "IndexError";
}

/**
 * The records of a file, to its commit.
 *
 * @throws {IndexError} when it is cut off
 * @throws {LogError} where it is damaged
 * @throws {HostFileError} when it does not open
 */
export async function* indexRecords(
  path: string,
): AsyncGenerator<LogItem<IndexRecord>, void, undefined> {
  const file = openPositionalFile(path, { access: "read" });
  try {
    const decoder = new IndexDecoder();
    for (let at = 0, size = FIRST_BYTES;; size = CHUNK_BYTES) {
      const bytes = new Uint8Array(size);
      const count = await file.read(bytes, at);
      if (count === 0) break;
      at += count;
      yield* decoder.push(bytes.subarray(0, count));
    }
    if (decoder.finish().kind !== "clean") throw new IndexError("it is cut off");
  } finally {
    file.close();
  }
}
