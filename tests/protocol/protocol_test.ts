/**
 * The protocol of design section 6, exhausted within bounds: with all rules it keeps its invariants, and
 * with any one left out it breaks one, by a trace that can be read.
 */
import { assert, assertEquals } from "@std/assert";
import { configurations } from "./configurations.ts";
import { type Exploration, explore } from "./explorer.ts";
import { protocolModel } from "./model.ts";
import { omissions } from "./omissions.ts";
import { sizeOf, story } from "./report.ts";
import { type Bounds, recordsOf, slots, type World } from "./world.ts";

for (const { name, start, bounds, slowAcknowledgements } of configurations) {
  Deno.test(`the protocol keeps invariants 4 to 6 and promotes: ${name}`, () => {
    const exploration = explore(
      protocolModel(start, bounds, undefined, slowAcknowledgements),
    );
    console.log(sizeOf(exploration));
    assertHolds(exploration);
  });
}

for (const { rule, start, bounds, breaks, ways } of omissions) {
  Deno.test(`the protocol fails without ${rule}`, () => {
    assertHolds(explore(protocolModel(start, bounds)));
    for (const [way, rules] of Object.entries(ways)) {
      const { counterexample } = explore(protocolModel(start, bounds, rules));
      if (!counterexample) throw new Error(`No counterexample although ${way}`);
      console.log(`Without ${rule} (${way}):\n${story(counterexample)}`);
      assertEquals(counterexample.broken.split(":")[0], breaks);
    }
  });
}

/** What an exploration would say nothing about if it never happened. */
interface Sight {
  readonly what: string;
  readonly bounds: Partial<Bounds>;
  seen(world: World): boolean;
}

const sights: readonly Sight[] = [
  {
    what: "a second failover, after which the third primary performs",
    bounds: { records: 2, kills: 2, joins: 1 },
    seen: ({ machines }) =>
      machines.some((machine) =>
        machine.role === "primary" && machine.term === 3 && machine.done === 2 &&
        recordsOf(machine.log) === 2
      ),
  },
  {
    what: "a removed backup that holds the lock while its named sibling waits",
    bounds: { records: 1, kills: 1 },
    seen: (world) =>
      slots.some((slot) => {
        const machine = world.machines[slot];
        return machine.role === "follower" && machine.stage === "leaving" && named(world, slot);
      }),
  },
  {
    what: "a kill in the middle of a promotion's write",
    bounds: { records: 1, kills: 2 },
    seen: ({ machines }) =>
      machines.some((machine) =>
        machine.role === "dying" && machine.unsure.some(({ term }) => term === 2)
      ),
  },
  {
    what: "an operation that waits for a member whose addition is being written",
    bounds: { records: 1, joins: 1 },
    seen: ({ machines }) =>
      machines.some((machine) =>
        machine.role === "primary" && machine.knowledge.writing &&
        machine.knowledge.unsure.some(({ members }) =>
          members.length > machine.knowledge.durable.members.length &&
          members.some(({ id }) => (machine.acknowledged[id] ?? 0) < recordsOf(machine.log))
        )
      ),
  },
  {
    what: "a foreign run that performs on the disk of a machine that went solo",
    bounds: { records: 1, kills: 1, foreignRuns: 1 },
    seen: (world) => world.foreignPerformed && world.performed !== "" && !world.foreign.newRun,
  },
];

/** Whether a sibling of the follower in `leaving` is named and could be promoted next. */
function named(world: World, leaving: number): boolean {
  return slots.some((slot) => {
    const machine = world.machines[slot];
    return slot !== leaving && machine.role === "follower" && machine.term === world.record.term &&
      world.record.members.some(({ id }) => id === machine.member);
  });
}

for (const { what, bounds, seen } of sights) {
  Deno.test(`the model reaches ${what}`, () => {
    const model = protocolModel("protected", bounds);
    const { counterexample } = explore({
      ...model,
      broken: (world) => seen(world) ? "seen" : undefined,
    });
    assertEquals(counterexample?.broken, "seen");
  });
}

function assertHolds(exploration: Exploration<World>): void {
  const { counterexample } = exploration;
  assertEquals(counterexample && story(counterexample), undefined);
  assert(exploration.states > 10, "The model hardly moves");
}
