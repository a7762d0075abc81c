/** Backups that must not be promoted: each says so in one clear line, with its own exit code. */
import { assertEquals, assertMatch } from "@std/assert";
import { LogReader } from "../../lib/log/log_reader.ts";
import type { Part } from "./part.ts";
import { LOG, protectedPair, SOCKET } from "./pair.ts";
import { DEVICES, Site } from "./site.ts";
import { assertBankGoesOn, assertFinishedSoundly } from "./verdict.ts";
import { until } from "./until.ts";

const STALLED = 67;
const LEFT_BEHIND = 68;

const LONG_SESSION = "transfers=4000 pace=10";

/** Starts a primary without a backup. */
function startPrimary(site: Site, more: string): Part {
  return site.run("primary", `primary teller ${DEVICES} --append '${LONG_SESSION}' ${more}`);
}

async function kill(part: Part): Promise<void> {
  await part.signal("SIGKILL");
  assertEquals(await part.ends(), 137);
}

/** It ends with that code and that line as its last, having performed nothing. */
async function refuses(site: Site, backup: Part, code: number, line: RegExp): Promise<void> {
  assertEquals(await backup.ends(), code, site.story());
  assertMatch(backup.lines.at(-1)!, line);
  const told =
    /^lockstep: (Following run|The disk's lock is free|The stream (is silent|has ended)|Left behind|Not promoted)/;
  for (const one of backup.lines) assertMatch(one, told);
}

/** The kinds of the whole records in a log. */
async function recordKinds(path: string): Promise<string[]> {
  const kinds = [];
  const file = await Deno.open(path);
  for await (const { record } of new LogReader(file.readable)) kinds.push(record.kind);
  return kinds;
}

const OTHER_FILE =
  /^lockstep: Not promoted: The log comes from another pipe or file than the one its primary wrote$/;

Deno.test("a backup of last week's log is not promoted", async () => {
  await using site = await Site.open();
  const primary = startPrimary(site, `-o ${LOG}`);
  await site.receipt(10);
  await kill(primary);
  const before = Deno.readFileSync(site.path("d.img"));
  const backup = site.run("backup", `backup ${LOG} ${DEVICES} --silence 200`);
  await refuses(
    site,
    backup,
    STALLED,
    /^lockstep: Not promoted: The primary was never seen alive, so the log may lack performed operations$/,
  );
  assertEquals(Deno.readFileSync(site.path("d.img")), before);
});

Deno.test("a backup of last week's log can be called off while it looks for its primary", async () => {
  await using site = await Site.open();
  const primary = startPrimary(site, `-o ${LOG}`);
  await site.receipt(3);
  await kill(primary);
  const backup = site.run("backup", `backup ${LOG} ${DEVICES} --silence 60000`);
  await backup.tells(/The disk's lock is free: waiting to see the primary alive$/);
  await backup.signal("SIGTERM");
  assertEquals(await backup.ends(), 0);
});

Deno.test("a backup restarted from its own copy of the log is not promoted", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "unix: socket",
    boot: LONG_SESSION,
    backup: "-o own.log",
  });
  // A backup copies what it has executed.
  const copied = () => recordKinds(site.path("own.log"));
  await until(async () => (await copied()).includes("epoch"), () => `a copy\n${site.story()}`);
  await kill(backup);
  const restart = (name: string) => site.run(name, `backup own.log ${DEVICES} --silence 200`);
  const nameless = /^lockstep: Not promoted: The log names no member that may be promoted$/;
  await refuses(site, restart("before-its-death"), STALLED, nameless);
  await kill(primary);
  await refuses(site, restart("after-its-death"), STALLED, nameless);
});

Deno.test("a backup that reads a copy of the log is not promoted", async () => {
  await using site = await Site.open();
  const primary = startPrimary(site, `-o ${LOG}`);
  await site.receipt(10);
  Deno.copyFileSync(site.path(LOG), site.path("copy.log"));
  const backup = site.run("backup", `backup copy.log ${DEVICES} --silence 200`);
  await backup.tells(/The stream is silent, but the lock is held: following on/);
  await kill(primary);
  await refuses(site, backup, STALLED, OTHER_FILE);
});

