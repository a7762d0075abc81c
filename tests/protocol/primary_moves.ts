/** What an active machine does: issue, perform, add and remove members, end, be killed. */
import {
  durablyWritten,
  type MemberName,
  type MembershipRecord,
  recordWith,
  recordWithout,
  writeBegun,
  writeFailed,
} from "../../lib/replica/rules.ts";
import type { Move } from "./explorer.ts";
import type { RuleSet } from "./rule_set.ts";
import {
  type Follower,
  followerSlot,
  type Machine,
  type Primary,
  recordsOf,
  type Slot,
  slots,
  spent,
  upTo,
  withMachine,
  type World,
} from "./world.ts";

const slotNames = ["A", "B", "C"] as const;

/** The name of a slot in traces. */
export function nameOf(slot: Slot): string {
  return slotNames[slot];
}

/** Every move of the primary in a slot. */
export function primaryMoves(world: World, slot: Slot, self: Primary, rules: RuleSet) {
  const moves: Move<World>[] = [];
  const name = nameOf(slot);
  const become = (machine: Machine, from = world) => withMachine(from, slot, machine);

  if (world.left.records > 0) {
    const log = self.log + self.author + self.done;
    moves.push({
      label: `${name} writes record ${recordsOf(log)}, which issues operation ${recordsOf(log)}`,
      next: become({ ...self, log }, spent(world, "records")),
    });
  }
  if (self.done < recordsOf(self.log) && mayPerformNext(self, rules)) {
    moves.push({
      label: `${name} performs operation ${self.done + 1}`,
      next: perform(world, slot, self),
    });
  }
  if (!self.knowledge.writing) {
    for (const member of candidates(world, self)) {
      if (!mayAddCandidate(world, self, member, rules)) continue;
      const next = recordWith(self.knowledge.durable, member);
      moves.push({
        label: `${name} begins to write a record that adds ${member.id}`,
        next: become({ ...self, knowledge: writeBegun(self.knowledge, next) }),
      });
    }
    for (const members of subsets(self.knowledge.durable.members)) {
      const next = recordWithout(self.knowledge.durable, members);
      moves.push({
        label: `${name} begins to write a record that removes ${members.map(({ id }) => id)}`,
        next: become({ ...self, knowledge: writeBegun(self.knowledge, next) }),
      });
    }
  } else {
    moves.push({ label: `${name}'s record is durable`, next: recordDurable(world, slot, self) });
    if (world.left.failedWrites > 0) {
      moves.push({
        label: `${name}'s record write fails: nobody knows which record the disk holds`,
        next: become(
          { ...self, knowledge: writeFailed(self.knowledge) },
          spent(world, "failedWrites"),
        ),
      });
    }
  }
  moves.push(...endMoves(world, slot, self, rules));
  if (world.slowAcknowledgements) moves.push(...acknowledgementMoves(world, slot, self));
  if (world.left.kills > 0) {
    const dying = become(
      { role: "dying", unsure: self.knowledge.unsure },
      spent(world, "kills"),
    );
    moves.push({
      label: `${name}, the primary, is killed: its streams end`,
      next: closeStreams(dying, self),
    });
  }
  return moves;
}

function mayPerformNext(self: Primary, rules: RuleSet): boolean {
  const waitedFor = rules.membersWaitedFor(self.knowledge, []);
  return rules.mayPerform(self.done + 1, waitedFor, ({ id }) => self.acknowledged[id] ?? -1);
}

/** With acknowledgements in flight: they are heard some time later, while the cable is whole. */
function acknowledgementMoves(world: World, slot: Slot, self: Primary): Move<World>[] {
  const moves: Move<World>[] = [];
  for (const place of slots) {
    const follower = world.machines[place];
    if (follower.role !== "follower" || follower.source !== self.author || !follower.open) continue;
    const records = recordsOf(follower.log);
    const joined = follower.snapshot && follower.foundLockBusy;
    if (!joined || self.acknowledged[follower.member] === records) continue;
    const acknowledged = { ...self.acknowledged, [follower.member]: records };
    moves.push({
      label: `${nameOf(slot)} hears that ${follower.member} has record ${records}`,
      next: withMachine(world, slot, { ...self, acknowledged }),
    });
  }
  return moves;
}

