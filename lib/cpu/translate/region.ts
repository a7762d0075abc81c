/**
 * First pass, finding a region: the blocks of code that belong together, from a hot instruction on.
 *
 * A region lies in one page. It follows both ways of a branch, enters functions of the page that are called and
 * goes on after calls. Where it ends, another region goes on or, if there is none, the interpreter; since the way
 * from region to region is short, code that goes from page to page needs no regions of several pages.
 */
import { instructions } from "../../isa/decoder.ts";
import { type Instruction, majorOpcode, OPCODE } from "../../isa/instruction.ts";
import { PAGE_BYTES } from "../layout.ts";
import type { Placed } from "../record.ts";

/** Most instructions of a region: V8's optimising compiler takes more than linear time. */
const MOST_INSTRUCTIONS = 200;
/** Most instructions of a block, so that short budgets are used up well. */
const MOST_IN_BLOCK = 64;

/** Instructions in a row, entered at the first one only. */
export interface Block {
  /** Where in its page it begins. */
  readonly start: number;
  /** At least one. */
  readonly instructions: readonly Placed[];
  /** Where in its page the instruction after the last one begins. */
  readonly end: number;
}

/** A region. */
export interface Region {
  /** Where in its page the hot instruction is. */
  readonly head: number;
  /** Blocks by where they begin, the head's first. */
  readonly blocks: ReadonlyMap<number, Block>;
  /** Where it can be entered: at the head, and where calls return to. */
  readonly entries: readonly number[];
}

/** How a block ends. */
export type Ending = "falls" | "branches" | "jumps" | "jumpsTo";

/**
 * CSR and privileged instructions are left to the interpreter: they may change what the hart is allowed to do, or
 * what memory means.
 */
const translatable: ReadonlySet<Instruction> = new Set(
  instructions.filter((instruction) => majorOpcode(instruction) !== OPCODE.system),
);

/** Whether an instruction can be part of a region. */
export function isTranslatable({ decoded }: Placed): boolean {
  return translatable.has(decoded.instruction);
}

/** How the block ends whose last instruction this is. */
export function endingOf({ decoded: { instruction } }: Placed): Ending {
  if (instruction.format === "B") return "branches";
  if (instruction.format === "J") return "jumps";
  return instruction.name === "jalr" ? "jumpsTo" : "falls";
}

/** Where in the page a branch or jump goes to; may lie outside. */
export function targetOf({ pageOffset, decoded }: Placed): number {
  return pageOffset + decoded.imm;
}

/** The offset after an instruction. */
export function after({ pageOffset, decoded }: Placed): number {
  return pageOffset + decoded.length;
}

/** Finds the region of the instruction at `head`; undefined when that is left to the interpreter. */
export function findRegion(
  head: number,
  instructionAt: (pageOffset: number) => Placed | undefined,
): Region | undefined {
  const { reached, leaders, returns } = explore(head, instructionAt);
  if (!reached.has(head)) return undefined;
  const blocks = new Map<number, Block>();
  for (const start of leaders) {
    const block = blockAt(start, reached, leaders);
    if (block !== undefined) blocks.set(start, block);
  }
  const entries = [head, ...returns].filter((start) => blocks.has(start));
  return { head, blocks: split(blocks), entries: [...new Set(entries)] };
}

/** Walks along the code, nearest code first, until there is enough of it. */
function explore(head: number, instructionAt: (pageOffset: number) => Placed | undefined) {
  const reached = new Map<number, Placed>();
  const leaders = new Set([head]);
  const returns = new Set<number>();
  const waiting = [head];
  const lead = (offset: number) => {
    if (offset < 0 || offset >= PAGE_BYTES || leaders.has(offset)) return;
    leaders.add(offset);
    waiting.push(offset);
  };
  for (let start = waiting.shift(); start !== undefined; start = waiting.shift()) {
    let offset = start;
    while (!reached.has(offset) && reached.size < MOST_INSTRUCTIONS) {
      const placed = instructionAt(offset);
      if (placed === undefined || !isTranslatable(placed)) break;
      reached.set(offset, placed);
      offset = after(placed);
      const ending = endingOf(placed);
      if (ending === "falls") continue;
      if (ending !== "jumpsTo") lead(targetOf(placed));
      const calls = ending !== "branches" && placed.decoded.rd !== 0;
      if (calls && offset < PAGE_BYTES) returns.add(offset);
      if (ending === "branches" || calls) lead(offset);
      break;
    }
    // Ways into the middle of instructions may meet: what they share belongs to neither.
    if (reached.has(offset)) leaders.add(offset);
  }
  return { reached, leaders, returns };
}

function blockAt(
  start: number,
  reached: ReadonlyMap<number, Placed>,
  leaders: ReadonlySet<number>,
): Block | undefined {
  const instructions: Placed[] = [];
  let offset = start;
  for (
    let placed = reached.get(start);
    placed !== undefined && (offset === start || !leaders.has(offset));
    placed = reached.get(offset)
  ) {
    instructions.push(placed);
    offset = after(placed);
    if (endingOf(placed) !== "falls") break;
  }
  return instructions.length === 0 ? undefined : { start, instructions, end: offset };
}

/** Splits blocks that are too long. */
function split(blocks: ReadonlyMap<number, Block>): ReadonlyMap<number, Block> {
  const pieces = new Map<number, Block>();
  for (const { instructions, end } of blocks.values()) {
    for (let at = 0; at < instructions.length; at += MOST_IN_BLOCK) {
      const piece = instructions.slice(at, at + MOST_IN_BLOCK);
      const start = piece[0]!.pageOffset;
      pieces.set(start, {
        start,
        instructions: piece,
        end: instructions[at + MOST_IN_BLOCK]?.pageOffset ?? end,
      });
    }
  }
  return pieces;
}
