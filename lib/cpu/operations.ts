/** The operations of the interpreter: instructions in the variants that decoded records tell apart. */
import { compressed } from "../isa/compressed.ts";
import { instructions } from "../isa/decoder.ts";
import type { Instruction } from "../isa/instruction.ts";
import { illegal } from "../isa/privileged.ts";

/** A handler of the interpreter. */
export interface Operation {
  readonly instruction: Instruction;
  /** Bytes of the instruction, which is how far the record pointer moves on. */
  readonly length: 2 | 4;
  /** The target of a branch or jump lies in the same page; the immediate is the way in records. */
  readonly near: boolean;
}

/** Operations that are not instructions and cost no step. */
export const PSEUDO = {
  /** This halfword has not been decoded yet: a cleared record. */
  undecoded: 0,
  /** The page ends here. */
  pageEnd: 1,
  /** A 32-bit instruction starts in the last halfword of the page. */
  crossing: 2,
} as const;

/** Number of the first operation that is an instruction. */
export const FIRST_OPERATION = 3;

/** Whether an instruction may go to an address relative to its own. */
export function isRelative(instruction: Instruction): boolean {
  return instruction.format === "B" || instruction.format === "J";
}

const halfLength = new Set([illegal.name, ...compressed.map(({ base }) => base)]);

/** All operations; the number of one is its index plus {@linkcode FIRST_OPERATION}. */
export const operations: readonly Operation[] = [...instructions, illegal].flatMap(
  (instruction) => {
    const lengths: (2 | 4)[] = halfLength.has(instruction.name) ? [4, 2] : [4];
    const nearness = isRelative(instruction) ? [false, true] : [false];
    return lengths.flatMap((length) => nearness.map((near) => ({ instruction, length, near })));
  },
);

const numbers = new Map<Instruction, Map<number, number>>();
const variant = (length: 2 | 4, near: boolean) => length + (near ? 1 : 0);
operations.forEach(({ instruction, length, near }, index) => {
  const variants = numbers.get(instruction) ?? new Map<number, number>();
  variants.set(variant(length, near), index + FIRST_OPERATION);
  numbers.set(instruction, variants);
});

/** The number of an operation. */
export function operationNumber(instruction: Instruction, length: 2 | 4, near: boolean): number {
  return numbers.get(instruction)!.get(variant(length, near))!;
}
