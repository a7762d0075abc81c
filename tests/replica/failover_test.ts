/** Failover scenarios: real machines on a stage, whose processes and cables fail at chosen moments. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { OperationRequest } from "../../lib/board/operation.ts";
import type { Performed } from "../../lib/epoch/host.ts";
import { Cable } from "./stage/cable.ts";
import { type Meddle, Stage, type StagedPrimary } from "./stage/stage.ts";

const BOOT = "transfers=30 pace=4";

/** Lets the n-th disk write be performed by `act`, everything else as it is. */
function atWrite(
  nth: number,
  act: (
    request: Extract<OperationRequest, { kind: "disk-write" }>,
    perform: (request: OperationRequest) => Promise<Performed>,
  ) => Promise<Performed>,
): Meddle {
  let writes = 0;
  return (request, perform) =>
    request.kind === "disk-write" && ++writes === nth ? act(request, perform) : perform(request);
}

const never = new Promise<never>(() => {});

async function receipts(stage: Stage, count: number): Promise<void> {
  await stage.until(() => stage.consoleText().includes(`receipt ${count} `), `receipt ${count}`);
}

/** The promoted machine finishes the session, and the books are right. */
async function finishesSoundly(stage: Stage, promoted: Promise<StagedPrimary>): Promise<void> {
  const machine = await promoted;
  assertEquals(await machine.ended, { kind: "end", reason: "power-off", exitCode: 0 });
  const verdict = stage.audit();
  assertEquals(verdict.findings, []);
  assert(verdict.finished);
}

Deno.test("a backup follows its primary to a clean end and leaves with it", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable] });
  const backup = stage.backup(cable);
  assertEquals((await primary.ended).reason, "power-off");
  const outcome = await backup.outcome;
  assertEquals(outcome.kind === "ended" && outcome.end.exitCode, 0);
  assert(stage.audit().sound);
});

for (
  const [when, part] of [["before", 0], ["between the parts of", 0.5], ["after", 1]] as const
) {
  Deno.test(`a primary killed ${when} a disk write leaves a write that is retried once`, async () => {
    await using stage = new Stage();
    const cable = new Cable();
    const victim = Promise.withResolvers<StagedPrimary>();
    const written: number[] = [];
    const primary = await stage.primary({
      cables: [cable],
      boot: BOOT,
      meddle: atWrite(25, async (request, perform) => {
        written.push(request.sector);
        const bytes = Math.ceil(request.data.length / 512 * part) * 512;
        if (bytes > 0) {
          await perform({ ...request, data: request.data.subarray(0, bytes) });
        }
        const { kill, freeLock } = await victim.promise;
        kill();
        freeLock();
        return await never;
      }),
    });
    victim.resolve(primary);
    const retried: number[] = [];
    const backup = stage.backup(cable, {
      meddle: (request, perform) => {
        if (request.kind === "disk-write" && written.includes(request.sector)) {
          retried.push(request.sector);
        }
        return perform(request);
      },
    });
    await finishesSoundly(stage, backup.promoted);
    const retries: string[] = stage.consoleText().match(/retrying write sector \d+/g) ?? [];
    assert(retries.includes(`retrying write sector ${written[0]}`), `retries: ${retries}`);
    assert(retried.length >= 1);
    const told = backup.notes.filter((note) => / disk-write .* sector \d+ of disk 0: /.test(note));
    const ofWrite = told.filter((note) => note.includes(` at sector ${written[0]} of`));
    assertMatch(ofWrite[0]!, /^Operation \d+, .*: uncertain$/);
    assertMatch(ofWrite[1]!, /^Operation \d+, .*: retried as operation \d+$/);
  });
}

