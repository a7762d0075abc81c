/** Failovers with disks on virtio-blk, whose operations of unknown fate are performed again. */
import { assert, assertEquals } from "@std/assert";
import type { OperationRequest } from "../../lib/board/operation.ts";
import { Cable } from "./stage/cable.ts";
import { type Meddle, Stage, type StagedPrimary } from "./stage/stage.ts";

const never = new Promise<never>(() => {});

async function finishesSoundly(stage: Stage, promoted: Promise<StagedPrimary>): Promise<void> {
  const machine = await promoted;
  assertEquals(await machine.ended, { kind: "end", reason: "power-off", exitCode: 0 });
  const { findings, finished } = stage.audit();
  assertEquals({ findings, finished }, { findings: [], finished: true });
  assert(!stage.consoleText().includes("retrying"), "the guest has noticed");
}

/** From the n-th write on nothing of a disk is performed any more; calls back when `count` operations hang. */
function hangingFrom(nth: number, count: number, hangs: () => void): Meddle {
  let writes = 0;
  let hanging = 0;
  return (request, perform) => {
    if (request.kind === "disk-write") writes++;
    if (writes < nth || !("disk" in request)) return perform(request);
    if (++hanging === count) hangs();
    return never;
  };
}

/** Holds everything until somebody can take over: a kill before that leaves nobody to go on. */
function onceProtected(meddle: Meddle) {
  const gate = Promise.withResolvers<void>();
  return {
    meddle: (async (request, perform) => {
      await gate.promise;
      return await meddle(request, perform);
    }) satisfies Meddle,
    async open(stage: Stage, primary: StagedPrimary): Promise<void> {
      await stage.until(() => primary.live.roster.protection === "protected", "protection");
      gate.resolve();
    },
  };
}

/** Passes everything on and remembers it. */
function watched(requests: OperationRequest[]): Meddle {
  return (request, perform) => {
    requests.push(request);
    return perform(request);
  };
}

const seen = (request: OperationRequest) =>
  JSON.stringify("data" in request ? { ...request, data: request.data.length } : request);

for (
  const [when, part] of [["before", 0], ["between the parts of", 0.5], ["after", 1]] as const
) {
  Deno.test(`a primary killed ${when} a write on virtio-blk leaves a write that is performed again`, async () => {
    await using stage = new Stage(["blk"]);
    const cable = new Cable();
    const victim = Promise.withResolvers<StagedPrimary>();
    let writes = 0;
    const hit: OperationRequest[] = [];
    const gate = onceProtected(async (request, perform) => {
      if (request.kind !== "disk-write" || ++writes !== 25) return await perform(request);
      hit.push(request);
      const bytes = Math.ceil(request.data.length / 512 * part) * 512;
      if (bytes > 0) await perform({ ...request, data: request.data.subarray(0, bytes) });
      const { kill, freeLock } = await victim.promise;
      kill();
      freeLock();
      return await never;
    });
    const primary = await stage.primary({
      ...{ cables: [cable], boot: "transfers=30 pace=4", meddle: gate.meddle },
    });
    victim.resolve(primary);
    const performed: OperationRequest[] = [];
    const backup = stage.backup(cable, { meddle: watched(performed) });
    await gate.open(stage, primary);
    await finishesSoundly(stage, backup.promoted);
    assert(performed.some((request) => seen(request) === seen(hit[0]!)));
    const told = backup.notes.filter((note) => note.endsWith(": performed again"));
    assert(told.some((note) => note.includes("disk-write")), backup.notes.join("; "));
    assert(!backup.notes.some((note) => note.endsWith(": uncertain")));
  });
}

