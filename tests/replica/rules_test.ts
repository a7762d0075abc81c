import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  diskDecision,
  durablyWritten,
  firstRecord,
  mayAdd,
  mayFreeLock,
  mayPerform,
  type MemberName,
  type MembershipRecord,
  membersWaitedFor,
  promotedRecord,
  promotionDecision,
  type PromotionView,
  type RecordKnowledge,
  recordWith,
  recordWithout,
  sawPrimaryAlive,
  startDecision,
  waitsForCommit,
  whoBlocks,
  writeBegun,
  writeFailed,
} from "../../lib/replica/rules.ts";

const run = "11".repeat(16);
const otherRun = "22".repeat(16);
const b: MemberName = { id: "b".repeat(32) };
const c: MemberName = { id: "c".repeat(32) };
const pipe = { device: 9, inode: 4711 };

function naming(...members: MemberName[]): MembershipRecord {
  return { ...firstRecord(run), members };
}

function ids(members: readonly MemberName[]): string[] {
  return members.map(({ id }) => id).sort();
}

Deno.test("a write under way counts as both outcomes from before it begins", () => {
  const adding = writeBegun(durablyWritten(naming(b)), naming(b, c));
  assertEquals(ids(membersWaitedFor(adding, [])), ids([b, c]));
  const removing = writeBegun(durablyWritten(naming(b, c)), naming(c));
  assertEquals(ids(membersWaitedFor(removing, [])), ids([b, c]));
});

Deno.test("a write that failed counts as both outcomes until a later one is durable", () => {
  const failed = writeFailed(writeBegun(durablyWritten(naming(b)), naming()));
  assertEquals(ids(membersWaitedFor(failed, [])), [b.id]);
  const again = writeBegun(failed, naming());
  assertEquals(ids(membersWaitedFor(again, [])), [b.id]);
  assertEquals(membersWaitedFor(durablyWritten(naming()), []), []);
});

Deno.test("membership writes are serialised", () => {
  const writing = writeBegun(durablyWritten(naming()), naming(b));
  assertThrows(() => writeBegun(writing, naming(c)), Error, "serialised");
});

Deno.test("an operation waits for every member waited for, and a read for none", () => {
  const acknowledged = (member: MemberName) => member.id === b.id ? 7 : 5;
  assert(mayPerform(5, [b, c], acknowledged));
  assert(!mayPerform(6, [b, c], acknowledged));
  assertEquals(whoBlocks(6, [b, c], acknowledged), [c]);
  assert(mayPerform(6, [b], acknowledged));
  assert(mayPerform(1_000, [], acknowledged));
  assert(waitsForCommit("disk-write") && waitsForCommit("disk-flush"));
  assert(waitsForCommit("bill-append") && waitsForCommit("console-output"));
  assert(!waitsForCommit("disk-read"));
});

Deno.test("a candidate is added once it has all that was dispatched and is waited for", () => {
  const knowledge = durablyWritten(naming(b));
  const candidate = { member: c, snapshotInPlace: true, streamLive: true, acknowledgedEpoch: 12 };
  assert(mayAdd(candidate, [c], 12, knowledge));
  assert(!mayAdd(candidate, [c], 13, knowledge), "it lacks what was dispatched");
  assert(!mayAdd(candidate, [], 12, knowledge), "nobody waits for it");
  assert(!mayAdd({ ...candidate, snapshotInPlace: false }, [c], 12, knowledge));
  assert(!mayAdd({ ...candidate, streamLive: false }, [c], 12, knowledge));
  assert(!mayAdd(candidate, [c], 12, writeBegun(knowledge, naming())), "a write is under way");
});

Deno.test("a clean end frees the lock only when no record can name anybody, a hand-over always", () => {
  const solo = durablyWritten(naming());
  const named = durablyWritten(naming(b));
  const unsure = writeFailed(writeBegun(named, naming()));
  assertEquals([solo, named, unsure].map((known) => mayFreeLock("clean", known)), [
    true,
    false,
    false,
  ]);
  assert([solo, named, unsure].every((known) => mayFreeLock("hand-over", known)));
  const writing = writeBegun(solo, naming());
  assert(!mayFreeLock("clean", writing) && !mayFreeLock("hand-over", writing));
});

