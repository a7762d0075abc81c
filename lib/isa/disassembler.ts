/** Disassembly, derived from the tables: for people and for tests. */
import { csrName } from "./csr_names.ts";
import { decode, type Decoded } from "./decoder.ts";
import { OPCODE } from "./instruction.ts";
import { illegal } from "./privileged.ts";

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

/** Names of the rounding modes by their number; the dynamic one goes without saying (section 11.2). */
const roundingNames = ["rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", ""];

/** What is appended to an atomic instruction for its bits aq and rl (section 8.1). */
const orderingNames = ["", ".rl", ".aq", ".aqrl"];

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
  shift: ({ imm }) => hexadecimal(imm),
  upper: ({ imm }) => hexadecimal(imm >>> 12),
  csr: ({ bits }) => csrName(bits >>> 20),
  predecessor: ({ bits }) => fenceSet(bits >>> 24),
  successor: ({ bits }) => fenceSet(bits >>> 20),
  target: ({ imm }, address) => hexadecimal(BigInt.asUintN(64, address + BigInt(imm))),
};

/** The instruction in these bits, at this address, as `name operands`; bits that mean nothing as data. */
export function disassemble(word: number, address: bigint): string {
  const decoded = decode(word);
  const { instruction, compressed, length, bits } = decoded;
  if (instruction === illegal) return `.${length}byte ${hexadecimal(bits)}`;
  return compressed ? written(compressed, decoded, address) : disassembleDecoded(decoded, address);
}

/** A decoded instruction; a compressed one as what it stands for. */
export function disassembleDecoded(decoded: Decoded, address: bigint): string {
  const { instruction: { name, match, operands }, bits } = decoded;
  const ordering = (match & 0x7f) === OPCODE.amo ? orderingNames[bits >>> 25 & 3]! : "";
  return written({ name: name + ordering, operands }, decoded, address);
}

function written(
  { name, operands }: { readonly name: string; readonly operands: string },
  decoded: Decoded,
  address: bigint,
): string {
  const text = operands.split(",")
    .map((operand) => operand.replace(/[a-z]+[123]?/g, (part) => parts[part]!(decoded, address)))
    .filter((operand) => operand !== "").join(", ");
  return text === "" ? name : `${name} ${text}`;
}

/** Device input and output, memory reads and writes (section 2.7). */
function fenceSet(bits: number): string {
  return ["i", "o", "r", "w"].filter((_, index) => (bits & 8 >> index) !== 0).join("") || "unknown";
}

function hexadecimal(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
