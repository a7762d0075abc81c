/** The shape of an entry of the CSR tables. */
import type { Budget } from "./budget.ts";
import type { Bus } from "./bus.ts";
import { type Field, type HartBlock, legal } from "./hart_block.ts";
import type { Modes } from "./modes.ts";
import type { Pmp } from "./pmp.ts";
import type { Traps } from "./traps.ts";

/** What CSRs are made of. */
export interface CsrSources {
  /** Where most of them are stored. */
  readonly block: HartBlock;
  /** What counters count. */
  readonly budget: Budget;
  /** Who asks. */
  readonly modes: Modes;
  /** What protects memory. */
  readonly pmp: Pmp;
  /** What is pending. */
  readonly traps: Traps;
  /** Where `time` comes from. */
  readonly bus: Bus;
}

/** What a write may change besides the register. */
export type CsrEffect = "interrupts" | "translation" | "protection";

/** One control and status register. Privilege and writability follow from its number (section 2.1). */
export interface Csr {
  /** Bits 9:8 say who may access it, bits 11:10 whether it is read-only. */
  readonly number: number;
  /** Its name in the specification. */
  readonly name: string;
  /** Its value, unsigned. */
  readonly read: (of: CsrSources) => bigint;
  /** Stores what of the value is legal. Absent: writes change nothing, or trap by the number. */
  readonly write?: (of: CsrSources, value: bigint) => void;
  /** What CSRRS and CSRRC modify, where it is not what they read. */
  readonly modify?: (of: CsrSources) => bigint;
  /** Whether the present mode may access it at all, beyond what the number says. */
  readonly permitted?: (of: CsrSources) => boolean;
  /** What a write may change besides. */
  readonly effects?: readonly CsrEffect[];
}

/** A register that is a field of the hart block. */
export function stored(number: number, name: Field, effects: readonly CsrEffect[] = []): Csr {
  return {
    number,
    name,
    read: ({ block }) => block.get(name),
    write: ({ block }, value) => block.set(name, value & legal(name)),
    effects,
  };
}

/** A register that always reads the same and ignores writes. */
export function constant(number: number, name: string, value: bigint): Csr {
  return { number, name, read: () => value };
}
