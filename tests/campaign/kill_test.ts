/** A sample of the campaign that `deno task campaign` runs at length. */
import { assert } from "@std/assert";
import { drawTrial, runTrial, trialText } from "./trial.ts";

const TRIALS = 14;

Deno.test("kill -9 at random moments leaves a bank that the auditor finds sound", async (test) => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  let uncertain = 0;
  for (let index = 0; index < TRIALS; index++) {
    const trial = drawTrial(seed, index);
    const name = `${trialText(trial)} (deno task campaign 1 ${seed} ${index})`;
    await test.step(name, async () => {
      if ((await runTrial(trial)).uncertain > 0) uncertain++;
    });
  }
  // Otherwise the kills came too early or too late, and would prove nothing.
  assert(uncertain >= TRIALS / 2, `Only ${uncertain} of ${TRIALS} kills left operations uncertain`);
});