Deno.test("an epoch that no backup has acknowledged performs nothing, and is lost with the primary", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable);
  await receipts(stage, 5);
  cable.answers.hold();
  await stage.until(() => primary.live.counts.held > 0, "an output that waits for its commit");
  const disk = Deno.readFileSync(stage.disk);
  await stage.until(() => primary.live.counts.underWay === 0, "reads to settle");
  assertEquals(Deno.readFileSync(stage.disk), disk);
  primary.kill();
  primary.freeLock();
  await finishesSoundly(stage, backup.promoted);
});

Deno.test("records still in a pipe when the lock is obtained are executed before the promotion", async () => {
  await using stage = new Stage();
  const cable = new Cable({ device: 7, inode: 4711 });
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable);
  await receipts(stage, 5);
  cable.log.hold();
  await receipts(stage, 12);
  const epoch = primary.live.figures.epoch;
  primary.kill();
  primary.freeLock();
  const inHand = stage.until(
    () => backup.notes.length > 0 || backup.backup.holdsLock,
    "the lock to be obtained",
  );
  await inHand;
  assert(backup.backup.replica!.epoch < epoch);
  cable.log.release();
  const promoted = await backup.promoted;
  assert(promoted.live.figures.epoch >= epoch);
  await finishesSoundly(stage, backup.promoted);
});

Deno.test("a backup whose snapshot is still on its way is not promoted", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  cable.log.hold();
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable);
  await receipts(stage, 3);
  assertEquals(primary.live.roster.protection, "joining");
  primary.kill();
  primary.freeLock();
  cable.answers.end();
  cable.log.alter = (bytes) => bytes;
  cable.log.release();
  const outcome = await backup.outcome;
  // The snapshot came whole in the end, but nobody was waited for: the record does not name it.
  assertEquals(outcome.kind, "left-behind");
});

Deno.test("a primary killed while it writes a member into the record leaves either outcome, never two machines", async () => {
  for (const durable of [false, true]) {
    await using stage = new Stage();
    const cable = new Cable();
    let stuck = false;
    const primary = await stage.primary({
      cables: [cable],
      boot: BOOT,
      membership: async (write, record) => {
        if (record.members.length === 0) return await write(record);
        if (durable) await write(record);
        stuck = true;
        return await never;
      },
    });
    const backup = stage.backup(cable);
    await stage.until(() => stuck, "the record write to be under way");
    // The primary goes on meanwhile, and waits for the member from before that write.
    await receipts(stage, 4);
    primary.kill();
    primary.freeLock();
    if (durable) await finishesSoundly(stage, backup.promoted);
    else assertEquals((await backup.outcome).kind, "left-behind");
  }
});

Deno.test("of two backups whose cables are cut one takes over when the primary dies before going solo", async () => {
  await using stage = new Stage();
  const cables = [new Cable(), new Cable()] as const;
  const primary = await stage.primary({ cables, boot: BOOT });
  const backups = cables.map((cable) => stage.backup(cable));
  await stage.until(async () => (await members(stage)) === 2, "two members");
  await receipts(stage, 4);
  for (const cable of cables) cable.cut();
  await stage.until(() => primary.live.counts.held > 0, "an output that waits");
  primary.kill();
  primary.freeLock();
  const promoted = await Promise.any(backups.map((backup) => backup.promoted));
  assertEquals((await promoted.ended).reason, "power-off");
  assertEquals(stage.audit().findings, []);
  const outcomes = await Promise.all(backups.map((backup) => backup.outcome));
  assertEquals(outcomes.map(({ kind }) => kind).sort(), ["left-behind", "promoted"]);
});

Deno.test("a removed sibling that gets the lock first is left behind, and the member takes over", async () => {
  await using stage = new Stage();
  const cables = [new Cable(), new Cable()] as const;
  const primary = await stage.primary({ cables, boot: "transfers=200 pace=4" });
  const removed = stage.backup(cables[0]);
  await stage.until(async () => (await members(stage)) === 1, "the first member");
  const member = stage.backup(cables[1]);
  await stage.until(async () => (await members(stage)) === 2, "two members");
  cables[0].cut();
  await stage.until(async () => (await members(stage)) === 1, "the removal");
  cables[1].log.hold();
  cables[1].answers.hold();
  await stage.until(() => primary.live.counts.held > 0, "an output that waits");
  primary.kill();
  primary.freeLock();
  assertEquals((await removed.outcome).kind, "left-behind");
  cables[1].log.release();
  cables[1].answers.release();
  await finishesSoundly(stage, member.promoted);
});

