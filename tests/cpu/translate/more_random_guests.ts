/** `deno task engines [COUNT [FIRST]]`: random guests on both engines, one for each seed. */
import { compareEngines } from "./random_guest_comparison.ts";

const [count = 1_000, first = 1] = Deno.args.map(Number);
let failures = 0;
for (let seed = first; seed < first + count; seed++) {
  try {
    compareEngines(seed);
  } catch (error) {
    failures++;
    console.error(`Seed ${seed}: ${error}`);
  }
}
console.log(`${count} guests, ${failures} of which differ`);
if (failures > 0) Deno.exit(1);
