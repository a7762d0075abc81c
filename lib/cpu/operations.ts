/** The operations of the interpreter: instructions and sequences of them, in the variants that records name. */
import { compressed } from "../isa/compressed.ts";
import { instructions } from "../isa/decoder.ts";
import type { Instruction } from "../isa/instruction.ts";
import { illegal } from "../isa/privileged.ts";
import { type Forward, LONGEST_SEQUENCE, sequences } from "./idioms.ts";

/** An instruction as a handler of the interpreter executes it. */
export interface Part {
  /** What it does. */
  readonly instruction: Instruction;
  /** Bytes of the instruction, which is how far the record pointer moves on. */
  readonly length: 2 | 4;
  /** The target of a branch or jump lies in the same page; the immediate is the way in records. */
  readonly near: boolean;
}

/** What one handler executes: an instruction, or several in a row. */
export interface Operation {
  /** In order; each is a step. */
  readonly parts: readonly Part[];
  /** For each part after the first, which of its operands is the result of the one before. */
  readonly forwards: readonly Forward[];
}

/** Operations that are not instructions and cost no step. */
export const PSEUDO = {
  /** This halfword has not been decoded yet: a cleared record. */
  undecoded: 0,
  /** The page ends here. */
  pageEnd: 1,
  /** A 32-bit instruction starts in the last halfword of the page. */
  crossing: 2,
  /** A debugger waits for the instruction here. */
  trigger: 3,
  /** A translated region can be entered here. */
  region: 4,
} as const;

/** Number of the first operation that is an instruction. */
export const FIRST_OPERATION = 5;

/** Most bytes of code that one operation can be made of. */
export const LONGEST_OPERATION_BYTES: number = 4 * LONGEST_SEQUENCE;

/** Whether an instruction may go to an address relative to its own. */
export function isRelative(instruction: Instruction): boolean {
  return instruction.format === "B" || instruction.format === "J";
}

const halfLength = new Set([illegal.name, ...compressed.map(({ base }) => base)]);

const singles: readonly Part[] = [...instructions, illegal].flatMap((instruction) => {
  const lengths: (2 | 4)[] = halfLength.has(instruction.name) ? [4, 2] : [4];
  const nearness = isRelative(instruction) ? [false, true] : [false];
  return lengths.flatMap((length) => nearness.map((near) => ({ instruction, length, near })));
});

/** Variants of an instruction that take part in sequences. */
function variants(name: string): readonly Part[] {
  return singles.filter((part) =>
    part.instruction.name === name && (part.near || !isRelative(part.instruction))
  );
}

/** All operations; the number of one is its index plus {@linkcode FIRST_OPERATION}. */
export const operations: readonly Operation[] = [
  ...singles.map((part): Operation => ({ parts: [part], forwards: [] })),
  ...sequences.flatMap(({ names, forwards }) =>
    names.map(variants).reduce<Part[][]>(
      (starts, parts) => starts.flatMap((start) => parts.map((part) => [...start, part])),
      [[]],
    ).map((parts): Operation => ({ parts, forwards }))
  ),
];

/** What may follow a sequence of parts. */
class Node {
  /** The number of the operation that ends here, if one does. */
  number: number | undefined;
  readonly next = new Map<number, Node>();
}

const instructionNumber: ReadonlyMap<Instruction, number> = new Map(
  [...instructions, illegal].map((instruction, index) => [instruction, index]),
);
const forwardNumber: Readonly<Record<Forward, number>> = { none: 0, rs1: 1, rs2: 2 };

/** A number for each part with what it uses. Decoding looks for many of them. */
function stepKey({ instruction, length, near }: Part, forward: Forward): number {
  const variant = (length === 2 ? 1 : 0) | (near ? 2 : 0) | forwardNumber[forward] << 2;
  return instructionNumber.get(instruction)! << 4 | variant;
}

const root = new Node();
operations.forEach(({ parts, forwards }, index) => {
  let node = root;
  parts.forEach((part, position) => {
    const key = stepKey(part, forwards[position - 1] ?? "none");
    const next = node.next.get(key) ?? new Node();
    node.next.set(key, next);
    node = next;
  });
  node.number = index + FIRST_OPERATION;
});

/** Finds the longest operation that a row of instructions starts with. */
export class OperationSearch {
  #node = root;
  /** The number of the longest operation so far. */
  number = 0;
  /** Its instructions. */
  length = 0;
  #parts = 0;

  /** Takes the next instruction into account; answers whether more could help. */
  add(part: Part, forward: Forward): boolean {
    const node = this.#node.next.get(stepKey(part, forward));
    if (node === undefined) return false;
    this.#node = node;
    this.#parts++;
    if (node.number !== undefined) {
      this.number = node.number;
      this.length = this.#parts;
    }
    return node.next.size > 0;
  }
}
