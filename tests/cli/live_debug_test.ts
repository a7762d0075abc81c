/** gdb's protocol at a backup that follows a live primary: copies of the machine, and a backup that nothing touches. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { pause } from "../../lib/host/pause.ts";
import { type GdbTalker, gdbTalker } from "../debug/gdb_client.ts";
import { straightReplay } from "../debug/straight_replay.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { framesOf, logOf, recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";
import { Site } from "./debugged_site.ts";
import { Lockstep, lockstep } from "./lockstep_process.ts";

const PIPE = new URL("./loopback_pipe.ts", import.meta.url).pathname;
const STOPPED = /^T05/;

/** A connection to a port of this host. */
class Caller implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly gdb: GdbTalker;

  constructor(port: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", PIPE, port],
      ...{ stdin: "piped", stdout: "piped", stderr: "null" },
    }).spawn();
    this.gdb = gdbTalker(this.#child.stdin, this.#child.stdout);
  }

  /** Whether the other side has cut the connection by then. */
  async cutOff(): Promise<boolean> {
    while (await this.gdb.next());
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has left by itself.
    }
    await this.#child.status;
    await this.gdb.disconnect();
  }
}

function siteTest(
  name: string,
  test: (site: Site) => Promise<void>,
  words?: string,
  options?: readonly string[],
): void {
  Deno.test(name, () =>
    withFolder(async (folder) => {
      await using site = await Site.open(folder, words, options);
      await test(site);
    }));
}

const stepOf = (when: string) => Number(/^step (\d+) /.exec(when)![1]);

Deno.test("a debugger's copy goes back to where it began, and on with the promoted machine, exactly", () =>
  withFolder(async (folder) => {
    const copy = `${folder}/copy.log`;
    await using site = await Site.open(folder, "transfers=600 pace=10", ["-o", copy]);
    const { primary, backup } = site;
    await using caller = new Caller(site.port);
    const { gdb } = caller;
    assertMatch(await gdb.ask("?"), STOPPED);
    const when = await gdb.monitor("when");
    const digest = await gdb.monitor("digest");
    for (let step = 0; step < 5; step++) assertMatch(await gdb.ask("s"), STOPPED);
    await site.goesOn();
    primary.kill("SIGKILL");
    await backup.says(/Promoted: goes live in term 2/);
    // Backwards while the new machine runs.
    assertMatch(await gdb.ask("bs"), STOPPED);
    assertMatch((await gdb.asked("bc")).answer, /replaylog:begin;/);
    assertEquals(await gdb.monitor("digest"), digest);
    const { shown, answer } = await gdb.asked("c");
    assertEquals(shown, "The guest has powered off here, with exit code 0\n");
    assertMatch(answer, /replaylog:end;/);
    const last = await gdb.monitor("digest");
    assertEquals((await backup.end()).code, 0);
    // The log that the backup kept, which knows nothing of debuggers, says the same.
    const log = await Deno.readFile(copy);
    const text = async (bytes: Uint8Array, step: number) => {
      const { digest } = (await straightReplay(bytes, [step])).get(step)!;
      return `step ${step}  digest ${digest.toString(16).padStart(16, "0")}\n`;
    };
    // A machine that waits has more than one epoch at its step; gdb's history begins behind this one.
    const first = Number(/ epoch (\d+) /.exec(when)![1]);
    const isUpToFirst = (one: LogRecord) =>
      one.kind === "epoch" ? one.epoch <= first : one.kind !== "end";
    const upToFirst = logOf(recordsOf(log).filter(isUpToFirst));
    assertEquals(digest, await text(upToFirst, stepOf(when)));
    assertEquals(last, await text(log, stepOf(last)));
    const read = (name: string) => Deno.readFileSync(`${folder}/${name}`);
    const verdict = audit({ disk: read("d.img"), bills: read("bills"), console: read("console") });
    assertEquals([verdict.sound, verdict.finished], [true, true]);
    // The backup has left, and gdb still has all of it.
    assertMatch((await gdb.asked("bc")).answer, /replaylog:begin;/);
  }));

