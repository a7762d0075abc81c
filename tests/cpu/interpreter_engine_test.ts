/** The hart's whole suite once more, on the engine that translates nothing. */
import { chooseEngine } from "../../lib/cpu/engine.ts";
import { suites } from "./suites.ts";

chooseEngine({ engine: "interpreter" });

for (const suite of suites) await import(suite);
