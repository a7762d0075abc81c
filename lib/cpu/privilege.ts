/** Privilege levels, bits of mstatus, causes and interrupts (privileged specification, chapter 3). */

/** Privilege levels. */
export const PRIVILEGE = { user: 0, supervisor: 1, machine: 3 } as const;

/** Bits of mstatus in the lower word, where all of those lie that this hart stores. */
export const MSTATUS = {
  SIE: 1 << 1,
  MIE: 1 << 3,
  SPIE: 1 << 5,
  MPIE: 1 << 7,
  SPP: 1 << 8,
  MPP: 3 << 11,
  FS: 3 << 13,
  MPRV: 1 << 17,
  SUM: 1 << 18,
  MXR: 1 << 19,
  TVM: 1 << 20,
  TW: 1 << 21,
  TSR: 1 << 22,
} as const;

/** What mstatus and sstatus show in bit 63, SD, whether FS says dirty (section 3.1.6.6). */
export function stateDirty(mstatus: bigint): bigint {
  return (mstatus & BigInt(MSTATUS.FS)) === BigInt(MSTATUS.FS) ? 1n << 63n : 0n;
}

/** Position of MPP in mstatus. */
export const MPP_SHIFT = 11;

/** Exception causes. */
export const CAUSE = {
  fetchAccess: 1,
  illegalInstruction: 2,
  breakpoint: 3,
  loadMisaligned: 4,
  loadAccess: 5,
  storeMisaligned: 6,
  storeAccess: 7,
  /** Plus the privilege level. */
  environmentCall: 8,
  fetchPage: 12,
  loadPage: 13,
  storePage: 15,
} as const;

/** Interrupts from high to low priority (section 3.1.9): MEI, MSI, MTI, SEI, SSI, STI. */
export const INTERRUPT_PRIORITY = [11, 3, 7, 9, 1, 5] as const;
