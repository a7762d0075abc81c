/**
 * The bounds of the log format. Each is checked before what it bounds is decoded or allocated, so a
 * hostile log costs no more memory or time than these say (design invariant 7).
 */

/** Largest encoded record in bytes, without its frame. Snapshots and DMA are split to stay below. */
export const maxRecordBytes = 4 * 1024 * 1024;

/** Largest data of one operation or DMA block in bytes: the board's own transfer limit. */
export const maxTransferBytes = 1024 * 1024;

/** Largest number of CBOR data items in one record; bounds what its decoding allocates. */
export const maxRecordItems = 131_072;

/**
 * Largest number of CBOR data items in a machine state: a guest may have 128 requests of each device
 * outstanding, each of which it has cut into 128 pieces of memory.
 */
export const maxStateItems: number = 2 ** 20;

/** Deepest nesting of arrays and maps in a record; the deepest of the schema is 5. */
export const maxRecordDepth = 8;

/** Deepest nesting of arrays and maps in a machine state. */
export const maxStateDepth = 16;

/** Most environment reads in one epoch. */
export const maxEpochReads = 65_536;

/** Most completions in one epoch. */
export const maxEpochCompletions = 4096;

/** Most DMA blocks of one completion. */
export const maxCompletionBlocks = 4096;

/** Most operations outstanding at a snapshot. */
export const maxOutstandingOperations = 4096;

/** Most payload bytes of all operations outstanding at a snapshot together. */
export const maxOutstandingBytes = 256 * 1024 * 1024;

/** Most ranges of one unmap. */
export const maxUnmapRanges = 4096;

/** Most bytes of console input in one epoch. */
export const maxConsoleInputBytes = 65_536;

/** Most pages of 4096 bytes in one snapshot record: 1 MiB of data. */
export const maxSnapshotPages = 256;

/** Longest text in a record, in bytes of UTF-8. */
export const maxTextBytes = 4096;

/** Longest map key in bytes. */
export const maxKeyBytes = 64;

/** Bytes of a RAM page. */
export const pageBytes = 4096;

/** Largest position, count or number: every one of them is exact as a JavaScript number. */
export const maxCount: number = Number.MAX_SAFE_INTEGER;
