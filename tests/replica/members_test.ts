/** Members of a live machine: who stays one, who becomes one, and what happens at the edges. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { HostClock } from "../../lib/epoch/host.ts";
import type { EpochRecord, LogRecord, ReturnRecord } from "../../lib/epoch/record.ts";
import { hostLoop } from "../../lib/host/event_loop.ts";
import { ReturnEncoder } from "../../lib/log/record_encoder.ts";
import { Attachment } from "../../lib/replica/attachment.ts";
import { Roster } from "../../lib/replica/roster.ts";
import { durablyWritten, recordWith, writeBegun, writeFailed } from "../../lib/replica/rules.ts";
import type { ByteStream } from "../../lib/replica/transport.ts";
import { Cable } from "./stage/cable.ts";
import { Stage } from "./stage/stage.ts";

const BOOT = "transfers=30 pace=4";

async function members(stage: Stage): Promise<number> {
  const found = await stage.record();
  return found.found === "record" ? found.record.members.length : 0;
}

async function receipts(stage: Stage, count: number): Promise<void> {
  await stage.until(() => stage.consoleText().includes(`receipt ${count} `), `receipt ${count}`);
}

Deno.test("a member whose adding fails is added when the record can be written again", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  let refusals = 0;
  const primary = await stage.primary({
    cables: [cable],
    boot: BOOT,
    membership: async (write, record) => {
      if (record.members.length > 0 && refusals < 2) {
        refusals++;
        throw new Error("Cannot write the membership record: no space left");
      }
      return await write(record);
    },
  });
  const backup = stage.backup(cable);
  await stage.until(() => primary.live.roster.protection === "protected", "protection");
  assertEquals(await members(stage), 1);
  assertEquals((await primary.ended).reason, "power-off");
  assertEquals((await backup.outcome).kind, "ended");
});

Deno.test("an adding that cannot be written does not keep a lost member in the record", async () => {
  await using stage = new Stage();
  const cables = [new Cable(), new Cable()] as const;
  const primary = await stage.primary({
    cables: [cables[0]],
    boot: "transfers=100 pace=4",
    membership: async (write, record) => {
      if (record.members.length > 1) throw new Error("Cannot write: too many members");
      return await write(record);
    },
  });
  stage.backup(cables[0]);
  await stage.until(async () => (await members(stage)) === 1, "a member");
  primary.live.attach(cables[1].primary);
  stage.backup(cables[1]);
  await stage.until(() => primary.notes.some((note) => note.includes("too many")), "a refusal");
  cables[0].hangUp();
  await stage.until(
    () => primary.notes.some((note) => note.includes("is removed")),
    `the removal: ${primary.notes}`,
  );
  assertEquals((await primary.ended).reason, "power-off");
});

Deno.test("the log's bytes are counted also when their readers have gone", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable);
  await primary.ended;
  await backup.outcome;
  assertEquals(primary.live.figures.logBytes, cable.log.sentBytes);
});

Deno.test("a hand-over is refused while nobody can take over", async () => {
  await using stage = new Stage();
  const primary = await stage.primary({ boot: BOOT });
  await receipts(stage, 3);
  primary.live.stop("hand-over");
  assertEquals((await primary.ended).reason, "power-off");
  assertStringIncludes(primary.notes.join("\n"), "Nobody can take over");
  assertEquals(stage.audit().findings, []);
});

Deno.test("who attaches when the machine has ended is let go", async () => {
  await using stage = new Stage();
  const primary = await stage.primary({ boot: BOOT });
  await primary.ended;
  const cable = new Cable();
  primary.live.attach(cable.primary);
  const outcome = await stage.backup(cable).outcome;
  assertEquals(outcome.kind, "stalled");
});

Deno.test("who attaches at any moment of the end gets a whole log, or is let go", async () => {
  for (const turns of [0, 1, 2, 3, 5, 8, 13, 21]) {
    await using stage = new Stage();
    const primary = await stage.primary({ boot: BOOT });
    await receipts(stage, 1);
    primary.live.stop("detach");
    for (let turn = 0; turn < turns; turn++) await hostLoop.turn();
    const cable = new Cable();
    primary.live.attach(cable.primary);
    const backup = stage.backup(cable);
    await primary.ended;
    assert(["ended", "stalled"].includes((await backup.outcome).kind));
  }
});

/** Simulated time for members alone. */
class Ticks implements HostClock {
  now = 0;
  monotonicTicks(): number {
    return this.now;
  }
  realtimeNanoseconds(): bigint {
    return 0n;
  }
}

