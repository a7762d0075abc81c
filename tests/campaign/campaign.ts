/**
 * `deno task campaign [COUNT [SEED [FIRST]]]`: kills COUNT primaries (60) at random moments, over every
 * kind of stream in turn. A seed repeats the same choices; FIRST (0) enters at a later trial.
 */
import { drawTrial, runTrial, trialText } from "./trial.ts";

const [count = 60, seed = crypto.getRandomValues(new Uint32Array(1))[0]!, first = 0] = Deno.args
  .map(Number);
let uncertain = 0;
console.log(`${count} trials of seed ${seed}`);
for (let index = first; index < first + count; index++) {
  const trial = drawTrial(seed, index);
  const began = performance.now();
  const hit = await runTrial(trial);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (hit.uncertain > 0) uncertain++;
  console.log(
    `${index}: ${trialText(trial)}: ${hit.uncertain} uncertain and retried, ` +
      `${hit.again} performed again, sound (${seconds} s)`,
  );
}
console.log(`${count} kills survived, ${uncertain} of them with operations uncertain`);
