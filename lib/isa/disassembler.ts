/** Disassembly, derived from the tables: for people and for tests. */
import { decode, type Decoded } from "./decoder.ts";

/** Names of the integer registers in the calling convention. */
export const registerNames: readonly string[] = [
  ...["zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1"],
  ...["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"],
  ...["s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"],
];

/** Names of the floating-point registers in the calling convention. */
export const floatRegisterNames: readonly string[] = [
  ...["ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1"],
  ...["fa0", "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7"],
  ...["fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11"],
  ...["ft8", "ft9", "ft10", "ft11"],
];

/** Names of the rounding modes by their number. */
const roundingNames = ["rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn"];

const parts: Readonly<Record<string, (decoded: Decoded, address: bigint) => string>> = {
  rd: ({ rd }) => registerNames[rd]!,
  rs1: ({ rs1 }) => registerNames[rs1]!,
  rs2: ({ rs2 }) => registerNames[rs2]!,
  fd: ({ rd }) => floatRegisterNames[rd]!,
  fs1: ({ rs1 }) => floatRegisterNames[rs1]!,
  fs2: ({ rs2 }) => floatRegisterNames[rs2]!,
  fs3: ({ bits }) => floatRegisterNames[bits >>> 27]!,
  rm: ({ imm }) => roundingNames[imm]!,
  imm: ({ imm }) => String(imm),
  upper: ({ imm }) => `0x${(imm >>> 12).toString(16)}`,
  csr: ({ bits }) => `0x${(bits >>> 20).toString(16)}`,
  target: ({ imm }, address) => `0x${BigInt.asUintN(64, address + BigInt(imm)).toString(16)}`,
};

/** The instruction in these bits, at this address, as `name operands`; a compressed one expanded. */
export function disassemble(word: number, address: bigint): string {
  const decoded = decode(word);
  const { name, operands } = decoded.instruction;
  const text = operands.replaceAll(/[a-z]+[123]?/g, (part) => parts[part]!(decoded, address));
  return text === "" ? name : `${name} ${text.replaceAll(",", ", ")}`;
}
