/** Speed by the length of a run: how long it takes until hot code is translated and optimised. */
import { contestants } from "./contestants.ts";
import { isInstalled, QEMU } from "./installed.ts";
import { timePhases } from "./phase_lines.ts";
import { geometricMean, median } from "./statistics.ts";
import { printTable } from "./text_table.ts";

const SCALES = [3, 10, 30, 100, 300];
const NAMES = ["run", "qemu"];

/** Measures so many rounds of all lengths and prints a table. */
export async function growthOfRuns(rounds: number, folder: string): Promise<void> {
  const hasQemu = await isInstalled(QEMU);
  const present = contestants.filter(({ name, needs }) =>
    NAMES.includes(name) && (needs === undefined || hasQemu)
  );
  /** For each length the instructions of all phases, and a mean speed for each contestant and round. */
  const found = SCALES.map(() => ({ instructions: 0, speeds: new Map<string, number[]>() }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, scale] of SCALES.entries()) {
      const counts = new Map<string, number>();
      for (const { name, command } of present) {
        const { phases } = await timePhases(command(folder, scale));
        // Plain QEMU does not count them; the first contestant does.
        for (const [phase, { instructions }] of phases) {
          if (!counts.has(phase)) counts.set(phase, instructions!);
        }
        const mips = [...phases].map(([phase, { seconds }]) => counts.get(phase)! / seconds / 1e6);
        const { speeds } = found[index]!;
        speeds.set(name, [...speeds.get(name) ?? [], geometricMean(mips)]);
      }
      found[index]!.instructions = [...counts.values()].reduce((sum, count) => sum + count, 0);
    }
  }
  printTable([
    ["M instructions of the run", ...present.map(({ name }) => `${name}, MIPS`)],
    ...found.map(({ instructions, speeds }) => [
      (instructions / 1e6).toFixed(0),
      ...present.map(({ name }) => median(speeds.get(name)!).toFixed(0)),
    ]),
  ]);
}
