/** Speed and log by the length of an epoch. */
import { lockstepCommand } from "./lockstep_command.ts";
import { epochBytes, logContents } from "./log_contents.ts";
import { type BenchRun, timePhases } from "./phase_lines.ts";
import { median } from "./statistics.ts";
import { printTable } from "./text_table.ts";

const LENGTHS = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
const SCALE = "scale=25";

/** Measures so many rounds of all lengths and prints a table. */
export async function growthOfEpochs(rounds: number, folder: string): Promise<void> {
  const running = new Map<number, number[]>(LENGTHS.map((length) => [length, []]));
  const recording = new Map<number, number[]>(LENGTHS.map((length) => [length, []]));
  const logs = new Map<number, readonly [stepsAnEpoch: string, bytes: string]>();
  for (let round = 0; round < rounds; round++) {
    for (const length of LENGTHS) {
      const log = `${folder}/epochs.log`;
      const guest = ["bench", "--quiet", "--append", SCALE, "--epoch-steps", `${length}`];
      running.get(length)!.push(mips(await timePhases(lockstepCommand("run", ...guest))));
      const recorded = await timePhases(lockstepCommand("record", ...guest, "-o", log));
      recording.get(length)!.push(mips(recorded));
      const contents = await logContents(log);
      const { steps, busy: { epochs } } = contents.figures;
      logs.set(length, [
        (steps / epochs).toFixed(0),
        (1000 * epochBytes(contents) / steps).toFixed(2),
      ]);
      await Deno.remove(log);
    }
  }
  printTable([
    ["longest epoch, steps", "as it came", "run, MIPS", "record, MIPS", "log bytes/1,000 steps"],
    ...LENGTHS.map((length) => {
      const [stepsAnEpoch, bytes] = logs.get(length)!;
      const speeds = [running, recording].map((all) => median(all.get(length)!).toFixed(0));
      return [`${length}`, stepsAnEpoch, ...speeds, bytes];
    }),
  ]);
}

/** Over all phases. */
function mips({ phases }: BenchRun): number {
  let instructions = 0;
  let seconds = 0;
  for (const phase of phases.values()) {
    instructions += phase.instructions!;
    seconds += phase.seconds;
  }
  return instructions / seconds / 1e6;
}
