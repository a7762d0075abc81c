/** Ends on purpose and by accident: signals, hand-over, and who goes on when somebody dies. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LOG, protectedPair, SOCKET } from "./pair.ts";
import { DEVICES, Site } from "./site.ts";
import { assertBankGoesOn, assertFinishedSoundly } from "./verdict.ts";

const LONG_SESSION = "transfers=4000 pace=10";

Deno.test("Ctrl-C on a pipeline ends primary and backup with 0, and the disk belongs to nobody", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "shell pipe",
    boot: LONG_SESSION,
  });
  await site.receipt(10);
  // A terminal sends it to every process of the pipeline.
  await Promise.all([backup.signal("SIGINT"), primary.signal("SIGINT")]);
  assertEquals([await primary.ends(), await backup.ends()], [0, 0], site.story());
  assertEquals(primary.lines.at(-1), "lockstep: Stopped cleanly");
  assertEquals(backup.lines.at(-1), "lockstep: The primary has ended its log cleanly");
  assertEquals((await site.record()).members, []);
  const devices = "--disk d.img --bills next-bills --console next-console";
  const next = site.run("next", `run teller ${devices} --append 'transfers=20 pace=0'`);
  assertEquals(await next.ends(), 0, site.story());
});

Deno.test("SIGTERM on a primary ends every stream cleanly: a log to replay, a backup that leaves with 0", async () => {
  await using site = await Site.open();
  site.start(
    `as primary lockstep primary teller ${DEVICES} --append '${LONG_SESSION}' -o ${LOG} ` +
      `--to "exec:as backup lockstep backup - ${DEVICES}"`,
  );
  const [primary, backup] = [site.part("primary"), site.part("backup")];
  await backup.tells(/Following run/);
  await site.receipt(10);
  await primary.signal("SIGTERM");
  assertEquals([await primary.ends(), await backup.ends()], [0, 0], site.story());
  assertEquals((await site.record()).members, []);
  const replay = site.run("replay", `replay ${LOG}`);
  assertEquals(await replay.ends(), 0, site.story());
  assertMatch(replay.lines.join("\n"), /digests checked, all agree/);
  assertEquals(site.audit().findings, []);
});

Deno.test("SIGTERM on a backup lets it leave with 0, and its primary goes on SOLO to the end", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "unix: socket",
    boot: "burst transfers=800",
    diskLatency: 8,
  });
  await site.receipt(50);
  await backup.signal("SIGTERM");
  assertEquals(await backup.ends(), 0, site.story());
  assertEquals(await primary.ends(), 0, site.story());
  assert(primary.hasTold(/is removed: .*; the machine goes on SOLO$/), site.story());
  assertFinishedSoundly(site);
});

for (const stream of ["exec: child", "shell pipe"] as const) {
  Deno.test(`SIGUSR1 on a primary hands over to its backup on a ${stream}`, async () => {
    await using site = await Site.open();
    const { primary, backup } = await protectedPair(site, {
      stream,
      boot: "burst transfers=800",
      diskLatency: 8,
    });
    await site.receipt(200);
    await primary.signal("SIGUSR1");
    assertEquals([await primary.ends(), await backup.ends()], [0, 0], site.story());
    assertEquals(primary.lines.at(-1), "lockstep: Handed over");
    assert(backup.hasTold(/The primary hands over; /), site.story());
    assert(backup.hasTold(/Promoted: goes live in term 2 /), site.story());
    assertFinishedSoundly(site);
  });
}

for (const stream of ["unix: socket", "shell pipe", "exec: child"] as const) {
  Deno.test(`a backup killed with SIGKILL on a ${stream} leaves its primary SOLO, which finishes`, async () => {
    await using site = await Site.open();
    const { primary, backup } = await protectedPair(site, {
      stream,
      boot: "burst transfers=800",
      diskLatency: 8,
    });
    await site.receipt(200);
    await backup.signal("SIGKILL");
    assertEquals(await primary.ends(), 0, site.story());
    assert(primary.hasTold(/is removed: .*; the machine goes on SOLO$/), site.story());
    assertFinishedSoundly(site);
  });
}

Deno.test("when both are killed the disk belongs to their run, until --new-run goes on with the bank", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "unix: socket",
    boot: LONG_SESSION,
  });
  await site.receipt(10);
  await Promise.all([primary.signal("SIGKILL"), backup.signal("SIGKILL")]);
  assertEquals([await primary.ends(), await backup.ends()], [137, 137]);
  const refused = site.run("refused", "record teller --disk d.img -o refused.log");
  assertEquals(await refused.ends(), 69);
  assertMatch(refused.lines.join("\n"), /^lockstep: Cannot start on \S+: The disk belongs to run /);
  await assertBankGoesOn(site);
});

Deno.test("a repaired machine joins the new primary, which is killed too", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "unix: socket",
    boot: "burst transfers=2400",
    diskLatency: 8,
    backup: "--listen unix:q.sock",
  });
  await site.receipt(100);
  await primary.signal("SIGKILL");
  await backup.tells(/can join at unix:q\.sock$/);
  const repaired = site.run(
    "repaired",
    `backup unix:q.sock ${DEVICES} --disk-latency 8 --listen unix:${SOCKET}`,
  );
  await repaired.tells(/Following run/);
  await backup.tells(/has joined: protected$/);
  await site.receipt(site.receipts() + 100);
  await backup.signal("SIGKILL");
  assertEquals(await repaired.ends(), 0, site.story());
  // The first primary's socket file was dead: whoever holds the lock takes its place.
  assert(repaired.hasTold(/can join at unix:p\.sock$/), site.story());
  assert(repaired.hasTold(/Promoted: goes live in term 3 /), site.story());
  assertFinishedSoundly(site);
  const { term, members } = await site.record();
  assertEquals({ term, members }, { term: 3, members: [] });
});
