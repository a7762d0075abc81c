/** A small assembler for tests, made from the instruction table. */
import { instructionNamed } from "../../lib/isa/decoder.ts";
import type { Format } from "../../lib/isa/instruction.ts";

/** Operands by field; what is absent is 0. */
export interface Operands {
  readonly rd?: number;
  readonly rs1?: number;
  readonly rs2?: number;
  readonly rs3?: number;
  readonly imm?: number;
  readonly csr?: number;
}

const bitsOf: Readonly<Record<Format, (imm: number) => number>> = {
  R: () => 0,
  I: (imm) => imm << 20,
  S: (imm) => (imm >> 5 & 0x7f) << 25 | (imm & 31) << 7,
  B: (imm) =>
    (imm >> 12 & 1) << 31 | (imm >> 5 & 0x3f) << 25 | (imm >> 1 & 15) << 8 | (imm >> 11 & 1) << 7,
  U: (imm) => imm & 0xfffff000,
  J: (imm) =>
    (imm >> 20 & 1) << 31 | (imm >> 1 & 0x3ff) << 21 | (imm >> 11 & 1) << 20 | imm & 0xff000,
  shift: (imm) => (imm & 63) << 20,
  csr: (imm) => (imm & 31) << 15,
  rounding: (imm) => (imm & 7) << 12,
};

/** The 32 bits of an instruction. */
export function encode(name: string, operands: Operands = {}): number {
  const { rd = 0, rs1 = 0, rs2 = 0, rs3 = 0, imm = 0, csr = 0 } = operands;
  const { match, format } = instructionNamed(name);
  const registers = rd << 7 | rs1 << 15 | rs2 << 20 | rs3 << 27;
  return (match | registers | bitsOf[format](imm) | csr << 20) >>> 0;
}

/** Bytes of a sequence of instructions, each of 32 bits. */
export function program(...words: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(words).buffer);
}
