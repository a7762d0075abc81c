/**
 * `deno task campaign-linux [COUNT [SEED [FIRST]]]`: kills COUNT primaries (30) that run Debian's Linux at
 * random moments while it writes to ext4. A seed repeats the same choices; FIRST (0) enters at a later
 * trial.
 */
import { drawLinuxTrial, linuxTrialText, runLinuxTrial } from "../linux/failover_trial.ts";

const [count = 30, seed = crypto.getRandomValues(new Uint32Array(1))[0]!, first = 0] = Deno.args
  .map(Number);
let uncertain = 0;
let again = 0;
console.log(`${count} trials of seed ${seed}`);
for (let index = first; index < first + count; index++) {
  const trial = drawLinuxTrial(seed, index);
  console.log(`${index}: ${linuxTrialText(trial)}`);
  const hit = await runLinuxTrial(trial);
  if (hit.uncertain > 0) uncertain++;
  if (hit.again > 0) again++;
  console.log(`  ${hit.uncertain} uncertain and retried, ${hit.again} performed again, sound`);
}
console.log(
  `${count} kills survived, ${uncertain} with operations uncertain, ${again} with some performed again`,
);
