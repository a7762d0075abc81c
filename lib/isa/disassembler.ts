/** Disassembly, derived from the tables: for people and for tests. */
import { decode, type Decoded } from "./decoder.ts";

/** Names of the integer registers in the calling convention. */
export const registerNames: readonly string[] = [
  ...["zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1"],
  ...["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"],
  ...["s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"],
];

const parts: Readonly<Record<string, (decoded: Decoded, address: bigint) => string>> = {
  rd: ({ rd }) => registerNames[rd]!,
  rs1: ({ rs1 }) => registerNames[rs1]!,
  rs2: ({ rs2 }) => registerNames[rs2]!,
  imm: ({ imm }) => String(imm),
  upper: ({ imm }) => `0x${(imm >>> 12).toString(16)}`,
  csr: ({ bits }) => `0x${(bits >>> 20).toString(16)}`,
  target: ({ imm }, address) => `0x${BigInt.asUintN(64, address + BigInt(imm)).toString(16)}`,
};

/** The instruction in these bits, at this address, as `name operands`; a compressed one expanded. */
export function disassemble(word: number, address: bigint): string {
  const decoded = decode(word);
  const { name, operands } = decoded.instruction;
  const text = operands.replaceAll(/[a-z]+[12]?/g, (part) => parts[part]!(decoded, address));
  return text === "" ? name : `${name} ${text.replaceAll(",", ", ")}`;
}
