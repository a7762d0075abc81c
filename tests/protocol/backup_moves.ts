/** What a backup does: attach, receive, execute, try the lock, be promoted, stop, be killed. */
import {
  durablyWritten,
  type MembershipRecord,
  promotedRecord,
  type PromotionDecision,
} from "../../lib/replica/rules.ts";
import { possibleRecords } from "./disk.ts";
import type { Move } from "./explorer.ts";
import { nameOf } from "./primary_moves.ts";
import type { RuleSet } from "./rule_set.ts";
import {
  completedIn,
  type Follower,
  freshMember,
  type Primary,
  primarySlot,
  recordsOf,
  type Slot,
  slots,
  spent,
  upTo,
  withMachine,
  type World,
} from "./world.ts";

/** A machine that is off attaches to whoever is active, under a fresh member id. */
export function joinMoves(world: World, slot: Slot): Move<World>[] {
  if (world.left.joins === 0) return [];
  return slots.flatMap((source) => {
    const primary = world.machines[source];
    if (primary.role !== "primary") return [];
    const member = freshMember(world);
    const next = withMachine(spent(world, "joins"), slot, {
      role: "follower",
      member,
      source: primary.author,
      term: primary.term,
      open: true,
      snapshot: false,
      log: "",
      executed: 0,
      foundLockBusy: false,
      rereads: false,
      stage: "following",
    });
    return [{ label: `${nameOf(slot)} attaches to ${nameOf(source)} as ${member}`, next }];
  });
}

/** Every move of the backup in a slot that it makes by itself. */
export function ownMoves(world: World, slot: Slot, self: Follower, rules: RuleSet): Move<World>[] {
  if (self.stage === "leaving") {
    return [{
      label: `${nameOf(slot)} stops and frees the lock`,
      next: { ...stopped(world, slot), lock: -1 },
    }];
  }
  if (self.stage === "writing") {
    return [{
      label: `${nameOf(slot)}'s record of term ${self.term + 1} is durable: it is promoted`,
      next: promoted(world, slot, self),
    }];
  }
  return [...receiveMoves(world, slot, self), ...lockMoves(world, slot, self, rules)];
}

function receiveMoves(world: World, slot: Slot, self: Follower): Move<World>[] {
  const moves: Move<World>[] = [];
  const source = self.open ? primarySlot(world, self.source) : undefined;
  if (source !== undefined) {
    const primary = world.machines[source] as Primary;
    if (!self.snapshot) {
      moves.push({
        label: `${nameOf(slot)} has its whole snapshot, at record ${recordsOf(primary.log)}`,
        next: acknowledge(
          withMachine(world, slot, {
            ...self,
            snapshot: true,
            log: primary.log,
            executed: recordsOf(primary.log),
          }),
          slot,
        ),
      });
    } else if (self.log !== primary.log) {
      moves.push({
        label: `${nameOf(slot)} receives and acknowledges up to record ${recordsOf(primary.log)}`,
        next: acknowledge(withMachine(world, slot, { ...self, log: primary.log }), slot),
      });
    }
  }
  if (self.executed < recordsOf(self.log)) {
    moves.push({
      label: `${nameOf(slot)} executes up to record ${recordsOf(self.log)}`,
      next: withMachine(world, slot, { ...self, executed: recordsOf(self.log) }),
    });
  }
  return moves;
}

/**
 * The primary hears at once what a backup has. That it may hear later, or never when the cable is cut, is
 * the same as being slow to use what it heard: every rule only ever allows more with more acknowledged.
 */
function acknowledge(world: World, slot: Slot): World {
  const self = world.machines[slot] as Follower;
  const source = self.open ? primarySlot(world, self.source) : undefined;
  if (world.slowAcknowledgements) return world;
  // Rule 8: a backup joins once it has found the lock held by its primary.
  if (source === undefined || !self.snapshot || !self.foundLockBusy) return world;
  const primary = world.machines[source] as Primary;
  const acknowledged = { ...primary.acknowledged, [self.member]: recordsOf(self.log) };
  return withMachine(world, source, { ...primary, acknowledged });
}