siteTest("who does not speak gdb's protocol is cut off and touches nothing", async (site) => {
  const noises = [
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n$qSupported#37",
    new Uint8Array(100_000).fill(0x55),
    `$${"x".repeat(40_000)}`,
  ];
  for (const noise of noises) {
    await using caller = new Caller(site.port);
    await caller.gdb.send(noise).catch(() => {});
    assert(await caller.cutOff());
  }
  await site.backup.says(/does not speak gdb's protocol, and was cut off/);
  assert(!site.backup.said.includes("gdb has attached"), site.backup.said);
  await using caller = new Caller(site.port);
  const { gdb } = caller;
  assertMatch(await gdb.ask("?"), STOPPED);
  // Odd packets of one who does.
  for (const odd of ["", "qRcmd,zz", "vCont;x", "mffffffffffffffff,ffff", "Z9,1,1", "P0=1"]) {
    await gdb.ask(odd);
  }
  await gdb.send(`$${"y".repeat(100_000)}#00$abc#zz`);
  assertMatch(await gdb.ask("?"), /^E|^T05/);
  await site.goesOn();
});

siteTest(
  "each gdb has a copy of its own, four at most, and one that comes again a new one",
  async (site) => {
    const callers = Array.from({ length: 4 }, () => new Caller(site.port));
    try {
      for (const { gdb } of callers) assertMatch(await gdb.ask("?"), STOPPED);
      await using fifth = new Caller(site.port);
      await fifth.gdb.send("+$?#3f");
      assert(await fifth.cutOff());
      await site.backup.says(/gdb was turned away: 4 are debugging already/);
      const [first, second] = callers.map(({ gdb }) => gdb) as [GdbTalker, GdbTalker];
      const before = stepOf(await first.monitor("when"));
      // One moves, and the other one stays.
      const stays = await second.monitor("when");
      assertMatch(await first.ask("s"), STOPPED);
      assertEquals(await second.monitor("when"), stays);
      assertEquals(await first.monitor("checkpoint here"), await first.monitor("checkpoints"));
      assertEquals(await second.monitor("checkpoints"), "No checkpoints\n");
      await site.goesOn();
      assertEquals(await first.ask("D"), "OK");
      assert(await callers[0]!.cutOff());
      await using again = new Caller(site.port);
      assertMatch(await again.gdb.ask("?"), STOPPED);
      assert(stepOf(await again.gdb.monitor("when")) > before);
      assertEquals(await again.gdb.monitor("checkpoints"), "No checkpoints\n");
      assertEquals(await second.ask("vKill;1"), "OK");
      await site.goesOn();
    } finally {
      for (const caller of callers) await caller[Symbol.asyncDispose]();
    }
  },
);

siteTest(
  "when the backup is killed gdb keeps what it has, and nothing is left behind",
  async (site) => {
    await using caller = new Caller(site.port);
    const { gdb } = caller;
    assertMatch(await gdb.ask("?"), STOPPED);
    const folder = await folderOf(site.backup.pid);
    // The copy's bytes have no name any more.
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), []);
    await site.goesOn();
    site.backup.kill("SIGKILL");
    const { shown, answer } = await gdb.asked("c");
    assertEquals(shown, "Nothing more is known: the backup has gone\n");
    assertMatch(answer, /replaylog:end;/);
    assertMatch((await gdb.asked("bc")).answer, /replaylog:begin;/);
    assertEquals(await gdb.ask("D"), "OK");
    await isGone(folder);
    await site.primary.says(/the machine goes on SOLO/);
  },
);

siteTest(
  "gdb's server that is told to end leaves nothing behind",
  async (site) => {
    await using caller = new Caller(site.port);
    assertMatch(await caller.gdb.ask("?"), STOPPED);
    const folder = await folderOf(site.backup.pid);
    const [server] = (await shell(`cat /proc/${site.backup.pid}/task/*/children`)).trim().split(
      " ",
    );
    site.backup.kill("SIGKILL");
    await caller.gdb.monitor("checkpoint");
    await shell(`kill ${server}`);
    assert(await caller.cutOff());
    await isGone(folder);
  },
);

siteTest("when gdb's server is killed the backup goes on, and takes over", async (site) => {
  await using caller = new Caller(site.port);
  assertMatch(await caller.gdb.ask("?"), STOPPED);
  const folder = await folderOf(site.backup.pid);
  await shell(`kill -9 $(cat /proc/${site.backup.pid}/task/*/children)`);
  assert(await caller.cutOff());
  await site.backup.says(/gdb cannot attach any more: its server has ended, it was killed/);
  await isGone(folder);
  await site.goesOn();
  site.primary.kill("SIGKILL");
  assertEquals((await site.backup.end()).code, 0);
}, "transfers=600 pace=10");

siteTest(
  "a copy that has reached its limit ends, is told of, and is begun anew",
  async (site) => {
    await using caller = new Caller(site.port);
    const { gdb } = caller;
    assertMatch(await gdb.ask("?"), STOPPED);
    const { shown } = await gdb.asked("c");
    assertEquals(
      shown,
      "Nothing more is known: the copy of the log has reached its limit of 200K; " +
        "attach again for the present\n",
    );
    const end = stepOf(await gdb.monitor("when"));
    await site.goesOn();
    await using again = new Caller(site.port);
    assertMatch(await again.gdb.ask("?"), STOPPED);
    assert(stepOf(await again.gdb.monitor("when")) > end);
  },
  "transfers=40000",
  ["--debug-limit", "200K"],
);

