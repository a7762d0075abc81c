/** Where things are in random guests, and which registers they use for what. */
import { RAM } from "../test_machine.ts";

export const PAGE = 4096;
export const HANDLER = RAM + 0x8000,
  SUPERVISOR_HANDLER = RAM + 0x7000;
export const FUNCTIONS = RAM + 0x1_0000,
  FUNCTION_COUNT = 6,
  FUNCTION_STRIDE = 2 * PAGE;
export const DATA = RAM + 0x2_0000, DATA_PAGES = 6;
export const TABLES = RAM + 0x3_0000;
/** Address spaces. Each sees RAM at its own address; pages for U mode; the same as a megapage; and a few pages anyhow. */
export const SPACES = [0, 1] as const;
export const FOR_USER = 0x4020_0000,
  MEGAPAGE = 0x4040_0000,
  ANYHOW = 0x4000_0000,
  ANYHOW_PAGES = 4;
export const RAM_PAGES = 0x40;
export const V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128, ALL = V | R | W | X | A | D;
export const CSR = {
  ...{ fflags: 1, frm: 2, fcsr: 3, sstatus: 0x100, sip: 0x144, satp: 0x180 },
  ...{ mstatus: 0x300, mcountinhibit: 0x320, mscratch: 0x340, mepc: 0x341, mip: 0x344 },
  ...{ pmpcfg0: 0x3a0, pmpaddr0: 0x3b0, cycle: 0xc00, time: 0xc01, instret: 0xc02 },
} as const;
export const STATUS = {
  ...{ MPP: 0x1800, FS: 0x6000, MPRV: 1 << 17, SUM: 1 << 18, MXR: 1 << 19, TSR: 1 << 22 },
  ...{ SIE: 2, MPIE: 0x80 },
} as const;
export const DEEDS = 24, DEED_WORDS = 44;
export const TIMER = 7;

/** Registers of the handler, and of loops by how deep they are nested. */
export const H = [26, 27, 28, 29] as const;
export const COUNTERS = [22, 23, 24] as const;
/** What points to data; the first three are those that the translator expects to stay. */
export const BASES = [2, 3, 4, 8, 9, 10, 11] as const;
export const VALUES = [5, 6, 7, 12, 13, 14, 15, 16, 17] as const;

/** A page-table entry. */
export const pageTable = (page: number, flags: number) => BigInt(page / 4 + flags);

/** Where a function begins. */
export function entry(n: number): number {
  // Near the end of its page: all functions cross to the next one, or nearly.
  return FUNCTIONS + n * FUNCTION_STRIDE + [0xe80, 0xf02, 0, 0xfce, 0x7fe, 0xf46][n]!;
}

/** Where a deed of the handler begins. */
export function deedAt(n: number): number {
  return HANDLER + 0x100 + 4 * DEED_WORDS * (n % DEEDS);
}

/** satp for an address space. */
export function satp(space: number): bigint {
  return 8n << 60n | BigInt(table(space, 0) / PAGE);
}

/** Where a page table of an address space is. */
export function table(space: number, n: number): number {
  return TABLES + (space * 8 + n) * PAGE;
}

/** The immediates of auipc or lui and of addi that make a distance of 32 bits. */
export function splitAt(distance: number): [upper: number, lower: number] {
  const lower = distance << 20 >> 20;
  return [distance - lower | 0, lower];
}
