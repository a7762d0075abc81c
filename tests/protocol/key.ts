/**
 * Keys of model states, the same for states that differ only in where machines run and in what members
 * are called (a symmetry reduction: none of the rules looks at either).
 */
import type { MembershipRecord } from "../../lib/replica/rules.ts";
import { foreignHolder, type Machine, slots, type World } from "./world.ts";

type Naming = (member: string) => string;

/** The key of a state. */
export function keyOf(world: World): string {
  const order = slots
    .map((slot) => ({
      slot,
      code: anonymousCode(world.machines[slot]) + (world.lock === slot ? "!" : ""),
    }))
    .sort((one, other) => one.code < other.code ? -1 : one.code > other.code ? 1 : 0);

  const names = new Map<string, string>();
  const naming: Naming = (member) => {
    let name = names.get(member);
    if (name === undefined) names.set(member, name = String(names.size));
    return name;
  };
  for (const { slot } of order) {
    const machine = world.machines[slot];
    if (machine.role === "follower") naming(machine.member);
  }
  const machines = order.map(({ slot }) => machineCode(world.machines[slot], naming)).join("/");
  const lock = world.lock < 0 || world.lock === foreignHolder
    ? world.lock
    : order.findIndex(({ slot }) => slot === world.lock);
  const { foreign, left } = world;
  return `${recordCode(world.record, naming)}|${lock}|${machines}|` +
    `${foreign.stage}${flag(foreign.newRun)}${flag(foreign.robs)}|` +
    `${left.records}${left.kills}${left.cuts}${left.joins}${left.failedWrites}${left.foreignRuns}` +
    `${left.cleanEnds}${left.handOvers}${left.restarts}|` +
    `${world.authors}${world.performed}${flag(world.foreignPerformed)}${flag(world.finished)}` +
    (world.broken ?? "");
}

/** Machines are shared between worlds, so most of these codes are asked for many times. */
const anonymousCodes = new WeakMap<Machine, string>();

function anonymousCode(machine: Machine): string {
  let code = anonymousCodes.get(machine);
  if (code === undefined) anonymousCodes.set(machine, code = machineCode(machine, () => "?"));
  return code;
}

function machineCode(machine: Machine, naming: Naming): string {
  switch (machine.role) {
    case "off":
      return "o";
    case "primary": {
      const { durable, unsure, writing } = machine.knowledge;
      const acknowledged = Object.entries(machine.acknowledged)
        .map(([member, records]) => naming(member) + records).sort();
      return `p${machine.author}${machine.term},${machine.log},${machine.done},` +
        `${recordCode(durable, naming)}${unsure.map((record) => recordCode(record, naming))}` +
        `${flag(writing)}${acknowledged}`;
    }
    case "follower":
      return `f${naming(machine.member)}${machine.source}${machine.term},${machine.log},` +
        `${machine.executed}${flag(machine.open)}${flag(machine.snapshot)}` +
        `${flag(machine.foundLockBusy)}${flag(machine.rereads)}${machine.stage}`;
    case "dying":
      return `d${machine.unsure.map((record) => recordCode(record, naming))}`;
  }
}

function recordCode(record: MembershipRecord, naming: Naming): string {
  return `<${record.run}${record.term}${
    record.members.map(({ id }) => naming(id)).sort().join("")
  }>`;
}

function flag(value: boolean): string {
  return value ? "+" : "-";
}
