/** The hart's whole suite once more, on the engine that translates, and does so with whatever is executed twice. */
import { chooseEngine } from "../../lib/cpu/engine.ts";
import { suites } from "./suites.ts";

chooseEngine({ engine: "mixed", hotAt: 1 });

for (const suite of suites) await import(suite);
