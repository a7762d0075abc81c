/**
 * Where everything lives in the one WebAssembly memory (32-bit, shared, never grown). Offsets in bytes.
 *
 * ```text
 * 0x000_0000  hart block      architectural: registers, pc, privilege, CSRs, reservation, counts
 * 0x000_1000  engine block    scratch of the interpreter; means nothing between two runs
 * 0x001_0000  device state    architectural, laid out by the board
 * 0x004_0000  page flags      one byte for each RAM page
 * 0x00c_0000  TLBs            4 banks of read, write and fetch entries; the micro-TLBs
 * 0x010_0000  decoded code    a pool of decoded pages
 * 0x418_0000  RAM
 * ```
 *
 * Snapshots and digests take the architectural parts only (design section 3).
 */

/** Bytes of a page of guest memory (Sv39 base page). */
export const PAGE_BYTES = 4096;

/** The hart block: all architectural state of the hart, in 8-byte slots. */
export const HART_BLOCK = 0x0000;
/** Bytes of the hart block. */
export const HART_BLOCK_BYTES = 1024;

/** Integer register `x[n]` is at `INTEGER_REGISTERS + 8 * n`; the slot of x0 holds 0 for ever. */
export const INTEGER_REGISTERS: number = HART_BLOCK;

/** Floating-point register `f[n]` is at `FLOAT_REGISTERS + 8 * n`. */
export const FLOAT_REGISTERS: number = HART_BLOCK + 256;

/** The engine block. */
export const ENGINE_BLOCK = 0x1000;
/** Writes to x0 go here. */
export const ZERO_SINK: number = ENGINE_BLOCK;
/** A 64-bit value on its way between the interpreter and a slow path. */
export const VALUE: number = ENGINE_BLOCK + 0x10;
/** The virtual address of the access that a slow path is asked for. */
export const ADDRESS: number = ENGINE_BLOCK + 0x20;
/** Steps (32 bits) that may still be executed before the interpreter returns. */
export const REMAINING: number = ENGINE_BLOCK + 0x28;
/** The TLB bank (its offset, 32 bits) for loads and stores in the present mode. */
export const DATA_BANK: number = ENGINE_BLOCK + 0x2c;
/** The TLB bank (its offset, 32 bits) for instruction fetch in the present mode. */
export const FETCH_BANK: number = ENGINE_BLOCK + 0x30;
/** How often (32 bits) code is gone to before it counts as hot. */
export const HOT_AT: number = ENGINE_BLOCK + 0x34;
/** Destination and length (32 bits) of an instruction that `finish` completes; 0 when there is none. */
export const PENDING: number = ENGINE_BLOCK + 0x38;
/** What goes into the destination. */
export const PENDING_VALUE: number = ENGINE_BLOCK + 0x40;
/** Not 0 (32 bits) when anything may be in the micro-TLBs. */
export const MICRO_TLBS_USED: number = ENGINE_BLOCK + 0x48;
/** Records of an instruction that is decoded for one execution: itself, then end-of-page records. */
export const SINGLE_RECORDS: number = ENGINE_BLOCK + 0x100;

/** How often code was gone to: counters of 32 bits, each for all records with the same hash. */
export const HEAT: number = ENGINE_BLOCK + 0x4000;
/** Counters of heat. */
export const HEAT_COUNTERS = 4096;

/** The device-state area, laid out by the board. */
export const DEVICE_STATE = 0x1_0000;
/** Bytes of the device-state area. */
export const DEVICE_STATE_BYTES = 0x1_0000;

/** The first TLB bank. */
export const TLB_BANKS = 0xc_0000;
/** Entries of each read, write and fetch TLB: the pages that a kernel and its programs use at a time. */
export const TLB_ENTRIES = 1024;
/** Bytes of a TLB entry: tag (64 bits), what the kind of TLB needs (32 bits), the watched part (32 bits). */
export const TLB_ENTRY_BYTES = 16;
/**
 * A bit that no access has in its tag. An entry of a page of which a part is watched has it, so that accesses
 * take the slow path, which finds the entry.
 */
export const TAG_WATCHED = 0x800;
/** In a watched part: shifts the offset behind its last byte. */
export const PART_END_SHIFT = 16;
/** Offset of the read TLB in its bank. */
export const READ_TLB = 0;
/** Offset of the write TLB in its bank. */
export const WRITE_TLB = TLB_ENTRIES * TLB_ENTRY_BYTES;
/** Offset of the fetch TLB in its bank. */
export const FETCH_TLB = 2 * WRITE_TLB;
/** Bytes of a bank. */
export const TLB_BANK_BYTES = 3 * WRITE_TLB;
/** Banks: user, supervisor, supervisor with SUM, machine (and everything untranslated). */
export const TLB_BANK_COUNT = 4;

/**
 * The micro-TLBs, of loads and of stores. Their entries are chosen by the translator, not by address, and have the mode
 * in their tags.
 */
export const MICRO_TLBS: number = TLB_BANKS + TLB_BANK_COUNT * TLB_BANK_BYTES;
/** Entries of each micro-TLB. */
export const MICRO_TLB_ENTRIES = 32;
/** Bytes of a micro-TLB. */
export const MICRO_TLB_BYTES: number = MICRO_TLB_ENTRIES * TLB_ENTRY_BYTES;

/** Page flags, one byte for each page of RAM. */
export const PAGE_FLAGS = 0x4_0000;
/** Page flag: written in the current epoch. */
export const PAGE_WRITTEN = 1;
/** Page flag: decoded code came from it, so stores to it take the slow path. */
export const PAGE_CODE = 2;
/** Page flag: page-table entries that a TLB relies on came from it; stores take the slow path. */
export const PAGE_TABLE = 4;
/** Page flag: a debugger waits for writes to it. */
export const PAGE_WATCHED = 8;

/** The pool of decoded pages. */
export const CODE_POOL = 0x10_0000;
/** Decoded pages in the pool. */
export const CODE_PAGES = 2048;
/** Bytes of a decoded record. */
export const RECORD_BYTES = 16;
/** Bytes of a decoded page: a record for each halfword and an end-of-page record, padded. */
export const CODE_PAGE_BYTES: number = (PAGE_BYTES / 2) * RECORD_BYTES + 256;

/** Guest RAM. */
export const RAM = 0x418_0000;
/** Guest-physical address of RAM. */
export const RAM_BASE = 0x8000_0000;
/** Most RAM that fits beside the rest in a 32-bit memory with room to spare. */
export const RAM_LIMIT = 0x8000_0000;