function lockMoves(world: World, slot: Slot, self: Follower, rules: RuleSet): Move<World>[] {
  const name = nameOf(slot);
  const moves: Move<World>[] = [];
  const busy = world.lock >= 0 && world.lock !== slot;
  if (self.stage === "following" && busy) {
    const decisions = possibleRecords(world).map((record) =>
      decide(world, self, record, "busy", rules)
    );
    if (decisions.some(stops)) {
      moves.push({
        label: `${name} finds the lock busy and is left behind: it stops`,
        next: stopped(world, slot),
      });
    }
    if (!self.foundLockBusy && !decisions.every(stops)) {
      moves.push({
        label: `${name} tries the lock and finds it busy`,
        next: acknowledge(withMachine(world, slot, { ...self, foundLockBusy: true }), slot),
      });
    }
  }
  if (self.stage === "following" && busy && rules.lock) return moves;
  for (
    const record of self.stage === "following" ? possibleRecords(world) : [world.record]
  ) {
    const decision = decide(world, self, record, "held", rules);
    if (self.stage === "following") {
      const stage = stops(decision) ? "leaving" : "preparing";
      moves.push({
        label: rules.lock
          ? `${name} gets the lock; ${explain(decision)}`
          : `${name} does not ask for the lock; ${explain(decision)}`,
        next: { ...withMachine(world, slot, { ...self, stage }), lock: slot, record },
      });
    } else if (decision.decision === "promote") {
      moves.push({
        label: `${name} begins to write the record of term ${self.term + 1}`,
        next: withMachine(world, slot, { ...self, stage: "writing" }),
      });
    }
  }
  return moves;
}

function decide(
  world: World,
  self: Follower,
  record: MembershipRecord,
  lock: "held" | "busy",
  rules: RuleSet,
): PromotionDecision {
  const executedAll = self.executed === recordsOf(self.log);
  const source = self.open ? primarySlot(world, self.source) : undefined;
  const atEnd = source === undefined || (world.machines[source] as Primary).log === self.log;
  return rules.promotionDecision({
    lock,
    found: { found: "record", record },
    self: { run: "1", term: self.term, memberId: self.member },
    sawPrimaryAlive: !rules.lock || rules.sawPrimaryAlive({
      transport: self.rereads ? "file" : "two-way",
      foundLockBusy: self.foundLockBusy,
      grewAfterEnd: !self.rereads,
    }),
    drained: executedAll && atEnd,
    execution: executedAll ? "verified" : "behind",
    ready: self.snapshot,
  });
}

function stops({ decision }: PromotionDecision): boolean {
  return decision === "left-behind" || decision === "refuse";
}

function explain(decision: PromotionDecision): string {
  if (decision.decision === "left-behind") return `it is left behind: ${decision.reason}`;
  if (decision.decision === "refuse") return `it may not be promoted: ${decision.reason}`;
  return "the record names it";
}

function stopped(world: World, slot: Slot): World {
  return withMachine(world, slot, { role: "off" });
}

function promoted(world: World, slot: Slot, self: Follower): World {
  const log = upTo(self.log, self.executed);
  const record = promotedRecord(world.record);
  const next = withMachine({ ...world, record, authors: world.authors + 1 }, slot, {
    role: "primary",
    author: String.fromCharCode("a".charCodeAt(0) + world.authors),
    term: record.term,
    log,
    done: completedIn(log),
    knowledge: durablyWritten(record),
    acknowledged: {},
  });
  const broken = world.foreignPerformed
    ? "invariant 5: a machine comes back after another run had taken its disk"
    : world.finished
    ? "invariant 5: a machine comes back that had ended cleanly"
    : !log.startsWith(world.performed)
    ? "invariant 6: the promoted machine lacks an operation that was performed"
    : undefined;
  return broken === undefined ? next : { ...next, broken };
}

/** What is done to a backup from outside: its cable is cut, it is killed, its operator gives up. */
export function moveOthersMake(world: World, slot: Slot, self: Follower): Move<World>[] {
  const name = nameOf(slot);
  const moves: Move<World>[] = [];
  if (self.open && world.left.cuts > 0) {
    moves.push({
      label: `The cable to ${name} is cut`,
      next: withMachine(spent(world, "cuts"), slot, { ...self, open: false }),
    });
  }
  if (!self.open && self.stage === "following" && world.left.joins > 0) {
    moves.push({ label: `${name} is stopped by its operator`, next: stopped(world, slot) });
  }
  if (world.left.kills === 0) return moves;
  const fewer = spent(world, "kills");
  if (self.stage === "following") {
    moves.push({ label: `${name}, a backup, is killed`, next: stopped(fewer, slot) });
  } else {
    const unsure = self.stage === "writing" ? [promotedRecord(world.record)] : [];
    moves.push({
      label: `${name} is killed with the lock in hand`,
      next: withMachine(fewer, slot, { role: "dying", unsure }),
    });
  }
  return moves;
}
