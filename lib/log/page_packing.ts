/**
 * Pages of a snapshot as the log keeps them: packed by Zstandard (RFC 8878) where that makes them smaller.
 * What a log claims to be packed is untrusted: output and working memory are bounded before it is unpacked.
 */
import zlib from "node:zlib";
import type { SnapshotPagesRecord } from "../epoch/record.ts";
import { maxSnapshotPages, pageBytes } from "./limits.ts";

const { ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_d_windowLogMax } = zlib.constants;

/** Fast rather than small: the guest waits for its turn meanwhile. */
const LEVEL = 1;

/** A window as large as a record's pages, 2^20 bytes; nobody needs to look back further. */
const WINDOW_LOG = Math.log2(maxSnapshotPages * pageBytes);

/** The pages' `data`, and how it is packed. */
export type PackedPages = Pick<SnapshotPagesRecord, "data" | "packed">;

/** Packs the bytes of some pages; those that do not shrink stay as they are. */
export function packPages(data: Uint8Array): PackedPages {
  const packed = zlib.zstdCompressSync(data, {
    params: { [ZSTD_c_compressionLevel]: LEVEL, [ZSTD_c_windowLog]: WINDOW_LOG },
  });
  return packed.length < data.length
    ? { data: new Uint8Array(packed.buffer, packed.byteOffset, packed.length), packed: "zstd" }
    : { data };
}

/** The bytes of a record's pages; undefined when they are not what was packed. */
export function unpackPages({ data, packed, pages }: SnapshotPagesRecord): Uint8Array | undefined {
  if (packed === undefined) return data;
  const bytes = pages.length * pageBytes;
  try {
    const unpacked = zlib.zstdDecompressSync(data, {
      maxOutputLength: bytes,
      params: { [ZSTD_d_windowLogMax]: WINDOW_LOG },
    });
    // A plain view: a slice of Node's own kind of bytes is no copy.
    const { buffer, byteOffset, length } = unpacked;
    return length === bytes ? new Uint8Array(buffer, byteOffset, length) : undefined;
  } catch {
    return undefined;
  }
}
