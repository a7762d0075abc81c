import { assertEquals, assertThrows } from "@std/assert";
import { ExplorationTooLarge, explore, type Model } from "./explorer.ts";

/** Two counters modulo `size`, each stepped by one. */
function counters(size: number, broken: (state: number[]) => string | undefined): Model<number[]> {
  return {
    initial: [0, 0],
    key: String,
    broken,
    moves: ([x, y]) => [
      { label: "x", next: [(x! + 1) % size, y!] },
      { label: "y", next: [x!, (y! + 1) % size] },
    ],
  };
}

Deno.test("an exploration visits every reachable state once", () => {
  const exploration = explore(counters(5, () => undefined));
  assertEquals(exploration, { states: 25, moves: 50, depth: 8 });
});

Deno.test("an exploration finds a shortest trace to a broken invariant", () => {
  const { counterexample } = explore(
    counters(5, ([x, y]) => x === 2 && y === 1 ? "x is 2 and y is 1" : undefined),
  );
  assertEquals(counterexample?.broken, "x is 2 and y is 1");
  assertEquals(counterexample?.moves.map(({ label }) => label).sort(), ["x", "x", "y"]);
  assertEquals(counterexample?.moves.at(-1)?.next, [2, 1]);
});

Deno.test("an exploration finds an initial state broken", () => {
  assertEquals(explore(counters(5, () => "always")).counterexample, {
    broken: "always",
    moves: [],
  });
});

Deno.test("an exploration refuses to grow beyond its limit", () => {
  assertThrows(() => explore(counters(5, () => undefined), 10), ExplorationTooLarge);
});
