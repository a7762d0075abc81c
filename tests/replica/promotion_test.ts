/** Promotions at awkward moments: late records, stopped processes, copies of disks, several logs. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { pause } from "../../lib/host/pause.ts";
import { MembershipFile, membershipPath } from "../../lib/replica/membership.ts";
import { Cable } from "./stage/cable.ts";
import { Stage } from "./stage/stage.ts";

const BOOT = "transfers=30 pace=4";

async function receipts(stage: Stage, count: number): Promise<void> {
  await stage.until(() => stage.consoleText().includes(`receipt ${count} `), `receipt ${count}`);
}

Deno.test("records that arrive while a backup prepares its promotion are not half taken in", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable, {
    async preparing() {
      cable.log.release();
      await pause(30);
    },
  });
  await receipts(stage, 5);
  // The stream neither ends nor says anything more: only time decides that it is drained.
  cable.log.hold();
  await stage.until(() => primary.live.counts.held > 0, "an output that waits");
  primary.kill();
  primary.freeLock();
  const machine = await backup.promoted;
  await stage.until(() => stage.audit().finished, `the session to finish: ${backup.notes}`);
  assertEquals((await machine.ended).reason, "power-off");
  assertEquals(stage.audit().findings, []);
});

Deno.test("a time in which the backup itself was stopped is no silence of its primary", async () => {
  await using stage = new Stage();
  const cable = new Cable({ device: 7, inode: 4720 });
  const copy = stage.copyDisk();
  const primary = await stage.primary({ cables: [cable], boot: "transfers=60 pace=4" });
  const backup = stage.backup(cable, { disk: copy, onStall: "promote" });
  await receipts(stage, 5);
  // Everybody on this thread stands still, as after a SIGSTOP or while a laptop sleeps; what has come
  // meanwhile is read a little later.
  cable.log.hold();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  await pause(50);
  cable.log.release();
  assertEquals((await primary.ended).reason, "power-off");
  assertEquals((await backup.outcome).kind, "ended", backup.notes.join("; "));
  assertEquals(Deno.readFileSync(copy), Deno.readFileSync(stage.disk));
});

Deno.test("a copy whose record names backups of another run is not written to", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const copy = stage.copyDisk();
  const file = await MembershipFile.open(membershipPath(Deno.realPathSync(copy)));
  await file.write({ run: "ab".repeat(16), term: 1, members: [{ id: "cd".repeat(16) }] });
  await file.close();
  const before = Deno.readFileSync(copy);
  const primary = await stage.primary({ cables: [cable], boot: BOOT });
  const backup = stage.backup(cable, { disk: copy });
  await assertRejects(() => backup.outcome, Error, "belongs to run abab");
  assertEquals((await primary.ended).reason, "power-off");
  assertEquals(Deno.readFileSync(copy), before);
});

Deno.test("a disk with its primary's record and without its lock is refused while the primary lives", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const copy = stage.copyDisk();
  // The session must outlast the silence (300 ms) after which the backup is sure that its primary lives.
  const primary = await stage.primary({ cables: [cable], boot: "transfers=100 pace=100" });
  Deno.copyFileSync(membershipPath(stage.disk), membershipPath(copy));
  const backup = stage.backup(cable, { disk: copy });
  await assertRejects(() => backup.outcome, Error, "Nobody holds the lock");
  primary.live.stop("detach");
  await primary.ended;
});

Deno.test("a backup that is called off leaves at once, however far behind it is", async () => {
  await using stage = new Stage();
  const cable = new Cable({ device: 7, inode: 4721 });
  const primary = await stage.primary({
    cables: [cable],
    boot: "transfers=60 pace=4",
    policy: { epochSteps: 20_000 },
  });
  const backup = stage.backup(cable);
  await receipts(stage, 2);
  cable.log.hold();
  await receipts(stage, 50);
  const reached = backup.backup.replica!.epoch;
  cable.log.release();
  await stage.until(() => backup.backup.replica!.epoch > reached, "the backlog to be begun");
  backup.backup.leave();
  assertEquals((await backup.outcome).kind, "stalled");
  assert(backup.backup.replica!.epoch < primary.live.figures.epoch - 100);
  await primary.ended;
});

Deno.test("a reader that attaches to a promoted machine before it runs follows it from its promotion", async () => {
  await using stage = new Stage();
  const first = new Cable();
  const second = new Cable();
  const primary = await stage.primary({ cables: [first], boot: BOOT });
  const backup = stage.backup(first, { next: [second] });
  await receipts(stage, 5);
  primary.kill();
  primary.freeLock();
  const promoted = await backup.promoted;
  const next = stage.backup(second);
  assertEquals((await promoted.ended).reason, "power-off");
  assertEquals((await next.outcome).kind, "ended", next.notes.join("; "));
});

Deno.test("a device that does not open stops the promotion, and the other backup takes over", async () => {
  await using stage = new Stage();
  const cables = [new Cable(), new Cable()] as const;
  const primary = await stage.primary({ cables, boot: BOOT });
  const bad = stage.backup(cables[0], {
    preparing: () => Promise.reject(new Error("The bill file does not open")),
  });
  const good = stage.backup(cables[1]);
  await receipts(stage, 3);
  await stage.until(async () => {
    const found = await stage.record();
    return found.found === "record" && found.record.members.length === 2;
  }, "two members");
  for (const cable of cables) cable.log.hold();
  primary.kill();
  primary.freeLock();
  cables[0].log.release();
  await assertRejects(() => bad.outcome, Error, "does not open");
  cables[1].log.release();
  assertEquals((await (await good.promoted).ended).reason, "power-off");
  assertEquals(stage.audit().findings, []);
});

Deno.test("a backup of a promoted machine's backup takes over in its turn", async () => {
  await using stage = new Stage();
  let cable = new Cable();
  let machine = await stage.primary({ cables: [cable], boot: "transfers=60 pace=4" });
  for (const reached of [8, 18, 28]) {
    const backup = stage.backup(cable);
    await stage.until(() => machine.live.roster.protection === "protected", "protection");
    await receipts(stage, reached);
    machine.kill();
    cable.hangUp();
    machine.freeLock();
    machine = await backup.promoted;
    cable = new Cable();
    machine.live.attach(cable.primary);
  }
  const last = stage.backup(cable);
  assertEquals((await machine.ended).reason, "power-off");
  assertEquals((await last.outcome).kind, "ended");
  assertEquals(stage.audit().findings, []);
  assertStringIncludes(stage.consoleText(), "receipt 60 ");
});
