/** Disks that fill up, that fail, and that are copies. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LOG } from "./pair.ts";
import { DEVICES, Site } from "./site.ts";
import { assertFinishedSoundly } from "./verdict.ts";
import { until } from "./until.ts";

/** The teller's exit code when its disk fails. */
const EXIT_DISK = 20;

/** Everybody ends with the guest's exit code, the log says why, and its replay ends in the same way. */
async function assertGuestSawErrors(site: Site, status: "no-space" | "io-error"): Promise<void> {
  const ends = [await site.part("primary").ends(), await site.part("backup").ends()];
  assertEquals(ends, [EXIT_DISK, EXIT_DISK], site.story());
  site.start(`as inspect lockstep inspect ${LOG} --json >inspected`);
  assertEquals(await site.part("inspect").ends(), 0, site.story());
  const records = Deno.readTextFileSync(site.path("inspected")).trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  const statuses: string[] = records.flatMap(({ completions = [] }) =>
    completions.map(({ status }: { status: string }) => status)
  );
  assert(statuses.includes(status), site.story());
  assertEquals(statuses.filter((one) => one !== "done" && one !== status), []);
  assertEquals(records.at(-1).exitCode, EXIT_DISK);
  assertEquals(await site.run("replay", `replay ${LOG}`).ends(), EXIT_DISK, site.story());
}

Deno.test("a full file system reaches the guest as errors, and the log", async () => {
  await using site = await Site.open();
  const devices = "--disk small/d.img --bills bills --console console";
  const run = `as primary lockstep primary teller ${devices} --create-disk 2M ` +
    `--append 'burst transfers=400' -o - --to ${LOG} | as backup lockstep backup - ${devices}`;
  Deno.mkdirSync(site.path("small"));
  // In a mount namespace of its own, which vanishes with the processes in it.
  const mount = "mount -t tmpfs -o size=64k none small";
  const room = await canMount()
    ? `unshare --mount sh -c "${mount} && ${run}"`
    : `trap '' XFSZ; ulimit -f 128; ${run}`;
  site.start(room);
  await assertGuestSawErrors(site, "no-space");
  assertMatch(site.consoleText(), /^receipt 1 /m);
});

Deno.test("a file size limit reaches the guest as errors, and the log", async () => {
  await using site = await Site.open();
  // Blocks of 512 bytes: the journal's first sectors are within, and nothing else grows so far.
  site.start(
    `(trap '' XFSZ; ulimit -f 96; as primary lockstep primary teller ${DEVICES} ` +
      `--append 'burst transfers=400' -o -) | tee ${LOG} | as backup lockstep backup - ${DEVICES}`,
  );
  await assertGuestSawErrors(site, "no-space");
});

Deno.test("a failing disk reaches the guest as errors, and the log", async () => {
  await using site = await Site.open();
  // The medium loses its sectors while the guest's first read is on its way.
  site.start(
    `as primary lockstep primary teller ${DEVICES} --disk-latency 1500 -o - --to ${LOG} | ` +
      `as backup lockstep backup - ${DEVICES}`,
  );
  await until(() => site.consoleText().includes("sectors"), () => site.story());
  Deno.truncateSync(site.path("d.img"), 0);
  await assertGuestSawErrors(site, "io-error");
});

Deno.test("a replica disk behind exec: ends equal to the primary's, with acknowledgements", async () => {
  await using site = await Site.open();
  Deno.copyFileSync(site.path("d.img"), site.path("copy.img"));
  const primary = site.run(
    "primary",
    `primary teller ${DEVICES} --append 'burst transfers=800' --disk-latency 2 --to ` +
      `"exec:as backup lockstep backup - --disk copy.img --bills bills2 --console console2"`,
  );
  const backup = site.part("backup");
  assertEquals([await primary.ends(), await backup.ends()], [0, 0], site.story());
  assert(primary.hasTold(/has joined: protected \(it has a disk of its own\)$/), site.story());
  assertEquals(Deno.readFileSync(site.path("copy.img")), Deno.readFileSync(site.path("d.img")));
  assertFinishedSoundly(site);
});

Deno.test("a replica disk is equal to the primary's also when both are stopped in the middle of disk I/O", async () => {
  for (let round = 0; round < 3; round++) {
    await using site = await Site.open();
    Deno.copyFileSync(site.path("d.img"), site.path("copy.img"));
    const far = "--disk copy.img --bills bills2 --console console2 --disk-latency 30";
    const primary = site.run(
      "primary",
      `primary teller ${DEVICES} --disk-latency 30 --append 'burst transfers=9000' ` +
        `--to "exec:as backup lockstep backup - ${far}"`,
    );
    const backup = site.part("backup");
    await primary.tells(/has joined: protected/);
    await site.receipt(site.receipts() + 20);
    await primary.signal("SIGTERM");
    assertEquals([await primary.ends(), await backup.ends()], [0, 0], site.story());
    const [disk, copy] = ["d.img", "copy.img"].map((name) => Deno.readFileSync(site.path(name)));
    assert(disk!.every((byte, index) => byte === copy![index]), site.story());
  }
});

Deno.test("a replica that its operator promotes goes on with its own disk", async () => {
  await using site = await Site.open();
  Deno.copyFileSync(site.path("d.img"), site.path("copy.img"));
  const devices = `--bills bills --console console --disk-latency 4`;
  site.start(
    `as primary lockstep primary teller --disk d.img ${devices} --append 'burst transfers=800' ` +
      `--to "exec:as backup lockstep backup - --disk copy.img ${devices}"`,
  );
  const [primary, backup] = [site.part("primary"), site.part("backup")];
  await primary.tells(/has joined: protected \(it has a disk of its own\)$/);
  await site.receipt(200);
  await primary.signal("SIGKILL");
  await backup.tells(/nobody can tell whether the primary still runs: send SIGUSR1/);
  await backup.signal("SIGUSR1");
  assertEquals(await backup.ends(), 0, site.story());
  assert(backup.hasTold(/promoted on the operator's word$/), site.story());
  assertFinishedSoundly(site, "copy.img");
});

async function canMount(): Promise<boolean> {
  const { success } = await new Deno.Command("unshare", {
    args: ["--mount", "true"],
    stderr: "null",
  }).output().catch(() => ({ success: false }));
  return success;
}
