/**
 * Where everything lies in the RAM of the differential guest, and the records that it reads (cases) and writes (results).
 *
 * ```text
 * 8000_0000  harness code and trap vector (machine mode)
 * 8000_2000  supervisor's trap vector: one instruction a slot that goes on to the machine's handler
 * 8000_3000  harness variables
 * 8000_4000  the case's code, two pages            ┐
 * 8000_6000  page tables: root, 1A, 0A, 1B, 0B     ├ the arena: copied from the template before each case,
 * 8000_b000  data, four pages                      ┘ hashed after it
 * 8001_0000  template of the arena
 * 8001_c000  three pages whose protection the harness locks
 * 8002_0000  case descriptors, then results
 * ```
 *
 * Virtual (Sv39): 8000_2000 to 8000_efff identically (root[2], 1A[0], 0A); 1_0000_0000 + 4 KiB × n the windows (root[4],
 * 1B[0], 0B[n]), once more at ffff_ffff_c000_0000 (root[511]); 1_0010_0000 the code for user mode; 1_0020_0000 + 2 MiB × n
 * the superpages (1B[1 + n]); 1_4000_0000 + 1 GiB × n the gigapages (root[5 + n]). As physical addresses these lead
 * nowhere on QEMU's board, so that an access without translation is an access fault.
 *
 * @module
 */

/** First byte of RAM. */
export const RAM_BASE = 0x8000_0000;
/** RAM of the guest in bytes. */
export const RAM_BYTES = 64 << 20;
/** QEMU puts its device tree into the last part of RAM: nothing of ours may lie there. */
export const USABLE_BYTES = 60 << 20;
/** A page in bytes. */
export const PAGE_BYTES = 4096;

/** The supervisor's trap vector. */
export const SUPERVISOR_VECTOR = 0x8000_2000;
/** The `sret` that ends the supervisor's handler, after 16 slots of one instruction. */
export const SUPERVISOR_RETURN = SUPERVISOR_VECTOR + 64;
/** A second vector table, whose slots hold `ebreak` where the first has `ecall`. */
export const SUPERVISOR_VECTOR_EBREAK = SUPERVISOR_VECTOR + 128;
/** Harness variables; the saved registers stand first. */
export const VARIABLES = 0x8000_3000;
/** Offsets in the harness variables; below 256 are the saved registers. */
export const VARIABLE = {
  descriptor: 256,
  remaining: 264,
  result: 272,
  traps: 280,
  end: 288,
  reservation: 296,
} as const;
/** The arena. */
export const ARENA = 0x8000_4000;
/** Pages of the arena. */
export const ARENA_PAGES = 11;
/** The case's code. */
export const CODE = ARENA;
/** Bytes of the case's code area. */
export const CODE_BYTES = 2 * PAGE_BYTES;
/** Root page table. */
export const ROOT = 0x8000_6000;
/** Tables of the identical mapping. */
export const LEVEL_1A = 0x8000_7000, LEVEL_0A = 0x8000_8000;
/** Tables of the windows. */
export const LEVEL_1B = 0x8000_9000, LEVEL_0B = 0x8000_a000;
/** Data pages. */
export const DATA = 0x8000_b000;
/** Number of data pages. */
export const DATA_PAGES = 4;
/** Template of the arena. */
export const TEMPLATE = 0x8001_0000;
/** Pages whose protection the harness locks. */
export const LOCKED = 0x8001_c000;
/** Case descriptors. */
export const DESCRIPTORS = 0x8002_0000;

/** Virtual address of the windows. */
export const WINDOW = 0x1_0000_0000n;
/** The same windows in the upper half of the address space. */
export const UPPER_WINDOW = 0xffff_ffff_c000_0000n;
/** Number of windows. */
export const WINDOWS = 16;
/** Virtual address of the code in user mode. */
export const USER_CODE = 0x1_0010_0000;
/** Virtual address of the superpages. */
export const SUPERPAGE = 0x1_0020_0000n;
/** Number of superpages. */
export const SUPERPAGES = 4;
/** Virtual address of the gigapages. */
export const GIGAPAGE = 0x1_4000_0000n;
/** Number of gigapages. */
export const GIGAPAGES = 3;

/** Bits of a page-table entry. */
export const PTE = {
  V: 1n,
  R: 2n,
  W: 4n,
  X: 8n,
  U: 16n,
  G: 32n,
  A: 64n,
  D: 128n,
} as const;

/** The page-table entry of a physical address. */
export function pageTableEntry(physical: number, bits: bigint): bigint {
  return (BigInt(physical) >> 12n << 10n) | bits;
}

