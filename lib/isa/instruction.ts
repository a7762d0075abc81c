/** The shape of an entry of the instruction table, and the formats of 32-bit instructions. */
import type { Emission } from "./emission.ts";

/**
 * Instruction formats by what their immediate is (unprivileged specification, section 2.3); that of `rounding`
 * is the rounding mode (section 11.2).
 */
export type Format = "R" | "I" | "S" | "B" | "U" | "J" | "shift" | "csr" | "rounding";

/** One instruction: how it is encoded, how it is written, what it does. */
export interface Instruction {
  /** Mnemonic. */
  readonly name: string;
  /** Bits that are fixed. */
  readonly mask: number;
  /** Their values. */
  readonly match: number;
  /** Where its immediate lies. */
  readonly format: Format;
  /** Operands in the order of the assembly language, as in `rd,rs1,imm`; `fs1` is rs1 in the f registers. */
  readonly operands: string;
  /** What it does, for any engine. */
  readonly meaning: (i: Emission) => void;
}

/** Major opcodes (bits 6:0). */
export const OPCODE = {
  load: 0x03,
  loadFloat: 0x07,
  miscMem: 0x0f,
  opImm: 0x13,
  auipc: 0x17,
  opImm32: 0x1b,
  store: 0x23,
  storeFloat: 0x27,
  amo: 0x2f,
  op: 0x33,
  lui: 0x37,
  op32: 0x3b,
  multiplyAdd: 0x43,
  multiplySubtract: 0x47,
  negatedMultiplySubtract: 0x4b,
  negatedMultiplyAdd: 0x4f,
  float: 0x53,
  branch: 0x63,
  jalr: 0x67,
  jal: 0x6f,
  system: 0x73,
} as const;

const MAJOR_OPCODE = 0x7f;

/** The major opcode of an instruction. */
export function majorOpcode({ match }: Instruction): number {
  return match & MAJOR_OPCODE;
}

/** Mask and match of an instruction that is told by its major opcode. */
export function byOpcode(opcode: number): { mask: number; match: number } {
  return { mask: MAJOR_OPCODE, match: opcode };
}

/** Mask and match of an instruction that is told by opcode and bits 14:12. */
export function byFunct3(opcode: number, funct3: number): { mask: number; match: number } {
  return { mask: 0x707f, match: opcode | funct3 << 12 };
}

/** Mask and match of an instruction that is told by opcode, bits 14:12 and bits 31:25. */
export function byFunct7(
  opcode: number,
  funct3: number,
  funct7: number,
): { mask: number; match: number } {
  return { mask: 0xfe00707f, match: opcode | funct3 << 12 | funct7 << 25 };
}

/** Mask and match of an instruction of which every bit is fixed. */
export function exactly(bits: number): { mask: number; match: number } {
  return { mask: -1, match: bits };
}

/** The immediate of an instruction, sign-extended to 32 bits. */
export const immediate: Readonly<Record<Format, (bits: number) => number>> = {
  R: () => 0,
  I: (bits) => bits >> 20,
  S: (bits) => (bits >> 25) << 5 | bits >>> 7 & 0x1f,
  B: (bits) =>
    (bits >> 31) << 12 | (bits << 4 & 0x800) | (bits >>> 20 & 0x7e0) | (bits >>> 7 & 0x1e),
  U: (bits) => bits & 0xfffff000,
  J: (bits) => (bits >> 31) << 20 | (bits & 0xff000) | (bits >>> 9 & 0x800) | (bits >>> 20 & 0x7fe),
  shift: (bits) => bits >>> 20 & 0x3f,
  csr: (bits) => bits >>> 15 & 0x1f,
  rounding: (bits) => bits >>> 12 & 7,
};
