/** The protocol model: its initial state, all moves, and the invariants checked in every state. */
import { durablyWritten, type MembershipRecord } from "../../lib/replica/rules.ts";
import { joinMoves, moveOthersMake, ownMoves } from "./backup_moves.ts";
import { possibleRecords } from "./disk.ts";
import { entitled } from "./entitled.ts";
import type { Model, Move } from "./explorer.ts";
import { foreignMoves } from "./foreign_moves.ts";
import { keyOf } from "./key.ts";
import { restartMoves } from "./restart_moves.ts";
import { lockFreed, nameOf, primaryMoves } from "./primary_moves.ts";
import { allRules, type RuleSet } from "./rule_set.ts";
import { type Bounds, type Follower, type Slot, slots, withMachine, type World } from "./world.ts";

/** How the exploration starts: A alone, or A with B and C attached and named. */
export type Start = "alone" | "protected";

/** The model within bounds, with all rules or with some left out. */
export function protocolModel(
  start: Start,
  bounds: Partial<Bounds>,
  rules: RuleSet = allRules,
  slowAcknowledgements = false,
): Model<World> {
  return {
    initial: initialWorld(start, { ...noEvents, ...bounds }, slowAcknowledgements),
    key: keyOf,
    moves: (world) => movesOf(world, rules),
    broken: (world) => brokenInvariant(world, rules),
  };
}

const noEvents: Bounds = {
  records: 0,
  kills: 0,
  cuts: 0,
  joins: 0,
  failedWrites: 0,
  foreignRuns: 0,
  cleanEnds: 0,
  handOvers: 0,
  restarts: 0,
};

function initialWorld(start: Start, bounds: Bounds, slowAcknowledgements: boolean): World {
  const names = start === "protected" ? ["b", "c"] : [];
  const record: MembershipRecord = { run: "1", term: 1, members: names.map((id) => ({ id })) };
  const follower = (member: string): Follower => ({
    role: "follower",
    member,
    source: "a",
    term: 1,
    open: true,
    snapshot: true,
    log: "",
    executed: 0,
    foundLockBusy: true,
    rereads: false,
    stage: "following",
  });
  return {
    record,
    lock: 0,
    machines: [
      {
        role: "primary",
        author: "a",
        term: 1,
        log: "",
        done: 0,
        knowledge: durablyWritten(record),
        acknowledged: Object.fromEntries(names.map((id) => [id, 0])),
      },
      start === "protected" ? follower("b") : { role: "off" },
      start === "protected" ? follower("c") : { role: "off" },
    ],
    foreign: { stage: "idle", newRun: false, robs: false },
    left: bounds,
    slowAcknowledgements,
    authors: 1,
    performed: "",
    foreignPerformed: false,
    finished: false,
  };
}

function movesOf(world: World, rules: RuleSet): Move<World>[] {
  const moves = [...foreignMoves(world, rules), ...restartMoves(world)];
  for (const slot of slots) {
    const machine = world.machines[slot];
    switch (machine.role) {
      case "off":
        moves.push(...joinMoves(world, slot));
        break;
      case "primary":
        moves.push(...primaryMoves(world, slot, machine, rules));
        break;
      case "follower":
        moves.push(...ownMoves(world, slot, machine, rules));
        moves.push(...moveOthersMake(world, slot, machine));
        break;
      case "dying":
        moves.push(
          ...lockFreed(
            withMachine(world, slot, { role: "off" }),
            `${nameOf(slot)} is dead:`,
            machine.unsure,
          ),
        );
        break;
    }
  }
  return moves;
}

function brokenInvariant(world: World, rules: RuleSet): string | undefined {
  return world.broken ?? outputCommit(world) ?? oneActive(world) ??
    performedAtLeastOnce(world) ??
    promotable(world, rules);
}

/**
 * Invariant 4: whoever may be promoted has every operation that was performed. After a restart of the
 * host a file may lack some: there rule 7 keeps its reader from being promoted.
 */
function outputCommit(world: World): string | undefined {
  const possible = possibleRecords(world);
  for (const slot of slots) {
    const machine = world.machines[slot];
    if (machine.role !== "follower" || machine.rereads || machine.log.startsWith(world.performed)) {
      continue;
    }
    const named = possible.some((record) =>
      record.run === "1" && record.term === machine.term &&
      record.members.some(({ id }) => id === machine.member)
    );
    if (named) {
      return `invariant 4: an operation has been performed that ${
        nameOf(slot)
      } lacks, and it may be promoted`;
    }
  }
}

/** Invariant 5: at most one machine performs operations. */
function oneActive(world: World): string | undefined {
  const active = world.machines.filter(({ role }) => role === "primary").length +
    (world.foreign.stage === "running" ? 1 : 0);
  if (active > 1) return `invariant 5: ${active} machines are active on the disk at once`;
}

/** Invariant 6: what the guest believes to be done was performed at least once. */
function performedAtLeastOnce(world: World): string | undefined {
  for (const machine of world.machines) {
    if (machine.role === "primary" && 2 * machine.done > world.performed.length) {
      return "invariant 6: an operation counts as completed and was never performed";
    }
  }
}

/** An entitled live member with a free lock gets promoted by its own moves, in whichever order it makes them. */
function promotable(world: World, rules: RuleSet): string | undefined {
  for (const slot of slots) {
    if (entitled(world, slot) && !getsPromoted(world, slot, rules)) {
      return `liveness: the lock is free, the record names ${nameOf(slot)}, ` +
        "and it cannot be promoted";
    }
  }
}

function getsPromoted(world: World, slot: Slot, rules: RuleSet): boolean {
  const self = world.machines[slot];
  if (self.role === "primary") return true;
  if (self.role !== "follower") return false;
  const moves = ownMoves(world, slot, self, rules);
  return moves.length > 0 && moves.every(({ next }) => getsPromoted(next, slot, rules));
}