Deno.test("a promotion's record names the next term and nobody", () => {
  assertEquals(promotedRecord({ run, term: 3, members: [b, c] }), { run, term: 4, members: [] });
});

Deno.test("a run starts on a disk without members of another run, and else is refused", () => {
  const found = (record: MembershipRecord) => ({ found: "record", record }) as const;
  const decide = (record: MembershipRecord, newRun = false) =>
    startDecision(found(record), otherRun, newRun).decision;
  assertEquals(startDecision({ found: "nothing" }, run, false).decision, "start");
  assertEquals(decide(naming()), "start");
  assertEquals(decide(naming(b)), "refuse");
  assertEquals(decide(naming(b), true), "start");
  assertEquals(startDecision({ found: "damage" }, run, false).decision, "refuse");
  assertEquals(startDecision({ found: "damage" }, run, true).decision, "start");
  const refusal = startDecision(found(naming(b)), otherRun, false);
  assert(refusal.decision === "refuse" && refusal.reason.includes(`belongs to run ${run}`));
});

const entitled: PromotionView = {
  lock: "held",
  found: { found: "record", record: naming(b, c) },
  self: { run, term: 1, memberId: b.id },
  sawPrimaryAlive: true,
  drained: true,
  execution: "verified",
  ready: true,
};

function decisionOf(changed: Partial<PromotionView>): string {
  return promotionDecision({ ...entitled, ...changed }).decision;
}

Deno.test("a named backup that has drained, verified and opened everything is promoted", () => {
  assertEquals(decisionOf({}), "promote");
});

Deno.test("a backup with the lock prepares until everything is drained, executed and open", () => {
  assertEquals(decisionOf({ drained: false }), "prepare");
  assertEquals(decisionOf({ execution: "behind" }), "prepare");
  assertEquals(decisionOf({ ready: false }), "prepare");
});

Deno.test("a busy lock decides nothing about a backup that the record does not name", () => {
  const removed = { found: "record", record: naming(c) } as const;
  assertEquals(decisionOf({ lock: "busy", found: removed }), "follow");
  assertEquals(decisionOf({ lock: "held", found: removed }), "left-behind");
  assertEquals(decisionOf({ lock: "busy" }), "follow");
  assertEquals(decisionOf({ lock: "busy", found: { found: "nothing" } }), "follow");
});

Deno.test("a higher term or another run leaves a backup behind, whoever holds the lock", () => {
  const later = { found: "record", record: { ...naming(b), term: 2 } } as const;
  const foreign = { found: "record", record: { ...naming(b), run: otherRun } } as const;
  for (const lock of ["busy", "held"] as const) {
    assertEquals(decisionOf({ lock, found: later }), "left-behind");
    assertEquals(decisionOf({ lock, found: foreign }), "left-behind");
  }
});

Deno.test("a reader that may never be promoted is refused", () => {
  assertEquals(decisionOf({ self: { run, term: 1 } }), "refuse");
  assertEquals(decisionOf({ sawPrimaryAlive: false }), "refuse");
  assertEquals(decisionOf({ execution: "diverged" }), "refuse");
  assertEquals(decisionOf({ found: { found: "nothing" } }), "refuse");
  assertEquals(decisionOf({ found: { found: "damage" } }), "refuse");
  assertEquals(decisionOf({ self: { run, term: 2, memberId: b.id } }), "refuse");
});

Deno.test("a one-way member is the one that reads the pipe or file its primary wrote", () => {
  const found = { found: "record", record: naming({ ...b, oneWay: pipe }) } as const;
  const reading = (oneWay?: typeof pipe) =>
    decisionOf({
      found,
      self: { run, term: 1, memberId: b.id, ...(oneWay ? { oneWay } : {}) },
    });
  assertEquals(reading(pipe), "promote");
  assertEquals(reading({ ...pipe, inode: 4712 }), "refuse");
  assertEquals(reading({ ...pipe, device: 10 }), "refuse");
  assertEquals(reading(undefined), "refuse");
  assertEquals(decisionOf({ self: { run, term: 1, memberId: b.id, oneWay: pipe } }), "refuse");
});