Deno.test("a backup that diverges in its backlog is not promoted, and the good one beside it is", async () => {
  await using stage = new Stage();
  const cables = [new Cable(), new Cable()] as const;
  // A digest of all RAM in every record: a page that nobody writes to is noticed at once.
  const primary = await stage.primary({ cables, boot: BOOT, policy: { ramDigestSteps: 1 } });
  const bad = stage.backup(cables[0]);
  const good = stage.backup(cables[1]);
  await stage.until(async () => (await members(stage)) === 2, "two members");
  await receipts(stage, 3);
  for (const cable of cables) cable.log.hold();
  await stage.until(() => primary.live.counts.held > 0, "a backlog");
  bad.backup.replica!.machine.memory.write(0x8000_0000 + 0x20_0000, new Uint8Array([1]));
  primary.kill();
  primary.freeLock();
  cables[0].log.release();
  await assertRejects(() => bad.outcome, Error, "Divergence in epoch");
  cables[1].log.release();
  await finishesSoundly(stage, good.promoted);
});

Deno.test("a primary that cannot write its record performs nothing that needs it, and retries", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  let full = true;
  let refusals = 0;
  const primary = await stage.primary({
    cables: [cable],
    boot: BOOT,
    membership: async (write, record) => {
      const removes = record.members.length === 0 && record.term === 1;
      if (removes && full && (await stage.record()).found === "record") {
        refusals++;
        throw new Error("Cannot write the membership record: no space left");
      }
      return await write(record);
    },
  });
  const backup = stage.backup(cable);
  await receipts(stage, 4);
  cable.cut();
  await stage.until(() => refusals >= 3, "the removal to be tried several times");
  const disk = Deno.readFileSync(stage.disk);
  const console = stage.consoleText();
  await stage.until(() => refusals >= 6, "more tries");
  assertEquals(Deno.readFileSync(stage.disk), disk);
  assertEquals(stage.consoleText(), console);
  assertStringIncludes(primary.notes.join("\n"), "no space left");
  full = false;
  assertEquals((await primary.ended).reason, "power-off");
  assertEquals(stage.audit().findings, []);
  assertStringIncludes(primary.notes.join("\n"), "SOLO");
  assertEquals((await backup.outcome).kind, "left-behind");
});

Deno.test("a backup left behind by a primary that went solo is never promoted", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: "transfers=200 pace=4" });
  const backup = stage.backup(cable);
  await receipts(stage, 4);
  cable.cut();
  await stage.until(() => primary.live.roster.protection === "SOLO", "going solo");
  const before = stage.consoleText().length;
  await stage.until(() => stage.consoleText().length > before, "the machine to go on");
  primary.kill();
  primary.freeLock();
  const outcome = await backup.outcome;
  assertEquals(outcome.kind, "left-behind");
});

Deno.test("a stream that falls silent while the lock is held is followed on", async () => {
  await using stage = new Stage();
  const cable = new Cable({ device: 7, inode: 4712 });
  const primary = await stage.primary({ cables: [cable], boot: "transfers=300 pace=4" });
  const backup = stage.backup(cable);
  await receipts(stage, 4);
  cable.log.hold();
  await stage.until(() => backup.notes.some((note) => note.includes("lock is held")), "silence");
  cable.log.release();
  await primary.ended;
  assertEquals((await backup.outcome).kind, "ended");
});

