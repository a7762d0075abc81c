/** One file of an index: read from its start, and written whole or not at all. */
import fs from "node:fs";
import { errorText, HostFileError } from "../host/fault.ts";
import { openPositionalFile, writeFully } from "../host/positional_file.ts";
import type { LogItem, SequenceDecoder } from "../log/record_decoder.ts";
import type { SequenceEncoder } from "../log/record_encoder.ts";

/** What an unfinished file is called. */
export const UNFINISHED = ".part";

/** Bytes for the first record, and a little. */
const FIRST_BYTES = 4096;
const CHUNK_BYTES = 1 << 20;

/** A file of an index cannot be used; why, as the rest of a sentence. */
export class IndexError extends Error {
  /** Tells this error from others. */
  override readonly name = "IndexError";
}

/**
 * The records of a file, to its last one.
 *
 * @throws {IndexError} when it is cut off
 * @throws {LogError} where it is damaged
 * @throws {HostFileError} when it does not open
 */
export async function* readRecords<AnyRecord extends { readonly kind: string }>(
  path: string,
  decoder: SequenceDecoder<AnyRecord>,
): AsyncGenerator<LogItem<AnyRecord>, void, undefined> {
  const file = openPositionalFile(path, { access: "read" });
  try {
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

/**
 * Writes a file, in place of the one of that name; whatever is killed meanwhile.
 *
 * @throws {HostFileError} when that fails; what was there before is there still
 */
export async function writeRecords<AnyRecord extends { readonly kind: string }>(
  path: string,
  encoder: SequenceEncoder<AnyRecord>,
  records: Iterable<AnyRecord>,
): Promise<void> {
  const unfinished = path + UNFINISHED;
  try {
    removeFile(unfinished);
    const file = openPositionalFile(unfinished, { access: "read-write", create: "new" });
    try {
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
    discard(unfinished);
    if (error instanceof HostFileError) throw error;
    throw new HostFileError(path, `Cannot write ${path}: ${errorText(error)}`, { cause: error });
  }
}

/**
 * Removes a file, if it is there.
 *
 * @throws {HostFileError} when that fails
 */
export function removeFile(path: string): void {
  try {
    fs.rmSync(path, { force: true });
  } catch (error) {
    throw new HostFileError(path, `Cannot remove ${path}: ${errorText(error)}`, { cause: error });
  }
}

/** Removes what could not be written to its end; why that failed is what somebody wants to know. */
export function discard(path: string): void {
  try {
    fs.rmSync(path, { force: true });
  } catch {
    // It stays.
  }
}