/** A two-way stream whose writes are up to `write`, and which answers what it is told. */
function lineThat(write: () => Promise<void>) {
  const encoder = new ReturnEncoder("01".repeat(16));
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const stream: ByteStream = {
    name: "a line",
    kind: "unix",
    direction: "two-way",
    readable: new ReadableStream({ start: (given) => void (controller = given) }),
    writable: new WritableStream({ write }),
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };
  return {
    stream,
    answers: (record: ReturnRecord) => controller.enqueue(encoder.encode(record)),
  };
}

function rosterOn(clock: HostClock): Roster {
  const events = { commitAdvanced() {}, note() {} };
  return new Roster(clock, hostLoop, events, undefined, { silenceTicks: 1000, retryTicks: 100 });
}

/** Stands for header and snapshot, which matter to nobody here. */
function snapshotAtPowerOn(): Iterator<LogRecord> {
  return [{ kind: "note" as const, text: "a snapshot" }].values();
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await hostLoop.turn();
}

function epochOf(epoch: number, bytes: number): EpochRecord {
  return {
    kind: "epoch",
    epoch,
    steps: 1,
    reads: [],
    completions: [{
      operation: epoch,
      status: "done",
      blocks: [{ address: 0x8000_0000, data: new Uint8Array(bytes) }],
    }],
    consoleInput: new Uint8Array(0),
    consolePerformed: 0,
    frames: [],
    time: { base: 0, rate: 1 },
    digest: { state: 0n },
  };
}

Deno.test("a member is removed for one output that it holds up, and not for many that it lets go", async () => {
  for (const acknowledges of [true, false]) {
    const clock = new Ticks();
    const { stream, answers } = lineThat(() => Promise.resolve());
    const roster = rosterOn(clock);
    const id = "01".repeat(16);
    roster.attach(id, new Attachment(id, stream, snapshotAtPowerOn(), 1, roster));
    await turns();
    answers({ kind: "acknowledge", record: 0 });
    answers({ kind: "joined", epoch: 1, sharedDisk: false });
    await turns();
    assertEquals(roster.protection, "protected");
    for (let epoch = 1; epoch <= 20; epoch++) {
      roster.epochEnded(epoch, epochOf(epoch, 16));
      await turns();
      // The output of this epoch waits while somebody looks, and goes a moment later.
      clock.now += 400;
      roster.watch(acknowledges ? epoch : 1);
      if (acknowledges) answers({ kind: "acknowledge", record: epoch });
      await turns();
    }
    assertEquals(roster.attachments.length, acknowledges ? 1 : 0);
  }
});

Deno.test("a member that stops acknowledging is removed also while no output waits", async () => {
  const clock = new Ticks();
  const { stream, answers } = lineThat(() => Promise.resolve());
  const roster = rosterOn(clock);
  const id = "01".repeat(16);
  roster.attach(id, new Attachment(id, stream, snapshotAtPowerOn(), 1, roster));
  await turns();
  answers({ kind: "joined", epoch: 1, sharedDisk: false });
  await turns();
  for (let epoch = 2; epoch <= 20; epoch++) {
    roster.epochEnded(epoch, epochOf(epoch, 16));
    await turns();
    clock.now += 400;
    roster.watch(undefined);
  }
  assertEquals(roster.attachments.length, 0);
});

Deno.test("a record write that is tried again and again does not fill memory", () => {
  const durable = { run: "ab".repeat(16), term: 1, members: [] };
  const next = recordWith(durable, { id: "cd".repeat(16) });
  let knowledge = durablyWritten(durable);
  for (let attempt = 0; attempt < 100; attempt++) {
    knowledge = writeFailed(writeBegun(knowledge, recordWith(durable, { id: "cd".repeat(16) })));
  }
  assertEquals(knowledge.unsure, [next]);
});

for (const moving of [true, false]) {
  Deno.test(`a joining reader with a full queue that ${moving ? "drains slowly is waited for" : "stands still is removed"}`, async () => {
    const clock = new Ticks();
    const taken: (() => void)[] = [];
    const { stream } = lineThat(() => new Promise((resolve) => taken.push(resolve)));
    const roster = rosterOn(clock);
    const id = "02".repeat(16);
    roster.attach(id, new Attachment(id, stream, snapshotAtPowerOn(), 0, roster));
    for (let epoch = 1; epoch <= 48; epoch++) roster.epochEnded(epoch, epochOf(epoch, 256 << 10));
    for (let look = 0; look < 20; look++) {
      if (moving) taken.shift()?.();
      await hostLoop.turn();
      clock.now += 400;
      roster.watch(undefined);
    }
    assertEquals(roster.attachments.length, moving ? 1 : 0);
  });
}
