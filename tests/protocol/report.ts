/** Explorations in words. */
import type { Counterexample, Exploration } from "./explorer.ts";

/** One line on the size of an exploration. */
export function sizeOf<State>(exploration: Exploration<State>): string {
  const { states, moves, depth } = exploration;
  return `${states.toLocaleString("en")} states, ${
    moves.toLocaleString("en")
  } moves, depth ${depth}`;
}

/** A counterexample as a numbered story that ends with the invariant it breaks. */
export function story<State>({ broken, moves }: Counterexample<State>): string {
  const lines = moves.map(({ label }, index) => `${String(index + 1).padStart(4)}. ${label}`);
  return [...lines, `      breaks ${broken}`].join("\n");
}