siteTest("a promoted machine can be attached to as well", async (site) => {
  site.primary.kill("SIGKILL");
  await site.backup.says(/Promoted: goes live in term 2/);
  await using caller = new Caller(site.port);
  const { gdb } = caller;
  assertMatch(await gdb.ask("?"), STOPPED);
  const { shown } = await gdb.asked("c");
  assertEquals(shown, "The guest has powered off here, with exit code 0\n");
  assertEquals((await site.backup.end()).code, 0);
}, "transfers=600 pace=10");

Deno.test("a backup that waits for its operator can be attached to, and promoted then", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    await using primary = new Lockstep(["primary", "rtc-spin", "--listen", socket]);
    await primary.says(/Backups can join/);
    await using backup = new Lockstep(["backup", socket, "--debug", "127.0.0.1:0"]);
    await primary.says(/has joined/);
    primary.kill("SIGKILL");
    await backup.says(/nobody can tell whether the primary still runs: send SIGUSR1/);
    const [, port] = await backup.says(/target remote 127\.0\.0\.1:(\d+)/);
    await using caller = new Caller(port!);
    const { gdb } = caller;
    const before = stepOf(await gdb.monitor("seek end"));
    backup.kill("SIGUSR1");
    await backup.says(/Promoted: goes live in term 2/);
    for (let look = 0; look < 500; look++) {
      if (stepOf(await gdb.monitor("seek end")) > before) break;
      await pause(10);
    }
    assert(stepOf(await gdb.monitor("when")) > before);
    backup.kill("SIGTERM");
    assertEquals((await backup.end()).code, 0);
    assertEquals((await gdb.asked("c")).shown, "The machine was stopped here\n");
  }));

Deno.test("gdb that attaches before the backup has a machine waits for it", () =>
  withFolder(async (folder) => {
    const { log } = await recordGuest("clock");
    const snapshot = recordsOf(log).findIndex(({ kind }) => kind === "snapshot-commit");
    const part = framesOf(log).slice(0, snapshot).reduce((sum, { length }) => sum + length, 0);
    const path = `${folder}/clock.log`;
    await Deno.writeFile(path, log.subarray(0, part));
    await using backup = new Lockstep(["backup", path, "--debug", "127.0.0.1:0"]);
    const [, port] = await backup.says(/target remote 127\.0\.0\.1:(\d+)/);
    await using impatient = new Caller(port!);
    await impatient.gdb.send("+$?#3f");
    await using caller = new Caller(port!);
    const answer = caller.gdb.ask("?");
    await pause(1200);
    await impatient[Symbol.asyncDispose]();
    await backup.says(/gdb cannot be served: it has not waited/);
    await Deno.writeFile(path, log.subarray(part), { append: true });
    assertMatch(await answer, STOPPED);
    assertMatch(await caller.gdb.monitor("when"), /^step 0 /);
    const { shown } = await caller.gdb.asked("c");
    assertEquals(shown, "The guest has powered off here, with exit code 0\n");
    assertEquals((await backup.end()).code, 0);
  }));

Deno.test("a port that is taken, or that others could reach, is refused in a line", () =>
  withFolder(async (folder) => {
    const { log } = await recordGuest("hello");
    await Deno.writeFile(`${folder}/run.log`, log);
    const words = ["backup", `${folder}/run.log`];
    await using other = new Lockstep(["debug", `${folder}/run.log`, "--listen", "127.0.0.1:0"]);
    const [, address] = await other.says(/target remote (127\.0\.0\.1:\d+)/);
    const taken = await lockstep([...words, "--debug", address!]);
    assertEquals(taken.code, 69);
    assertMatch(
      taken.stderr,
      /^lockstep: Cannot listen at 127\.0\.0\.1:\d+: another process listens there.*\n$/,
    );
    for (const option of [["--debug", "0.0.0.0:1234"], ["--debug-limit", "1G"]]) {
      const { code, stderr } = await lockstep([...words, ...option]);
      assertEquals(code, 64);
      assertMatch(stderr, /^lockstep: --debug/);
    }
    const inner = await lockstep(["--help"]);
    assert(!inner.stdout.includes("debug-server"));
    assertNotEquals((await lockstep(["debug-server", "127.0.0.1:0"])).code, 0);
  }));

async function shell(line: string): Promise<string> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", line], stdin: "null" }).output();
  return new TextDecoder().decode(stdout);
}

/** The folder of the copies that a backup's server has, as its command line says it. */
async function folderOf(pid: number): Promise<string> {
  const line = await shell(
    `tr '\\0' '\\n' </proc/$(cat /proc/${pid}/task/*/children | tr -d ' ')/cmdline`,
  );
  return /^\/.*\/lockstep-debug-\w+$/m.exec(line)![0];
}

async function isGone(folder: string): Promise<void> {
  for (let look = 0; look < 500; look++) {
    const there = await Deno.stat(folder).then(() => true, () => false);
    if (!there) return;
    await pause(10);
  }
  throw new Error(`${folder} is still there`);
}
