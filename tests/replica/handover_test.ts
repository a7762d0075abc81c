/** Hand-overs and ends with something still in flight: operations, record writes, joining readers. */
import { assert, assertEquals } from "@std/assert";
import { pause } from "../../lib/host/pause.ts";
import { Cable } from "./stage/cable.ts";
import { Stage } from "./stage/stage.ts";

const BOOT = "transfers=30 pace=4";

async function members(stage: Stage): Promise<number> {
  const found = await stage.record();
  return found.found === "record" ? found.record.members.length : -1;
}

async function receipts(stage: Stage, count: number): Promise<void> {
  await stage.until(() => stage.consoleText().includes(`receipt ${count} `), `receipt ${count}`);
}

Deno.test("a hand-over waits for the write that is under way before the lock is freed", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const slow = Promise.withResolvers<void>();
  let writes = 0;
  let underWay = false;
  const primary = await stage.primary({
    cables: [cable],
    boot: BOOT,
    meddle: async (request, perform) => {
      if (request.kind !== "disk-write" || ++writes !== 20) return await perform(request);
      underWay = true;
      await slow.promise;
      const performed = await perform(request);
      underWay = false;
      return performed;
    },
  });
  let overlapped = false;
  const backup = stage.backup(cable, {
    meddle: (request, perform) => {
      overlapped ||= underWay;
      return perform(request);
    },
  });
  await stage.until(() => underWay, "the write");
  primary.live.stop("hand-over");
  await pause(150);
  assert(!backup.backup.holdsLock);
  slow.resolve();
  assertEquals((await primary.ended).reason, "hand-over");
  assertEquals((await (await backup.promoted).ended).reason, "power-off");
  assert(!overlapped);
  assertEquals(stage.audit().findings, []);
});

Deno.test("a hand-over while a member is being added leaves one machine, and nobody writes after it", async () => {
  await using stage = new Stage();
  const cables = [new Cable(), new Cable()] as const;
  let begun = false;
  let ended = false;
  const primary = await stage.primary({
    cables: [cables[0]],
    boot: "transfers=60 pace=4",
    membership: async (write, record) => {
      if (record.members.length > 1) {
        begun = true;
        await pause(150);
      }
      await write(record);
      ended = begun;
    },
  });
  const first = stage.backup(cables[0]);
  await receipts(stage, 3);
  primary.live.attach(cables[1].primary);
  const second = stage.backup(cables[1]);
  await stage.until(() => begun, "the record write");
  primary.live.stop("hand-over");
  await primary.ended;
  assert(ended);
  const machine = await Promise.any([first.promoted, second.promoted]);
  assertEquals((await machine.ended).reason, "power-off");
  const outcomes = await Promise.all([first.outcome, second.outcome]);
  assertEquals(outcomes.map(({ kind }) => kind).sort(), ["left-behind", "promoted"]);
  assertEquals(stage.audit().findings, []);
  assertEquals(await members(stage), 0);
});

Deno.test("two that join at once both become members, and one of them takes over", async () => {
  await using stage = new Stage();
  const cables = [new Cable(), new Cable()] as const;
  const primary = await stage.primary({ boot: "transfers=60 pace=4" });
  await receipts(stage, 3);
  for (const cable of cables) primary.live.attach(cable.primary);
  const backups = cables.map((cable) => stage.backup(cable));
  await stage.until(async () => await members(stage) === 2, "two members");
  await receipts(stage, 12);
  primary.kill();
  for (const cable of cables) cable.hangUp();
  primary.freeLock();
  const machine = await Promise.any(backups.map((backup) => backup.promoted));
  assertEquals((await machine.ended).reason, "power-off");
  const outcomes = await Promise.all(backups.map((backup) => backup.outcome));
  assertEquals(outcomes.map(({ kind }) => kind).sort(), ["left-behind", "promoted"]);
  assertEquals(stage.audit().findings, []);
});

Deno.test("a member that is lost while the machine ends is taken out of the record all the same", async () => {
  for (const moment of ["before", "during"] as const) {
    await using stage = new Stage();
    const cable = new Cable();
    const primary = await stage.primary({ cables: [cable], boot: BOOT });
    stage.backup(cable);
    await stage.until(async () => await members(stage) === 1, "a member");
    if (moment === "before") cable.hangUp();
    primary.live.stop("detach");
    if (moment === "during") cable.hangUp();
    assertEquals((await primary.ended).reason, "detach");
    assertEquals(await members(stage), 0);
  }
});

Deno.test("a reader that joins a machine about to power off gets its end, or is let go", async () => {
  await using stage = new Stage();
  const primary = await stage.primary({ boot: "transfers=12 pace=4" });
  await receipts(stage, 10);
  const backups = [];
  for (let reader = 0; reader < 6; reader++) {
    const cable = new Cable();
    primary.live.attach(cable.primary);
    backups.push(stage.backup(cable));
    await pause(5);
  }
  assertEquals((await primary.ended).reason, "power-off");
  for (const backup of backups) {
    const outcome = await backup.outcome;
    assert(outcome.kind === "ended" || outcome.kind === "stalled", JSON.stringify(outcome));
  }
  assertEquals(stage.audit().findings, []);
  assertEquals(await members(stage), 0);
});
