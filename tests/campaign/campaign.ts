/**
 * `deno task campaign [COUNT [SEED [FIRST]]]`: kills COUNT primaries (60) at random moments of a session,
 * over every kind of stream in turn, and as many while their backups join. A seed repeats the same
 * choices; FIRST (0) enters at a later trial.
 */
import { drawEarlyTrial, earlyTrialText, runEarlyTrial } from "./early_trial.ts";
import { drawTrial, runTrial, trialText } from "./trial.ts";

const [count = 60, seed = crypto.getRandomValues(new Uint32Array(1))[0]!, first = 0] = Deno.args
  .map(Number);
let uncertain = 0;
let again = 0;
let promoted = 0;
console.log(`${count} trials of seed ${seed}`);
for (let index = first; index < first + count; index++) {
  const trial = drawTrial(seed, index);
  console.log(`${index}: ${trialText(trial)}`);
  const hit = await runTrial(trial);
  if (hit.uncertain > 0) uncertain++;
  if (trial.bus === "blk" && hit.again > 0) again++;
  console.log(`  ${hit.uncertain} uncertain and retried, ${hit.again} performed again, sound`);
  const early = drawEarlyTrial(seed, index);
  console.log(`  ${earlyTrialText(early)}`);
  const outcome = await runEarlyTrial(early);
  if (outcome === "promoted") promoted++;
  console.log(`  ${outcome}, sound`);
}
console.log(`${count} kills survived, ${uncertain} of them with operations uncertain`);
console.log(`${again} of them with operations of virtio-blk performed again`);
console.log(`${count} early kills survived, ${promoted} of them by a backup`);