Deno.test("another run is refused on a disk whose members may be promoted, and ends them with --new-run", async () => {
  await using stage = new Stage();
  const cable = new Cable({ device: 7, inode: 4713 });
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable);
  await receipts(stage, 4);
  cable.log.hold();
  await stage.until(async () => (await members(stage)) === 1, "a member");
  primary.kill();
  primary.freeLock();
  await assertRejects(() => stage.primary({ boot: BOOT }), Error, `belongs to run ${primary.run}`);
  await stage.until(() => backup.backup.holdsLock, "the backup to wait for the end of its pipe");
  cable.log.release();
  await finishesSoundly(stage, backup.promoted);
});

Deno.test("a backup whose disk another run took in between is left behind", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable, { onStall: "ask" });
  await receipts(stage, 4);
  cable.cut();
  primary.kill();
  // Both steps of the kill and the start of the other run fall into one silence of the stream.
  primary.freeLock();
  const other = await stage.primary({ boot: BOOT, newRun: true });
  const outcome = await backup.outcome;
  assertEquals(outcome.kind, "left-behind");
  assertStringIncludes(outcome.kind === "left-behind" ? outcome.reason : "", other.run);
  await other.ended;
});

Deno.test("a hand-over on purpose passes the machine on without a stall", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable);
  await receipts(stage, 6);
  primary.live.stop("hand-over");
  assertEquals((await primary.ended).reason, "hand-over");
  await finishesSoundly(stage, backup.promoted);
  assertStringIncludes(backup.notes.join("\n"), "hands over");
});

Deno.test("a guest that resets with writes outstanding takes its backup along, and a late one, too", async () => {
  await using stage = new Stage();
  const cables = [new Cable(), new Cable()] as const;
  const primary = await stage.primary({ cables: [cables[0]], guest: "reset", boot: "" });
  const early = stage.backup(cables[0]);
  const late = stage.backup(cables[1]);
  primary.live.attach(cables[1].primary);
  assertEquals((await primary.ended).exitCode, 0);
  for (const backup of [early, late]) {
    const outcome = await backup.outcome;
    assertEquals(outcome.kind === "ended" && outcome.end.exitCode, 0);
  }
  assertStringIncludes(stage.consoleText(), "6 of 6 writes from before the reset are on disk");
});

Deno.test("a repaired machine joins through a snapshot and survives the second failover", async () => {
  await using stage = new Stage();
  const first = new Cable();
  const primary = await stage.primary({ cables: [first], boot: "transfers=60 pace=4" });
  const backup = stage.backup(first);
  await receipts(stage, 8);
  primary.kill();
  primary.freeLock();
  const second = await backup.promoted;
  await receipts(stage, 16);
  const cable = new Cable();
  second.live.attach(cable.primary);
  const repaired = stage.backup(cable);
  await stage.until(() => second.live.roster.protection === "protected", "protection");
  await receipts(stage, 30);
  second.kill();
  cable.hangUp();
  second.freeLock();
  await finishesSoundly(stage, repaired.promoted);
  const record = await stage.record();
  assertEquals(record.found === "record" && record.record.term, 3);
});

Deno.test("a backup with a disk of its own keeps it equal and waits for its operator", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const copy = stage.copyDisk();
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable, { disk: copy });
  await primary.ended;
  assertEquals((await backup.outcome).kind, "ended");
  assertEquals(Deno.readFileSync(copy), Deno.readFileSync(stage.disk));
});

Deno.test("a backup with a disk of its own is promoted only on its operator's word", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const copy = stage.copyDisk();
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable, { disk: copy });
  await receipts(stage, 8);
  primary.kill();
  await stage.until(() => backup.notes.some((note) => note.includes("SIGUSR1")), "the question");
  backup.backup.promoteNow();
  const promoted = await backup.promoted;
  assertEquals((await promoted.ended).exitCode, 0);
  assertEquals(stage.audit(copy).findings, []);
});

async function members(stage: Stage): Promise<number> {
  const found = await stage.record();
  return found.found === "record" ? found.record.members.length : 0;
}