Deno.test("only a file must also have grown to prove its primary alive", () => {
  const seen = { foundLockBusy: true, grewAfterEnd: false };
  assert(sawPrimaryAlive({ ...seen, transport: "two-way" }));
  assert(sawPrimaryAlive({ ...seen, transport: "pipe" }));
  assert(!sawPrimaryAlive({ ...seen, transport: "file" }));
  assert(sawPrimaryAlive({ ...seen, transport: "file", grewAfterEnd: true }));
  for (const transport of ["two-way", "pipe", "file"] as const) {
    assert(!sawPrimaryAlive({ transport, foundLockBusy: false, grewAfterEnd: true }));
  }
});

Deno.test("a disk is shared when its lock is busy and its record names the fresh member", () => {
  const self = { run, term: 1, memberId: b.id };
  const found = { found: "record", record: naming(b) } as const;
  const decide = (changed: Partial<Parameters<typeof diskDecision>[0]>) =>
    diskDecision({ lock: "busy", found, self, heardWhileHeld: false, ...changed });
  assertEquals(decide({}), "shared");
  assertEquals(decide({ found: { found: "record", record: naming(c) } }), "undecided");
  assertEquals(decide({ found: { found: "nothing" } }), "undecided");
  assertEquals(decide({ lock: "held" }), "undecided");
  assertEquals(decide({ lock: "held", heardWhileHeld: true }), "replica");
});

const member = fc.constantFrom(..."bcdef").map((id): MemberName => ({ id }));

/** Any sequence of membership writes, each from the last durable record, with any outcome. */
const history = fc.array(
  fc.record({
    member,
    change: fc.constantFrom("add", "remove"),
    outcome: fc.constantFrom("durable", "failed"),
  }),
  { maxLength: 12 },
);

Deno.test("whoever the disk can name is waited for, whatever became of the writes", () => {
  const property = fc.property(history, (steps) => {
    let knowledge: RecordKnowledge = durablyWritten(firstRecord(run));
    // What may really stand on the disk, kept apart from the knowledge under test.
    let possible: MembershipRecord[] = [knowledge.durable];
    const check = () => {
      const waitedFor = ids(membersWaitedFor(knowledge, []));
      for (const record of possible) {
        assert(record.members.every(({ id }) => waitedFor.includes(id)));
      }
    };
    for (const { member, change, outcome } of steps) {
      const without = recordWithout(knowledge.durable, [member]);
      const next = change === "add" ? recordWith(without, member) : without;
      knowledge = writeBegun(knowledge, next);
      possible = [...possible, next];
      check();
      if (outcome === "durable") {
        knowledge = durablyWritten(next);
        possible = [next];
      } else {
        knowledge = writeFailed(knowledge);
      }
      check();
    }
  });
  checkWithSeed(property);
});

Deno.test("nobody is promoted without the lock, its name, its term and its run, all verified", () => {
  const view: fc.Arbitrary<PromotionView> = fc.record({
    lock: fc.constantFrom("held", "busy"),
    found: fc.oneof(
      fc.record({
        found: fc.constant("record" as const),
        record: fc.record({
          run: fc.constantFrom("1", "2"),
          term: fc.integer({ min: 1, max: 3 }),
          members: fc.array(member, { maxLength: 4 }),
        }),
      }),
      fc.constant({ found: "nothing" as const }),
    ),
    self: fc.record({
      run: fc.constant("1"),
      term: fc.integer({ min: 1, max: 3 }),
      memberId: fc.constantFrom("b", "c"),
    }),
    sawPrimaryAlive: fc.boolean(),
    drained: fc.boolean(),
    execution: fc.constantFrom("behind", "verified", "diverged"),
    ready: fc.boolean(),
  });
  const property = fc.property(view, (seen) => {
    const { found, self } = seen;
    const allowed = seen.lock === "held" && found.found === "record" &&
      found.record.run === self.run && found.record.term === self.term &&
      found.record.members.some(({ id }) => id === self.memberId) &&
      seen.sawPrimaryAlive && seen.drained && seen.execution === "verified" && seen.ready;
    assertEquals(promotionDecision(seen).decision === "promote", allowed);
  });
  checkWithSeed(property, 20_000);
});

/** Checks a property; a failure's message names the seed. */
function checkWithSeed<Values>(property: fc.IProperty<Values>, numRuns = 2_000): void {
  fc.assert(property, { seed: Date.now() | 0, numRuns });
}
