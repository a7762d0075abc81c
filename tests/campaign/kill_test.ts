/** A sample of the campaign that `deno task campaign` runs at length. */
import { assert } from "@std/assert";
import { drawEarlyTrial, earlyTrialText, runEarlyTrial } from "./early_trial.ts";
import { drawTrial, runTrial, trialText } from "./trial.ts";

const TRIALS = 12;
const EARLY_TRIALS = 4;

/** A name says how to repeat the trial. */
function repeated(text: string, seed: number, index: number): string {
  return `${text} (deno task campaign 1 ${seed} ${index})`;
}

Deno.test("kill -9 at random moments leaves a bank that the auditor finds sound", async (test) => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  let hit = 0;
  for (let index = 0; index < TRIALS; index++) {
    const trial = drawTrial(seed, index);
    await test.step(repeated(trialText(trial), seed, index), async () => {
      const { uncertain, again } = await runTrial(trial);
      if ((trial.bus === "blk" ? again : uncertain) > 0) hit++;
    });
  }
  // Otherwise the kills came too early or too late, and would prove nothing.
  assert(hit >= TRIALS / 2, `Only ${hit} of ${TRIALS} kills left operations of unknown fate`);
});

Deno.test("kill -9 while a backup joins leaves one machine that goes on, or none", async (test) => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  for (let index = 0; index < EARLY_TRIALS; index++) {
    const trial = drawEarlyTrial(seed, index);
    await test.step(repeated(earlyTrialText(trial), seed, index), async () => {
      await runEarlyTrial(trial);
    });
  }
});
