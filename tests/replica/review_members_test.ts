/** Members of a live machine: who stays one, who becomes one, and what happens at the edges. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { HostClock } from "../../lib/epoch/host.ts";
import type { EpochRecord } from "../../lib/epoch/record.ts";
import { hostLoop } from "../../lib/host/event_loop.ts";
import { pause } from "../../lib/host/pause.ts";
import { Attachment } from "../../lib/replica/attachment.ts";
import { Roster } from "../../lib/replica/roster.ts";
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

Deno.test("a member that acknowledges every output, each a little late, stays a member", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: "transfers=400 pace=1" });
  const backup = stage.backup(cable);
  await stage.until(async () => (await members(stage)) === 1, "a member");
  // Three times as long as silence is borne; some output waits whenever somebody looks.
  for (let round = 0; round < 25; round++) {
    cable.answers.hold();
    await pause(40);
    cable.answers.release();
    await pause(1);
  }
  assertEquals(await members(stage), 1, primary.notes.join("; "));
  primary.live.stop("detach");
  await primary.ended;
  assertEquals((await backup.outcome).kind, "ended");
});

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
  cables[0].answers.end();
  await stage.until(
    () => primary.notes.some((note) => note.includes("is removed")),
    `the removal: ${primary.notes}`,
  );
  assertEquals((await primary.ended).reason, "power-off");
  const added = primary.notes.findIndex((note) => note.includes("is removed"));
  assert(added >= 0);
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
    time: { base: 0, rate: 1 },
    digest: { state: 0n },
  };
}

for (const moving of [true, false]) {
  Deno.test(`a joining reader with a full queue that ${moving ? "drains slowly is waited for" : "stands still is removed"}`, async () => {
    const clock = new Ticks();
    const taken: (() => void)[] = [];
    const stream: ByteStream = {
      name: "a slow line",
      kind: "unix",
      direction: "two-way",
      readable: new ReadableStream(),
      writable: new WritableStream({ write: () => new Promise((resolve) => taken.push(resolve)) }),
      endAtPresentEnd() {},
      close: () => Promise.resolve(),
    };
    const roster = new Roster(
      clock,
      hostLoop,
      { commitAdvanced() {}, note() {} },
      undefined,
      { silenceTicks: 1000, retryTicks: 100 },
    );
    roster.attach(
      "00",
      new Attachment("00".repeat(16), stream, [].values(), 0, roster),
    );
    for (let epoch = 1; epoch <= 48; epoch++) roster.send(epochOf(epoch, 256 << 10));
    for (let look = 0; look < 20; look++) {
      if (moving) taken.shift()?.();
      await hostLoop.turn();
      clock.now += 400;
      roster.watch(undefined);
    }
    assertEquals(roster.attachments.length, moving ? 1 : 0);
  });
}
