/** A guess where the loops of a region are, and so what is executed most: for what concerns speed only. */
import type { Placed } from "../record.ts";
import { after, endingOf, type Region, targetOf } from "./region.ts";

/** The instructions of a region, by address. */
export function codeOf({ blocks }: Region): Placed[] {
  return [...blocks.values()].flatMap(({ instructions }) => instructions)
    .toSorted((a, b) => a.pageOffset - b.pageOffset);
}

/** Instructions of a loop, by address. */
export type Loop = readonly Placed[];

/** What lies between a branch backwards and its target, the shortest first, which likely are the innermost. */
export function loopsOf(code: readonly Placed[]): Loop[] {
  const ends = new Map<number, number>();
  for (const placed of code) {
    const ending = endingOf(placed);
    const isBranch = ending === "branches" || (ending === "jumps" && placed.decoded.rd === 0);
    if (!isBranch || targetOf(placed) > placed.pageOffset) continue;
    ends.set(targetOf(placed), Math.max(ends.get(targetOf(placed)) ?? 0, after(placed)));
  }
  return Array.from(
    ends,
    ([start, end]) => code.filter(({ pageOffset }) => pageOffset >= start && pageOffset < end),
  ).toSorted((a, b) => a.length - b.length);
}
