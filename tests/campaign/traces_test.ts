/** What processes leave in the file system, and where they meet. */
import { assertEquals } from "@std/assert";
import { protectedPair, SOCKET } from "./pair.ts";
import { Site } from "./site.ts";
import { assertFinishedSoundly } from "./verdict.ts";

Deno.test("logs, sockets, disks, records, bills and consoles are private, and nothing else is left", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "unix: socket",
    boot: "burst transfers=800",
    diskLatency: 8,
    backup: "-o copy.log --listen unix:q.sock",
  });
  await backup.tells(/Following run/);
  // The umask of these processes is 000.
  const modes = () =>
    Object.fromEntries(
      site.files().map((name) => [name, Deno.lstatSync(site.path(name)).mode! & 0o777]),
    );
  const left = ["bills", "console", "copy.log", "d.img", "d.img.lockstep"];
  const privately = (names: readonly string[]) =>
    Object.fromEntries([...names].sort().map((name) => [name, 0o600]));
  assertEquals(modes(), privately([...left, "p.sock"]));
  await primary.signal("SIGUSR1");
  assertEquals(await primary.ends(), 0, site.story());
  await backup.tells(/can join at unix:q\.sock$/);
  assertEquals(modes(), privately([...left, "q.sock"]));
  assertEquals(await backup.ends(), 0, site.story());
  assertEquals(modes(), privately(left));
});

for (const signal of ["SIGKILL", "SIGUSR1"] as const) {
  Deno.test(`a machine promoted after ${signal} listens at its predecessor's socket`, async () => {
    await using site = await Site.open();
    const { primary, backup } = await protectedPair(site, {
      stream: "unix: socket",
      boot: "burst transfers=800",
      diskLatency: 8,
      backup: `--listen unix:${SOCKET}`,
    });
    await site.receipt(100);
    await primary.signal(signal);
    await backup.tells(/can join at unix:p\.sock$/);
    assertEquals(Deno.lstatSync(site.path(SOCKET)).mode! & 0o777, 0o600);
    assertEquals(await backup.ends(), 0, site.story());
    assertFinishedSoundly(site);
    assertEquals(site.files(), ["bills", "console", "d.img", "d.img.lockstep"]);
  });
}

Deno.test("a machine promoted goes on when its socket cannot be opened", async () => {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, {
    stream: "exec: child",
    boot: "burst transfers=800",
    diskLatency: 8,
    backup: "--listen unix:taken",
  });
  Deno.writeTextFileSync(site.path("taken"), "something else");
  await site.receipt(100);
  await primary.signal("SIGKILL");
  await backup.tells(
    /Cannot listen at unix:taken: a file of that name exists; choose another path$/,
  );
  assertEquals(await backup.ends(), 0, site.story());
  assertFinishedSoundly(site);
  assertEquals(Deno.readTextFileSync(site.path("taken")), "something else");
});