for (
  const [how, reads] of [
    ["cat of a dead primary's log", `cat ${LOG}`],
    ["tail of a living primary's log", `tail --bytes=+1 --follow ${LOG}`],
  ] as const
) {
  Deno.test(`a backup that reads the ${how} through a pipe is not promoted`, async () => {
    await using site = await Site.open();
    const primary = startPrimary(site, `-o ${LOG}`);
    await site.receipt(10);
    const tails = reads.startsWith("tail");
    if (!tails) await kill(primary);
    site.start(`${reads} | as backup lockstep backup - ${DEVICES} --silence 200`);
    const backup = site.part("backup");
    if (tails) {
      await backup.tells(/Following run/);
      await site.receipt(site.receipts() + 10);
      await kill(primary);
    }
    await refuses(site, backup, STALLED, OTHER_FILE);
  });
}

Deno.test("a backup behind tee is not promoted", async () => {
  await using site = await Site.open();
  site.start(
    `as primary lockstep primary teller ${DEVICES} --append '${LONG_SESSION}' -o - | ` +
      `tee copy.log | as backup lockstep backup - ${DEVICES}`,
  );
  await site.part("backup").tells(/Following run/);
  await site.receipt(10);
  await kill(site.part("primary"));
  await refuses(site, site.part("backup"), STALLED, OTHER_FILE);
});

Deno.test("a backup whose disk another run has changed in between is left behind", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "shell pipe",
    boot: LONG_SESSION,
  });
  await site.receipt(10);
  await backup.signal("SIGSTOP");
  await kill(primary);
  const refused = site.run("refused", "run teller --disk d.img --console refused");
  assertEquals(await refused.ends(), 69);
  assertMatch(
    refused.lines.join("\n"),
    /^lockstep: Cannot start on .*d\.img: The disk belongs to run [0-9a-f]{32}, which has 1 backup that may be promoted; --new-run gives it up$/,
  );
  await assertBankGoesOn(site);
  await backup.signal("SIGCONT");
  const foreign = /^lockstep: Left behind, join again: The disk now belongs to run [0-9a-f]{32}$/;
  await refuses(site, backup, LEFT_BEHIND, foreign);
});

Deno.test("a backup left behind when its cable was cut is not promoted when its primary, gone SOLO, is killed", async () => {
  await using site = await Site.open();
  // Two relays are the cable: stopped, they hold what is under way, and neither end sees an end.
  site.start(
    `as primary lockstep primary teller ${DEVICES} --append '${LONG_SESSION}' --to ` +
      `"exec:as there cat | as backup lockstep backup - ${DEVICES} --silence 300 | as back cat"`,
  );
  const [primary, backup] = [site.part("primary"), site.part("backup")];
  await primary.tells(/has joined: protected$/);
  await site.receipt(10);
  await site.part("there").signal("SIGSTOP");
  await site.part("back").signal("SIGSTOP");
  await backup.tells(/The stream is silent, but the lock is held: following on/);
  await primary.tells(/is removed: .*; the machine goes on SOLO$/);
  await site.receipt(site.receipts() + 10);
  await kill(primary);
  const { findings } = site.audit();
  await refuses(
    site,
    backup,
    LEFT_BEHIND,
    /^lockstep: Left behind, join again: The membership record does not name this backup$/,
  );
  assertEquals(findings, []);
});

Deno.test("a backup left behind is promoted again after it has joined again", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "unix: socket",
    boot: "burst transfers=2400",
    diskLatency: 4,
  });
  await site.receipt(50);
  await kill(backup);
  await primary.tells(/is removed: .*; the machine goes on SOLO$/);
  const again = site.run("again", `backup unix:${SOCKET} ${DEVICES} --disk-latency 4`);
  await again.tells(/Following run/);
  await until(
    () => primary.lines.filter((line) => /has joined: protected$/.test(line)).length === 2,
    () => `the backup to join again\n${site.story()}`,
  );
  await site.receipt(site.receipts() + 30);
  await kill(primary);
  assertEquals(await again.ends(), 0, site.story());
  assertFinishedSoundly(site);
});
