/** The hart's whole suite once more, on the engine that translates whatever is executed twice. */
import { chooseEngine } from "../../lib/cpu/engine.ts";

chooseEngine({ engine: "mixed", hotAt: 1 });

const suites = [
  "code",
  "float",
  "paging",
  "pmp",
  "pmp_random",
  "running",
  "sequences",
  "traps",
  "triggers",
];
for (const suite of suites) await import(`./${suite}_test.ts`);
