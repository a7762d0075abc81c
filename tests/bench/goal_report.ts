/** Which goals are reached, from the rounds' measurements. */
import type { FigureGoal, RatioGoal } from "./goals.ts";
import { geometricMean, median } from "./statistics.ts";

/** How long a contestant took, in all and for each phase. */
export interface TimedRun {
  readonly phases: ReadonlyMap<string, { readonly seconds: number }>;
  readonly seconds: number;
}

/** A round: the run of each contestant. */
export type Round = ReadonlyMap<string, TimedRun>;

/** A goal and what was found. */
export interface Finding {
  readonly title: string;
  /** In the middle of the rounds, and from the least to the largest. */
  readonly found: string;
  readonly wanted: string;
  readonly reached: boolean;
}

/**
 * Compares two contestants. A ratio is taken within each round, whose runs have had the same neighbours, and then the
 * median over the rounds. Undefined when one of them has not run.
 */
export function ratioFinding(goal: RatioGoal, rounds: readonly Round[]): Finding | undefined {
  const { here, peer, wanted, without = [], whole = false } = goal;
  const slowness: number[] = [];
  for (const round of rounds) {
    const [ours, theirs] = [round.get(here), round.get(peer)];
    if (ours === undefined || theirs === undefined) return undefined;
    const phases = [...ours.phases.keys()].filter((phase) => !without.includes(phase));
    const ratios = phases.map((phase) =>
      ours.phases.get(phase)!.seconds / theirs.phases.get(phase)!.seconds
    );
    slowness.push(whole ? ours.seconds / theirs.seconds : geometricMean(ratios));
  }
  const isFaster = "fasterAtLeast" in wanted;
  const ratios = isFaster ? slowness.map((ratio) => 1 / ratio) : slowness;
  const found = median(ratios);
  return {
    title: goal.title,
    found: `${found.toFixed(2)} times ${isFaster ? "as fast" : "the time"} ${range(ratios, 2)}`,
    wanted: isFaster ? `at least ${wanted.fasterAtLeast}` : `at most ${wanted.slowerAtMost}`,
    reached: isFaster ? found >= wanted.fasterAtLeast : found <= wanted.slowerAtMost,
  };
}

/** Compares a figure with what it is to be. */
export function figureFinding(
  goal: Pick<FigureGoal, "title" | "unit" | "below">,
  values: readonly number[],
): Finding {
  const found = median(values);
  return {
    title: goal.title,
    found: `${found.toFixed(0)} ${goal.unit} ${range(values, 0)}`,
    wanted: `below ${goal.below}`,
    reached: found < goal.below,
  };
}

/** Lines of a table. */
export function findingLines(findings: readonly Finding[]): readonly string[] {
  const row = (title: string, found: string, wanted: string, reached: string) =>
    `${title.padEnd(44)}${found.padEnd(40)}${wanted.padEnd(14)}${reached}`.trimEnd();
  return [
    row("median of the rounds (least to largest)", "found", "goal", ""),
    ...findings.map(({ title, found, wanted, reached }) =>
      row(title, found, wanted, reached ? "reached" : "NOT reached")
    ),
  ];
}

function range(values: readonly number[], digits: number): string {
  return `(${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`;
}
