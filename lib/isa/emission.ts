/**
 * What an instruction's meaning is written in.
 *
 * Each engine brings its own {@linkcode Emission}: the interpreter's reads registers through decoded
 * records, a translator's keeps them in locals and knows immediates. A meaning is the same for all.
 */
import type { Code } from "../wasm/code.ts";

/** Bytes of a memory access. */
export type Width = 1 | 2 | 4 | 8;

/** The arithmetic of F and D that a routine does: rounded as the mode says, flags raised, NaNs canonical. */
export type FloatRoutine =
  | `${"add" | "multiply" | "divide" | "squareRoot" | "multiplyAdd"}.${"s" | "d"}`
  /** From a 64-bit integer. */
  | `${"fromSigned" | "fromUnsigned"}.${"s" | "d"}`
  /** From a double to an integer, saturating: signed and unsigned, 32 and 64 bits. */
  | `toInteger.${"w" | "wu" | "l" | "lu"}`
  /** From a double to a single. */
  | "narrow.s";

/** What a Zicsr instruction does with the register's old value. */
export type CsrOperation = "write" | "set" | "clear";

/** Instructions whose meaning is the hart's business and not arithmetic. */
export type SystemEvent =
  | "ecall"
  | "ebreak"
  | "mret"
  | "sret"
  | "wfi"
  | "sfence.vma"
  | "illegal";

/**
 * The operands and effects of the instruction being emitted. Values are 64-bit unless said otherwise.
 * Whatever can trap comes before the write to `rd`, so that traps are precise.
 */
export interface Emission {
  /** First source register. */
  readonly rs1: Code;
  /** Second source register. */
  readonly rs2: Code;
  /** First source among the f registers. */
  readonly fs1: Code;
  /** Second source among the f registers. */
  readonly fs2: Code;
  /** Third source among the f registers. */
  readonly fs3: Code;
  /** Immediate, sign-extended; the zero-extended 5 bits of the immediate forms of Zicsr. */
  readonly imm: Code;
  /** Address of this instruction. */
  readonly pc: Code;
  /** Address of the next instruction. */
  readonly link: Code;
  /** Computes a value once, for several uses. */
  keep(value: Code): Code;
  /** Writes the destination register. */
  rd(value: Code): void;
  /** Traps when floating point is off (mstatus.FS): what every instruction of F and D begins with. */
  requireFloat(): void;
  /** The rounding mode (32 bits), that of `frm` when the instruction says so; traps when it is reserved. */
  rounding(): Code;
  /** Computes what a routine does to these values with this rounding mode. */
  float(routine: FloatRoutine, rounding: Code, ...operands: readonly Code[]): Code;
  /** Sets these bits (32) of `fflags`. */
  raise(flags: Code): void;
  /** Writes the destination among the f registers. */
  fd(value: Code): void;
  /** The value in memory, extended from `width` bytes; to be used once. */
  load(address: Code, width: Width, extend: "signed" | "unsigned"): Code;
  /** Writes the low `width` bytes of a value to memory. */
  store(address: Code, width: Width, value: Code): void;
  /** Goes to `pc + imm` when the 32-bit condition is not zero. */
  branch(condition: Code): void;
  /** Goes to `pc + imm`. */
  jump(): void;
  /** Goes to an address in a register, bit 0 already clear. */
  jumpTo(target: Code): void;
  /** Replaces the value at `rs1` by a function of it and `rs2`, both sign-extended; answers the old. */
  atomic(width: 4 | 8, combine: (old: Code, operand: Code) => Code): Code;
  /** Loads the value at `rs1` and reserves its address. */
  loadReserved(width: 4 | 8): Code;
  /** Stores `rs2` at `rs1` if the reservation holds: answers 0, or 1 when it does not. */
  storeConditional(width: 4 | 8): Code;
  /** Reads and changes the CSR that the instruction names: answers the old value. */
  csr(operation: CsrOperation, operand: Code): Code;
  /** Traps, returns from a trap, or waits. */
  system(event: SystemEvent): void;
}
