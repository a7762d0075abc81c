/** A guess where the loops of a region are, and so what is executed most: for what concerns speed only. */
import type { Placed } from "../record.ts";
import { endingOf, type Region, targetOf } from "./region.ts";

/** The instructions of a region, by address. */
export function codeOf({ blocks }: Region): Placed[] {
  return [...blocks.values()].flatMap(({ instructions }) => instructions)
    .toSorted((a, b) => a.pageOffset - b.pageOffset);
}

/** Instructions of a loop, by address. */
export type Loop = readonly Placed[];

/** What lies between a branch backwards and its target, the shortest first, which likely are the innermost. */
export function loopsOf(code: readonly Placed[]): Loop[] {
  return rangesOf(code).map(({ start, end }) => code.slice(start, end))
    .toSorted((a, b) => a.length - b.length);
}

/** For each instruction in how many loops it is. */
export function loopDepths(code: readonly Placed[]): readonly number[] {
  const depths = code.map(() => 0);
  for (const { start, end } of rangesOf(code)) {
    for (let index = start; index < end; index++) depths[index]!++;
  }
  return depths;
}

/** Where in the code loops begin and end. */
function rangesOf(code: readonly Placed[]): { readonly start: number; readonly end: number }[] {
  const places = new Map(code.map(({ pageOffset }, index) => [pageOffset, index]));
  const ends = new Map<number, number>();
  code.forEach((placed, index) => {
    const ending = endingOf(placed);
    const isBranch = ending === "branches" || (ending === "jumps" && placed.decoded.rd === 0);
    const start = isBranch ? places.get(targetOf(placed)) : undefined;
    if (start !== undefined && start <= index) ends.set(start, index + 1);
  });
  return Array.from(ends, ([start, end]) => ({ start, end }));
}