/** CSRs by name, those that the harness itself uses. */
export const CSR = {
  fflags: 0x001,
  frm: 0x002,
  fcsr: 0x003,
  sstatus: 0x100,
  sie: 0x104,
  stvec: 0x105,
  scounteren: 0x106,
  senvcfg: 0x10a,
  sscratch: 0x140,
  sepc: 0x141,
  scause: 0x142,
  stval: 0x143,
  sip: 0x144,
  satp: 0x180,
  mstatus: 0x300,
  misa: 0x301,
  medeleg: 0x302,
  mideleg: 0x303,
  mie: 0x304,
  mtvec: 0x305,
  mcounteren: 0x306,
  menvcfg: 0x30a,
  mcountinhibit: 0x320,
  mscratch: 0x340,
  mepc: 0x341,
  mcause: 0x342,
  mtval: 0x343,
  mip: 0x344,
  pmpcfg0: 0x3a0,
  pmpcfg2: 0x3a2,
  pmpaddr0: 0x3b0,
  pmpaddr1: 0x3b1,
  pmpaddr2: 0x3b2,
  pmpaddr3: 0x3b3,
  pmpaddr4: 0x3b4,
  pmpaddr5: 0x3b5,
  pmpaddr6: 0x3b6,
  pmpaddr7: 0x3b7,
  pmpaddr8: 0x3b8,
  pmpaddr9: 0x3b9,
  pmpaddr10: 0x3ba,
  pmpaddr11: 0x3bb,
  pmpaddr12: 0x3bc,
  pmpaddr13: 0x3bd,
  pmpaddr14: 0x3be,
  pmpaddr15: 0x3bf,
  mhartid: 0xf14,
} as const;

/** The name of a CSR the harness uses. */
export type CsrName = keyof typeof CSR;

/** The registers of physical memory protection. QEMU 7.2 takes over an address when the configuration is written. */
export const PROTECTION_CSRS = [
  "pmpaddr0",
  "pmpaddr1",
  "pmpaddr2",
  "pmpaddr3",
  "pmpaddr4",
  "pmpaddr5",
  "pmpaddr6",
  "pmpaddr7",
  "pmpaddr8",
  "pmpaddr9",
  "pmpaddr10",
  "pmpaddr11",
  "pmpaddr12",
  "pmpaddr13",
  "pmpaddr14",
  "pmpaddr15",
  "pmpcfg0",
  "pmpcfg2",
] as const satisfies readonly CsrName[];

/** CSRs set from the descriptor before a case, in this order; floating point is on until mstatus is set. */
export const INITIAL_CSRS = [
  ...PROTECTION_CSRS,
  "mtvec",
  "medeleg",
  "mideleg",
  "mie",
  "mip",
  "mcounteren",
  "scounteren",
  "menvcfg",
  "senvcfg",
  "mcountinhibit",
  "stvec",
  "sscratch",
  "sepc",
  "scause",
  "stval",
  "mcause",
  "mtval",
  "satp",
  "mepc",
  "fcsr",
  "mstatus",
] as const satisfies readonly CsrName[];

/** CSRs stored after a case, in this order; the last one when floating point has been switched on. */
export const FINAL_CSRS = [
  ...PROTECTION_CSRS,
  "mstatus",
  "sstatus",
  "mepc",
  "mcause",
  "mtval",
  "mie",
  "sie",
  "mip",
  "sip",
  "medeleg",
  "mideleg",
  "mcounteren",
  "scounteren",
  "menvcfg",
  "senvcfg",
  "mcountinhibit",
  "mtvec",
  "stvec",
  "sscratch",
  "sepc",
  "scause",
  "stval",
  "satp",
  "fcsr",
] as const satisfies readonly CsrName[];

/** Fields of one trap's record; `slot` is the entry of the vector table that was used. */
export const TRAP_FIELDS = [
  "slot",
  "mcause",
  "mepc",
  "mtval",
  "mstatus",
  "mip",
  "scause",
  "sepc",
  "stval",
  "sstatus",
] as const;

/** Traps that a case may take before it is ended. */
export const TRAPS = 24;

/** Descriptor: total bytes, code's offset in the code area, offset of its end, code bytes, number of patches. */
export const DESCRIPTOR = {
  bytes: 0,
  codeOffset: 8,
  endOffset: 16,
  codeBytes: 24,
  patches: 32,
  csrs: 40,
  registers: 40 + 8 * INITIAL_CSRS.length,
  floatRegisters: 40 + 8 * INITIAL_CSRS.length + 8 * 31,
  variable: 40 + 8 * INITIAL_CSRS.length + 8 * 31 + 8 * 32,
} as const;

/** Result of one case; all fields are 64-bit. */
export const RESULT = {
  traps: 0,
  registers: 8,
  csrs: 8 + 8 * 32,
  floatRegisters: 8 + 8 * 32 + 8 * FINAL_CSRS.length,
  hashes: 8 + 8 * 64 + 8 * FINAL_CSRS.length,
  trace: 8 + 8 * 64 + 8 * FINAL_CSRS.length + 8 * ARENA_PAGES,
} as const;

/** Bytes of one trap's record. */
export const TRAP_BYTES = 8 * TRAP_FIELDS.length;
/** Bytes of one case's result. */
export const RESULT_BYTES = RESULT.trace + TRAPS * TRAP_BYTES;
