/** The hart block by name: what architectural state there is, where it lies, and which values are legal. */
import { FLOAT_REGISTERS, HART_BLOCK, INTEGER_REGISTERS } from "./layout.ts";

const ALL = 0xffff_ffff_ffff_ffffn;
const PMP_ADDRESS = (1n << 54n) - 1n;
/** No reservation: an address that no LR can have. */
export const NO_RESERVATION: bigint = ALL;

/** Fixed bits of mstatus: SXL and UXL say 64 bits (privileged specification, section 3.1.6.3). */
export const MSTATUS_FIXED = 0xa_0000_0000n;

/**
 * Every field with the bits it may have. Order is layout: 8 bytes each, from offset 512; the space
 * before it belongs to the integer and the floating-point registers.
 */
export const legalBits = {
  pc: ALL - 1n,
  privilege: 3n,
  /** 1 while the hart waits for an interrupt. */
  waiting: 1n,
  /** Virtual and physical address of the reservation, and its bytes. */
  reservationVirtual: ALL,
  reservationPhysical: ALL,
  reservationBytes: 12n,
  /** Steps since power-on, and how many of them were traps or interrupts. */
  steps: (1n << 53n) - 1n,
  trapsTaken: (1n << 53n) - 1n,
  /** Bits of mip that devices drive. */
  interruptLines: 0xaaan,
  /** Bits of mip that software has set. */
  interruptsBySoftware: 0x222n,
  mstatus: 0xa_007e_79aan,
  medeleg: 0xb3ffn,
  mideleg: 0x222n,
  mie: 0xaaan,
  mtvec: ALL - 2n,
  mcounteren: 7n,
  mscratch: ALL,
  mepc: ALL - 1n,
  mcause: ALL,
  mtval: ALL,
  mcountinhibit: 5n,
  /** What mcycle and minstret add to the retired count, or their value while inhibited. */
  mcycle: ALL,
  minstret: ALL,
  menvcfg: 1n,
  stvec: ALL - 2n,
  scounteren: 7n,
  sscratch: ALL,
  sepc: ALL - 1n,
  scause: ALL,
  stval: ALL,
  senvcfg: 1n,
  satp: (8n << 60n) | ((1n << 60n) - 1n),
  pmpcfg0: 0x9f9f_9f9f_9f9f_9f9fn,
  pmpcfg2: 0x9f9f_9f9f_9f9f_9f9fn,
  pmpaddr0: PMP_ADDRESS,
  pmpaddr1: PMP_ADDRESS,
  pmpaddr2: PMP_ADDRESS,
  pmpaddr3: PMP_ADDRESS,
  pmpaddr4: PMP_ADDRESS,
  pmpaddr5: PMP_ADDRESS,
  pmpaddr6: PMP_ADDRESS,
  pmpaddr7: PMP_ADDRESS,
  pmpaddr8: PMP_ADDRESS,
  pmpaddr9: PMP_ADDRESS,
  pmpaddr10: PMP_ADDRESS,
  pmpaddr11: PMP_ADDRESS,
  pmpaddr12: PMP_ADDRESS,
  pmpaddr13: PMP_ADDRESS,
  pmpaddr14: PMP_ADDRESS,
  pmpaddr15: PMP_ADDRESS,
  fcsr: 0xffn,
} as const;

/** The name of a field. */
export type Field = keyof typeof legalBits;

/** Every field, in layout order. */
export const fields = Object.keys(legalBits) as readonly Field[];

const FIRST_FIELD = HART_BLOCK + 512;

/** Offset of each field in memory. */
export const fieldOffset = Object.fromEntries(
  fields.map((field, index) => [field, FIRST_FIELD + 8 * index]),
) as Readonly<Record<Field, number>>;

/** Bits that a field may have. */
export function legal(field: Field): bigint {
  return legalBits[field];
}

/** Named access to the hart block. */
export class HartBlock {
  readonly #words: BigUint64Array;
  readonly #halves: Int32Array;

  /** A view of the hart block at the start of this memory. */
  constructor(memory: WebAssembly.Memory) {
    this.#words = new BigUint64Array(memory.buffer);
    this.#halves = new Int32Array(memory.buffer);
  }

  /** A field, 64 bits unsigned. */
  get(field: Field): bigint {
    return this.#words[fieldOffset[field] >> 3]!;
  }

  /** Stores a field modulo 2^64; what is legal is the caller's business. */
  set(field: Field, value: bigint): void {
    this.#words[fieldOffset[field] >> 3] = value;
  }

  /** The low 32 bits of a field, signed. */
  low(field: Field): number {
    return this.#halves[fieldOffset[field] >> 2]!;
  }

  /** The high 32 bits of a field, signed. */
  high(field: Field): number {
    return this.#halves[(fieldOffset[field] >> 2) + 1]!;
  }

  /** Stores the low 32 bits of a field and leaves the high ones. */
  setLow(field: Field, value: number): void {
    this.#halves[fieldOffset[field] >> 2] = value;
  }

  /** Integer register `x[n]`, unsigned. */
  register(n: number): bigint {
    return this.#words[(INTEGER_REGISTERS >> 3) + n]!;
  }

  /** Stores integer register `x[n]`, modulo 2^64; x0 stays 0. */
  setRegister(n: number, value: bigint): void {
    if (n !== 0) this.#words[(INTEGER_REGISTERS >> 3) + n] = value;
  }

  /** Floating-point register `f[n]`, its 64 bits unsigned. */
  floatRegister(n: number): bigint {
    return this.#words[(FLOAT_REGISTERS >> 3) + n]!;
  }

  /** Stores floating-point register `f[n]`, modulo 2^64. */
  setFloatRegister(n: number, value: bigint): void {
    this.#words[(FLOAT_REGISTERS >> 3) + n] = value;
  }
}
