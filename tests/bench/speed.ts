/**
 * How fast the guest `bench` runs here, on QEMU and natively, in the same minutes on the same machine.
 *
 * The contestants take turns within each round, so that what else the machine does hits all alike.
 */
import { type Contestant, contestants } from "./contestants.ts";
import { type Footprint, footprint } from "./footprint.ts";
import { figureFinding, type Finding, findingLines, ratioFinding } from "./goal_report.ts";
import { figureGoals, ratioGoals } from "./goals.ts";
import { isInstalled } from "./installed.ts";
import { buildNative, GCC } from "./native.ts";
import { type BenchRun, timePhases } from "./phase_lines.ts";
import { geometricMean, median } from "./statistics.ts";

/** The run of each contestant. */
type BenchRound = ReadonlyMap<string, BenchRun>;

/** Measures so many rounds, in which the guest does so many percent of its work, and prints tables. */
export async function benchSpeed(rounds: number, scale: number): Promise<void> {
  const present: Contestant[] = [];
  for (const contestant of contestants) {
    const { name, needs } = contestant;
    if (needs === undefined || await isInstalled(needs)) present.push(contestant);
    else console.log(`${name}: left out, ${needs} is not installed`);
  }
  const folder = await Deno.makeTempDir({ prefix: "lockstep-bench-" });
  try {
    if (await isInstalled(GCC)) await buildNative(folder);
    const found: BenchRound[] = [];
    const footprints: Footprint[] = [];
    for (let round = 0; round < rounds; round++) {
      console.error(`round ${round + 1} of ${rounds}`);
      await inFolder(`${folder}/round`, async (path) => {
        found.push(await runAll(present, path, scale));
        footprints.push(await footprint(path));
      });
    }
    console.log(`guest bench at scale ${scale}; medians of ${rounds} rounds`);
    for (const line of speedLines(present, found)) console.log(line);
    console.log();
    const ratios = ratioGoals.map((goal) => ratioFinding(goal, found));
    const figures = figureGoals.map((goal) =>
      figureFinding(goal, footprints.map((one) => one[goal.figure]))
    );
    const all = [...ratios, ...figures].filter((one): one is Finding => one !== undefined);
    for (const line of findingLines(all)) console.log(line);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runAll(
  present: readonly Contestant[],
  folder: string,
  scale: number,
): Promise<BenchRound> {
  const round = new Map<string, BenchRun>();
  for (const { name, command } of present) {
    const run = await timePhases(command(folder, scale));
    const [expected = run] = round.values();
    for (const [phase, { checksum }] of expected.phases) {
      const other = run.phases.get(phase)?.checksum;
      if (other === checksum) continue;
      throw new Error(`${phase} has checksum ${other} by ${name}, ${checksum} by others`);
    }
    round.set(name, run);
  }
  return round;
}

/** Million guest instructions per second, whoever does their work, and seconds: medians over the rounds. */
function speedLines(
  present: readonly Contestant[],
  rounds: readonly BenchRound[],
): readonly string[] {
  const counted = rounds[0]!.get("run")!.phases;
  const phases = [...counted.keys()];
  const speed = (name: string, phase: string) =>
    counted.get(phase)!.instructions! / 1e6 /
    median(rounds.map((round) => round.get(name)!.phases.get(phase)!.seconds));
  const row = (first: string, cell: (contestant: Contestant) => string) =>
    first.padEnd(18) + present.map((contestant) => cell(contestant).padStart(13)).join("");
  const ofPhases = (first: string, value: (name: string) => number) =>
    row(first, ({ name, printsAtEnd }) => printsAtEnd ? "" : value(name).toFixed(0));
  return [
    row("MIPS", ({ name }) => name),
    ...phases.map((phase) => ofPhases(phase, (name) => speed(name, phase))),
    ofPhases(
      "geometric mean",
      (name) => geometricMean(phases.map((phase) => speed(name, phase))),
    ),
    row(
      "whole run, s",
      ({ name }) => median(rounds.map((round) => round.get(name)!.seconds)).toFixed(2),
    ),
  ];
}

async function inFolder(path: string, body: (path: string) => Promise<void>): Promise<void> {
  await Deno.mkdir(path);
  await Deno.writeFile(`${path}/arbiter`, new Uint8Array(0));
  await body(path);
  await Deno.remove(path, { recursive: true });
}