function perform(world: World, slot: Slot, self: Primary): World {
  const history = upTo(self.log, self.done + 1);
  const next = withMachine(world, slot, { ...self, done: self.done + 1 });
  if (world.foreignPerformed) {
    return {
      ...next,
      broken: "invariant 6: an operation is performed on a disk that another run has changed",
    };
  }
  if (history.startsWith(world.performed)) return { ...next, performed: history };
  if (world.performed.startsWith(history)) return next;
  return {
    ...next,
    broken: "invariant 6: operations of two different histories have been performed",
  };
}

/** Those attached to this primary, joined, and named by no record that may stand on the disk. */
function candidates(world: World, self: Primary): MemberName[] {
  const named = [self.knowledge.durable, ...self.knowledge.unsure].flatMap(({ members }) =>
    members
  );
  return Object.keys(self.acknowledged)
    .filter((id) => followerSlot(world, id) !== undefined)
    .filter((id) => !named.some((member) => member.id === id))
    .map((id) => ({ id }));
}

/** The wait for a candidate and the beginning of its write are one move: nothing comes in between. */
function mayAddCandidate(world: World, self: Primary, member: MemberName, rules: RuleSet): boolean {
  const follower = world.machines[followerSlot(world, member.id)!] as Follower;
  const candidate = {
    member,
    snapshotInPlace: true,
    streamLive: follower.open,
    acknowledgedEpoch: self.acknowledged[member.id]!,
  };
  return rules.mayAdd(candidate, [member], self.done, self.knowledge);
}

function subsets(members: readonly MemberName[]): MemberName[][] {
  return members.reduce<MemberName[][]>(
    (found, member) => [...found, ...found.map((subset) => [...subset, member])],
    [[]],
  ).filter((subset) => subset.length > 0);
}

/** A primary that ends on purpose frees the lock at once, and its streams end with it (rule 6). */
function endMoves(world: World, slot: Slot, self: Primary, rules: RuleSet): Move<World>[] {
  const moves: Move<World>[] = [];
  const off = (from: World) => closeStreams(withMachine(from, slot, { role: "off" }), self);
  if (world.left.cleanEnds > 0 && rules.mayFreeLock("clean", self.knowledge)) {
    const finished = { ...off(spent(world, "cleanEnds")), finished: true };
    moves.push(...lockFreed(finished, `${nameOf(slot)} ends cleanly:`, self.knowledge.unsure));
  }
  if (world.left.handOvers > 0 && rules.mayFreeLock("hand-over", self.knowledge)) {
    const left = off(spent(world, "handOvers"));
    moves.push(...lockFreed(left, `${nameOf(slot)} hands over:`, self.knowledge.unsure));
  }
  return moves;
}

/** The newest record begun is durable: who was removed is cut off, who stays is still waited for. */
function recordDurable(world: World, slot: Slot, self: Primary): World {
  const record = self.knowledge.unsure.at(-1)!;
  const removed = self.knowledge.durable.members
    .filter(({ id }) => !record.members.some((member) => member.id === id));
  const acknowledged = { ...self.acknowledged };
  let next: World = { ...world, record };
  for (const { id } of removed) {
    delete acknowledged[id];
    const gone = followerSlot(next, id);
    if (gone !== undefined) next = closed(next, gone);
  }
  return withMachine(next, slot, { ...self, acknowledged, knowledge: durablyWritten(record) });
}

/** All streams of a primary end; what has arrived can still be read. */
function closeStreams(world: World, primary: Primary): World {
  return slots.reduce((next, slot) => {
    const machine = next.machines[slot];
    const attached = machine.role === "follower" && machine.source === primary.author;
    return attached ? closed(next, slot) : next;
  }, world);
}

function closed(world: World, slot: Slot): World {
  return withMachine(world, slot, { ...world.machines[slot] as Follower, open: false });
}

/** The second step of a kill: the kernel frees the lock, and the disk shows one of the outcomes. */
export function lockFreed(
  world: World,
  dead: string,
  unsure: readonly MembershipRecord[],
): Move<World>[] {
  return [world.record, ...unsure].map((record, index) => ({
    label: `${dead} the lock is freed` +
      (unsure.length === 0
        ? ""
        : index === 0
        ? "; its unsure write is not on the disk"
        : "; its unsure write is on the disk"),
    next: { ...world, record, lock: -1 },
  }));
}
