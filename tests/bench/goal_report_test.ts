import { assertEquals } from "@std/assert";
import { figureFinding, findingLines, ratioFinding, type Round } from "./goal_report.ts";
import type { RatioGoal } from "./goals.ts";

/** A round in which each of these took so many seconds for two phases. */
function round(seconds: Readonly<Record<string, readonly [number, number]>>): Round {
  return new Map(
    Object.entries(seconds).map(([name, [first, second]]) => {
      const phases = new Map([
        ["first", { seconds: first, checksum: "0" }],
        ["second", { seconds: second, checksum: "0" }],
      ]);
      return [name, { phases, seconds: first + second }];
    }),
  );
}

const rounds = [
  round({ ours: [1, 4], theirs: [4, 4] }),
  round({ ours: [10, 40], theirs: [40, 40] }),
  round({ ours: [9, 9], theirs: [1, 1] }),
];
const faster: RatioGoal = {
  ...{ title: "ours", here: "ours", peer: "theirs" },
  wanted: { fasterAtLeast: 2 },
};

Deno.test("a ratio is a geometric mean over phases within a round, and the median of the rounds", () => {
  assertEquals(ratioFinding(faster, rounds), {
    title: "ours",
    found: "2.00 times as fast (0.11 to 2.00)",
    wanted: "at least 2",
    reached: true,
  });
});

Deno.test("phases can be left out, and whole runs be compared", () => {
  const slower = { ...faster, wanted: { slowerAtMost: 0.6 } };
  const found = (goal: RatioGoal) => ratioFinding(goal, rounds)?.found;
  assertEquals(found({ ...slower, without: ["first"] }), "1.00 times the time (1.00 to 9.00)");
  assertEquals(found({ ...slower, whole: true }), "0.63 times the time (0.63 to 9.00)");
  assertEquals(ratioFinding({ ...slower, whole: true }, rounds)?.reached, false);
});

Deno.test("a goal whose peer is not there has no finding", () => {
  assertEquals(ratioFinding({ ...faster, peer: "nobody" }, rounds), undefined);
});

Deno.test("the report names what is reached and what is not", () => {
  const goal = { title: "start", unit: "ms", below: 5 };
  const findings = [figureFinding(goal, [4]), figureFinding(goal, [3, 9, 5])];
  const lines = findingLines(findings).slice(1).map((line) => line.replaceAll(/ +/g, " "));
  assertEquals(lines, [
    "start 4 ms (4 to 4) below 5 reached",
    "start 5 ms (3 to 9) below 5 NOT reached",
  ]);
});
