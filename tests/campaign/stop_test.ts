/** SIGSTOP: a process that is neither dead nor alive. */
import { assert, assertEquals } from "@std/assert";
import { pause } from "../../lib/host/pause.ts";
import { DEFAULT_LIMITS } from "../../lib/replica/roster.ts";
import { protectedPair } from "./pair.ts";
import { Site } from "./site.ts";
import { assertFinishedSoundly } from "./verdict.ts";

const LIMIT_MILLISECONDS = DEFAULT_LIMITS.silenceTicks / 10_000;

Deno.test("a stopped backup is removed within the primary's limit and is left behind", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "unix: socket",
    boot: "transfers=4000 pace=10",
  });
  await site.receipt(10);
  await backup.signal("SIGSTOP");
  const removed = await primary.tells(
    /is removed: it has not acknowledged for (\d+) ms; the machine goes on SOLO$/,
  );
  const waited = Number(removed[1]);
  assert(waited >= LIMIT_MILLISECONDS && waited < 2 * LIMIT_MILLISECONDS, removed[0]);
  await site.receipt(site.receipts() + 10);
  await primary.tells(/^lockstep: SOLO /);
  assertEquals((await site.record()).members, []);
  await backup.signal("SIGCONT");
  await backup.tells(/but the lock is held: following on/);
  await primary.signal("SIGKILL");
  assertEquals(await backup.ends(), 68, site.story());
  assertEquals(
    backup.lines.at(-1),
    "lockstep: Left behind, join again: The membership record does not name this backup",
  );
  assertEquals(site.audit().findings, []);
});

for (const stream of ["unix: socket", "shell pipe"] as const) {
  Deno.test(`a stopped primary on a ${stream} keeps its backup waiting, and both go on in lockstep`, async () => {
    await using site = await Site.open();
    const { primary, backup } = await protectedPair(site, {
      stream,
      boot: "burst transfers=1200",
      diskLatency: 4,
      backup: "--silence 300",
    });
    await site.receipt(100);
    // On a two-way stream the primary now waits for an acknowledgement, which comes when it is stopped.
    await backup.signal("SIGSTOP");
    await pause(100);
    await primary.signal("SIGSTOP");
    await backup.signal("SIGCONT");
    await backup.tells(/The stream is silent, but the lock is held: following on$/);
    // Longer than a primary bears an acknowledgement to be away: this time is its own fault.
    await pause(1.2 * LIMIT_MILLISECONDS);
    await primary.signal("SIGCONT");
    assertEquals([await primary.ends(), await backup.ends()], [0, 0], site.story());
    assert(!primary.hasTold(/is removed/), site.story());
    assert(!backup.hasTold(/Promoted/), site.story());
    assertFinishedSoundly(site);
  });
}
