/**
 * Which accesses likely stay in one page for a while: each has an entry of a micro-TLB, which it looks at first. The
 * others look into the TLB. That is a guess about speed and nothing else.
 */
import { type Instruction, majorOpcode, OPCODE } from "../../isa/instruction.ts";
import { MICRO_TLB_ENTRIES } from "../layout.ts";
import type { Placed } from "../record.ts";
import { type Loop, loopsOf } from "./loops.ts";

/** Bytes from one access to the next from which on the page changes too often. */
const LONG_STRIDE = 512;
/** How many instructions are looked at to know where a base comes from. */
const MOST_ORIGINS = 8;
/** Bases that hardly change anywhere: stack, global and thread pointer. All regions share their entries. */
const FIXED_BASES: readonly number[] = [2, 3, 4];
/** Entry 0 stands for none. Then come those of fixed bases. */
const FIRST_FIXED = 1;
const FIRST_OTHER = FIRST_FIXED + FIXED_BASES.length;

/** For accesses of a region that have one, the number of their entry of the micro-TLB of loads, or of stores. */
export function microEntries(code: readonly Placed[]): ReadonlyMap<Placed, number> {
  const entries = new Map<Placed, number>();
  const byKey = new Map<string, number>();
  // Regions begin at different entries, so that those of neighbours seldom are the same.
  let next = code[0]!.pageOffset;
  const settled = new Set<Placed>();
  for (const loop of loopsOf(code)) {
    loop.forEach((placed, index) => {
      // The innermost loop decides.
      if (settled.has(placed)) return;
      settled.add(placed);
      const key = steadyKey(loop, index);
      if (key === undefined) return;
      const entry = byKey.get(key) ??
        FIRST_OTHER + next++ % (MICRO_TLB_ENTRIES - FIRST_OTHER);
      byKey.set(key, entry);
      entries.set(placed, entry);
    });
  }
  for (const placed of code) {
    const fixed = FIXED_BASES.indexOf(placed.decoded.rs1);
    if (fixed >= 0 && kindOf(placed) !== undefined) entries.set(placed, FIRST_FIXED + fixed);
  }
  return entries;
}

const LOAD = 0, STORE = 1;
const kinds: ReadonlyMap<number, typeof LOAD | typeof STORE> = new Map([
  [OPCODE.load, LOAD],
  [OPCODE.loadFloat, LOAD],
  [OPCODE.store, STORE],
  [OPCODE.storeFloat, STORE],
]);

function kindOf({ decoded }: Placed): typeof LOAD | typeof STORE | undefined {
  return kinds.get(majorOpcode(decoded.instruction));
}

/** What accesses have in common that share an entry; undefined for one that is no access, or gets none. */
function steadyKey(loop: Loop, index: number): string | undefined {
  const placed = loop[index]!;
  const kind = kindOf(placed);
  const { rs1 } = placed.decoded;
  if (kind === undefined || !isSteady(loop, index, rs1)) return undefined;
  const [origin] = originsOf(loop, index, rs1);
  const isSame = origin === undefined || originsOf(loop, origin, rs1).includes(origin);
  return `${kind} ${rs1} ${isSame ? "" : loop[origin]!.pageOffset}`;
}

/** Where in a loop is written what a register holds before an instruction: just before, or the last time round. */
function originsOf(loop: Loop, index: number, register: number): number[] {
  for (let before = index - 1; before >= 0; before--) {
    if (writes(loop[before]!, register)) return [before];
  }
  return loop.flatMap((placed, origin) => writes(placed, register) ? [origin] : []);
}

/** Whether it is made, by adding and shifting, from what the loop does not change. */
function isSteady(
  loop: Loop,
  index: number,
  register: number,
  seen = new Set<number>(),
): boolean {
  return originsOf(loop, index, register).every((origin) => {
    // Once round.
    if (seen.has(origin)) return !isLongStep(loop[origin]!);
    if (seen.size === MOST_ORIGINS) return false;
    seen.add(origin);
    const { instruction, rs1, rs2 } = loop[origin]!.decoded;
    return steadySources(instruction, rs1, rs2)
      ?.every((source) => isSteady(loop, origin, source, seen)) ?? false;
  });
}

/** Registers from which an instruction makes an address that is as steady as they are. */
function steadySources({ name }: Instruction, rs1: number, rs2: number): number[] | undefined {
  switch (name) {
    case "lui":
    case "auipc":
      return [];
    case "addi":
    case "addiw":
    case "slli":
    case "srli":
      return [rs1];
    case "add":
    case "addw":
    case "sub":
    case "subw":
      return [rs1, rs2];
    default:
      return undefined;
  }
}

function isLongStep({ decoded: { instruction, imm } }: Placed): boolean {
  return instruction.name === "addi" && Math.abs(imm) >= LONG_STRIDE;
}

function writes({ decoded: { instruction, rd } }: Placed, register: number): boolean {
  return rd === register && rd !== 0 && instruction.operands.startsWith("rd");
}