Deno.test("what hangs on virtio-blk at a promotion is performed again first, in the order of issue", async () => {
  await using stage = new Stage(["blk"]);
  const cable = new Cable();
  const hangs = Promise.withResolvers<void>();
  const gate = onceProtected(hangingFrom(30, 1, hangs.resolve));
  const primary = await stage.primary({
    cables: [cable],
    boot: "burst transfers=200",
    meddle: gate.meddle,
  });
  const performed: OperationRequest[] = [];
  const backup = stage.backup(cable, { meddle: watched(performed) });
  await gate.open(stage, primary);
  await hangs.promise;
  primary.kill();
  primary.freeLock();
  await backup.promoted;
  const outcome = await backup.outcome;
  if (outcome.kind !== "promoted") throw new Error("Not promoted");
  const { again, uncertain } = outcome.takeover;
  assertEquals(uncertain, []);
  assert(again.length >= 1);
  await finishesSoundly(stage, backup.promoted);
  const first = performed.slice(0, again.length);
  // Reads wait for no commit and overtake; everything else comes in its order.
  const changes = (request: OperationRequest) => request.kind !== "disk-read";
  assertEquals(
    first.filter(changes).map(seen),
    again.map(({ request }) => request).filter(changes).map(seen),
  );
  assertEquals(first.map(seen).sort(), again.map(({ request }) => seen(request)).sort());
});

Deno.test("a second failover while repeats are outstanding performs them a third time", async () => {
  await using stage = new Stage(["blk"]);
  const cables = [new Cable(), new Cable()] as const;
  const hangs = Promise.withResolvers<void>();
  const gate = onceProtected(hangingFrom(30, 1, hangs.resolve));
  const primary = await stage.primary({
    cables: [cables[0]],
    boot: "burst transfers=200",
    meddle: gate.meddle,
  });
  // On the first backup nothing of the disk is ever performed.
  const first = stage.backup(cables[0], { meddle: hangingFrom(0, 1, () => {}), next: [cables[1]] });
  await gate.open(stage, primary);
  await hangs.promise;
  primary.kill();
  primary.freeLock();
  const promoted = await first.promoted;
  const second = stage.backup(cables[1]);
  await stage.until(() => promoted.live.roster.protection === "protected", "protection");
  promoted.kill();
  cables[1].hangUp();
  promoted.freeLock();
  await finishesSoundly(stage, second.promoted);
  const operations = (notes: readonly string[]) =>
    notes.flatMap((note) => /^Operation (\d+), disk.*: performed again$/.exec(note)?.[1] ?? []);
  const repeated = operations(second.notes);
  for (const operation of operations(first.notes)) assert(repeated.includes(operation));
});

Deno.test("a copy of a disk on virtio-blk is kept in step, and goes on when the primary is killed", async () => {
  await using stage = new Stage(["blk"]);
  const cable = new Cable({ device: 7, inode: 4730 });
  const copy = stage.copyDisk();
  const hangs = Promise.withResolvers<void>();
  const gate = onceProtected(hangingFrom(40, 1, hangs.resolve));
  const primary = await stage.primary({
    cables: [cable],
    boot: "transfers=40 pace=4",
    meddle: gate.meddle,
  });
  const backup = stage.backup(cable, { disk: copy, onStall: "promote" });
  await gate.open(stage, primary);
  await hangs.promise;
  primary.kill();
  primary.freeLock();
  assertEquals((await (await backup.promoted).ended).reason, "power-off");
  const { findings, finished } = stage.audit(copy);
  assertEquals({ findings, finished }, { findings: [], finished: true });
});

Deno.test("disks of both kinds and random bytes survive one kill together", async () => {
  for (const nth of [7, 12, 20]) {
    await using stage = new Stage(["scsi", "blk"]);
    const cable = new Cable();
    const hangs = Promise.withResolvers<void>();
    const gate = onceProtected(hangingFrom(nth, 4, hangs.resolve));
    const primary = await stage.primary({
      ...{ guest: "mixed", entropy: true, cables: [cable], boot: "rounds=40" },
      meddle: gate.meddle,
    });
    const backup = stage.backup(cable);
    await gate.open(stage, primary);
    await hangs.promise;
    primary.kill();
    primary.freeLock();
    const machine = await backup.promoted;
    assertEquals(await machine.ended, { kind: "end", reason: "power-off", exitCode: 0 });
    const [scsi, blk] = stage.images.map((path) => Deno.readFileSync(path));
    assertEquals(scsi, blk);
    assert(stage.consoleText().includes("16 of 16 blocks as written on both disks"));
    const fate = (disk: number, what: string) =>
      backup.notes.some((note) => note.endsWith(` of disk ${disk}: ${what}`));
    assert(fate(0, "uncertain") && fate(1, "performed again"), backup.notes.join("\n"));
    assert(!fate(0, "performed again") && !fate(1, "uncertain"));
  }
});
