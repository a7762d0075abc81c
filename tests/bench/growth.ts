/** How costs grow: with the length of runs and of epochs, the size of RAM, and what the guest does with its devices. */
import { growthOfEpochs } from "./growth_epochs.ts";
import { growthOfIo } from "./growth_io.ts";
import { growthOfRam } from "./growth_ram.ts";
import { growthOfRuns } from "./growth_runs.ts";

const DEFAULT_ROUNDS = 3;

/** Measures and prints tables, of medians where time is measured. */
export async function benchGrowth(rounds = `${DEFAULT_ROUNDS}`): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-bench-" });
  try {
    await growthOfRuns(Number(rounds), folder);
    console.log();
    await growthOfEpochs(Number(rounds), folder);
    console.log();
    await growthOfRam(Number(rounds), folder);
    console.log();
    await growthOfIo(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
