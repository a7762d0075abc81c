/**
 * The protocol of design section 6, exhausted within bounds: it keeps its invariants with all rules, and
 * breaks one, with a trace to read, when any rule is left out.
 */
import { assert, assertEquals } from "@std/assert";
import { type Exploration, explore } from "./explorer.ts";
import { type Configuration, configurations } from "./configurations.ts";
import * as leftOut from "./left_out.ts";
import { protocolModel } from "./model.ts";
import { allRules, type RuleSet } from "./rule_set.ts";
import { report } from "./report.ts";
import type { World } from "./world.ts";

function run(configuration: Configuration, rules: RuleSet): Exploration<World> {
  const { start, bounds, slowAcknowledgements } = configuration;
  return explore(protocolModel(start, bounds, rules, slowAcknowledgements));
}

for (const configuration of configurations) {
  Deno.test(`the protocol keeps its invariants: ${configuration.name}`, () => {
    const result = run(configuration, allRules);
    console.log(report(configuration.name, result));
    assertEquals(result.counterexample?.broken, undefined);
    assert(result.states > 1_000, "The model hardly moves");
  });
}

const event = { records: 2, kills: 2, cuts: 1, joins: 1, failedWrites: 1 };

/** A rule left out, and the invariant that a shortest counterexample breaks. */
const omissions: { test: string; breaks: string; ways: { [how: string]: RuleSet } }[] = [
  {
    test: "the lock",
    breaks: "5",
    ways: { "nobody asks for the lock": leftOut.withoutLock },
  },
];
void event;
void omissions;
