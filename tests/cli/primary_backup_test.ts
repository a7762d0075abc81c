import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { Lockstep, lockstep, shellLine } from "./lockstep_process.ts";

/** Options of a teller whose files are in `folder`. */
function teller(folder: string, bootArguments: string): readonly string[] {
  return ["teller", "--append", bootArguments, "--create-disk", "8M", ...outside(folder)];
}

function outside(folder: string): readonly string[] {
  return [
    ...["--disk", `${folder}/d.img`, "--bills", `${folder}/bills`],
    ...["--console", `${folder}/console`, "--disk-latency", "2"],
  ];
}

function verdictOf(folder: string) {
  const read = (name: string) => Deno.readFileSync(`${folder}/${name}`);
  const { sound, finished, findings } = audit({
    disk: read("d.img"),
    bills: read("bills"),
    console: read("console"),
  });
  return { sound, finished, findings };
}

const SOUND = { sound: true, finished: true, findings: [] };

Deno.test("a primary that powers off ends its backup with the guest's exit code", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    await using primary = new Lockstep([
      ...["primary", ...teller(folder, "transfers=40 pace=1"), "--listen", socket],
    ]);
    await primary.says(/Backups can join/);
    await using backup = new Lockstep(["backup", socket, ...outside(folder)]);
    await primary.says(/has joined: protected/);
    assertEquals((await primary.end()).code, 0);
    assertEquals((await backup.end()).code, 0);
    assertEquals(verdictOf(folder), SOUND);
  }));

Deno.test("SIGTERM on a primary ends the log cleanly, and its backup leaves with 0", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    await using primary = new Lockstep([
      ...["primary", ...teller(folder, "transfers=4000"), "--listen", socket],
    ]);
    await primary.says(/Backups can join/);
    await using backup = new Lockstep(["backup", socket, ...outside(folder)]);
    await primary.says(/has joined: protected/);
    primary.kill("SIGTERM");
    const [ended, left] = await Promise.all([primary.end(), backup.end()]);
    assertEquals([ended.code, left.code], [0, 0]);
    assertMatch(left.stderr, /The primary has ended its log cleanly/);
    const { sound, findings } = verdictOf(folder);
    assertEquals({ sound, findings }, { sound: true, findings: [] });
  }));

Deno.test("SIGUSR1 on a primary hands over to its backup", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    await using primary = new Lockstep([
      ...["primary", ...teller(folder, "transfers=60 pace=1"), "--listen", socket],
    ]);
    await primary.says(/Backups can join/);
    await using backup = new Lockstep(["backup", socket, ...outside(folder)]);
    await primary.says(/has joined: protected/);
    primary.kill("SIGUSR1");
    const ended = await primary.end();
    assertEquals(ended.code, 0);
    assertMatch(ended.stderr, /Handed over/);
    assertEquals((await backup.end()).code, 0);
    assertMatch(backup.said, /The primary hands over; .*\nlockstep: Promoted: goes live in term 2/);
    assertEquals(verdictOf(folder), SOUND);
  }));

Deno.test("SIGUSR1 on a primary that nobody could go on for changes nothing", async () => {
  await using primary = new Lockstep(["primary", "rtc-spin"]);
  await primary.says(/SOLO/);
  primary.kill("SIGUSR1");
  await primary.says(/Nobody could go on: not handed over/);
  primary.kill("SIGTERM");
  assertEquals((await primary.end()).code, 0);
});

Deno.test("a child over exec: with a disk of its own keeps it equal to the primary's", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/copy`);
    const own = `${folder}/copy`;
    await Deno.writeFile(`${own}/d.img`, new Uint8Array(8 * 2 ** 20));
    const primary = await lockstep([
      ...["primary", ...teller(folder, "transfers=40 pace=1")],
      ...["--to", `exec:${shellLine(["backup", "-", ...outside(own)])}`],
    ]);
    assertEquals(primary.code, 0, primary.stderr);
    assertMatch(primary.stderr, /has joined/);
    assertEquals(
      await Deno.readFile(`${own}/d.img`),
      await Deno.readFile(`${folder}/d.img`),
    );
  }));

Deno.test("a disk that a machine is active on is refused, with exit code 69", () =>
  withFolder(async (folder) => {
    await using first = new Lockstep([
      "run",
      ...teller(folder, "transfers=4000"),
      "--notes",
      "json",
    ]);
    await first.says(/"kind":"live"/);
    const second = await lockstep(["run", ...teller(folder, "transfers=1")]);
    assertEquals(second.code, 69);
    assertMatch(second.stderr, /^lockstep: Cannot start on .*: another machine is active on it\n$/);
  }));

Deno.test("the status of a primary that loses its backup says SOLO", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    await using primary = new Lockstep([
      ...["primary", ...teller(folder, "transfers=4000"), "--listen", socket],
    ]);
    await primary.says(/Backups can join/);
    await using backup = new Lockstep(["backup", socket, ...outside(folder)]);
    await primary.says(/has joined: protected/);
    backup.kill("SIGKILL");
    await primary.says(/is removed: .*; the machine goes on SOLO\n/);
    await primary.says(/SOLO {2}epoch \d+/);
  }));

Deno.test("a reader without disk or arbiter is not promoted, and says what its operator can do", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    await using primary = new Lockstep(["primary", "rtc-spin", "--listen", socket]);
    await primary.says(/Without --disk or --arbiter nobody is promoted by default/);
    await primary.says(/Backups can join/);
    await using backup = new Lockstep(["backup", socket]);
    await primary.says(/has joined/);
    primary.kill("SIGKILL");
    await backup.says(/nobody can tell whether the primary still runs: send SIGUSR1/);
    backup.kill("SIGUSR1");
    await backup.says(/promoted on the operator's word/);
    await backup.says(/Promoted: goes live in term 2/);
    backup.kill("SIGTERM");
    assertEquals((await backup.end()).code, 0);
  }));

Deno.test("on a stall that nobody decides --on-stall exit leaves with exit code 67", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    await using primary = new Lockstep(["primary", "rtc-spin", "--listen", socket]);
    await primary.says(/Backups can join/);
    await using backup = new Lockstep(["backup", socket, "--on-stall", "exit"]);
    await primary.says(/has joined/);
    primary.kill("SIGKILL");
    const { code, stderr } = await backup.end();
    assertEquals(code, 67);
    assertMatch(stderr, /Not promoted: The stream has ended without an end record/);
  }));

Deno.test("a backup's own copy of the log passes through the failover when it is replayed", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    const copy = `${folder}/copy.log`;
    await using primary = new Lockstep([
      ...["primary", ...teller(folder, "transfers=80 pace=1"), "--listen", socket],
    ]);
    await primary.says(/Backups can join/);
    await using backup = new Lockstep(["backup", socket, "-o", copy, ...outside(folder)]);
    await primary.says(/has joined: protected/);
    primary.kill("SIGKILL");
    assertEquals((await backup.end()).code, 0);
    assertEquals(verdictOf(folder), SOUND);
    const replayed = await lockstep(["replay", copy]);
    assertEquals(replayed.code, 0, replayed.stderr);
    assertMatch(replayed.stderr, /digests checked, all agree, failovers to term 2/);
  }));

Deno.test("a machine with a bill port refuses a backup that has no place for bills", () =>
  withFolder(async (folder) => {
    const socket = `unix:${folder}/s`;
    await using primary = new Lockstep([
      ...["primary", ...teller(folder, "transfers=4000"), "--listen", socket],
    ]);
    await primary.says(/Backups can join/);
    const backup = await lockstep(["backup", socket, "--disk", `${folder}/d.img`]);
    assertEquals(backup.code, 65);
    assert(backup.stderr.includes("name its file with --bills FILE"), backup.stderr);
  }));

Deno.test("Ctrl-C, which reaches both sides of a pipe, ends the log and both leave with 0", () =>
  withFolder(async (folder) => {
    const part = (name: string, words: readonly string[]) =>
      `{ sh -c 'echo $$ >"$0"; exec "$@"' '${folder}/${name}.pid' ${shellLine(words)}; ` +
      `echo $? >'${folder}/${name}.code'; }`;
    const primary = part("primary", ["primary", ...teller(folder, "transfers=4000"), "-o", "-"]);
    const backup = part("backup", ["backup", "-", ...outside(folder)]);
    const shell = new Deno.Command("sh", {
      args: ["-c", `${primary} | ${backup}`],
      stdin: "null",
      stderr: "piped",
    }).spawn();
    const said: string[] = [];
    for await (const text of shell.stderr.pipeThrough(new TextDecoderStream())) {
      said.push(text);
      if (!/Following run/.test(said.join("")) || said.includes("^C")) continue;
      said.push("^C");
      for (const name of ["primary", "backup"]) {
        Deno.kill(Number(await Deno.readTextFile(`${folder}/${name}.pid`)), "SIGINT");
      }
    }
    await shell.status;
    const codes = await Promise.all(
      ["primary", "backup"].map((name) => Deno.readTextFile(`${folder}/${name}.code`)),
    );
    assertEquals(codes, ["0\n", "0\n"], said.join(""));
    assertMatch(said.join(""), /The primary has ended its log cleanly/);
  }));

Deno.test("a backup whose disks are not the machine's is refused in one line", () =>
  withFolder(async (folder) => {
    const record = ["record", "hello", "--disk", "d.img", "--create-disk", "1M", "-o", "log"];
    assertEquals((await lockstep(record, { folder })).code, 0);
    await Deno.writeFile(`${folder}/small`, new Uint8Array(512));
    const cases: readonly (readonly [string[], string])[] = [
      [["small"], "Disk small has 512 bytes, the primary's disk 0 has 1048576: "],
      [["absent"], "Cannot use disk absent: it does not exist: "],
      [["d.img", "small"], "The machine has 1 disk, and 2 are given: "],
    ];
    for (const [disks, line] of cases) {
      const words = ["backup", "log", ...disks.flatMap((disk) => ["--disk", disk])];
      const { code, stderr } = await lockstep(words, { folder });
      assertEquals([code, stderr.split("\n").length], [65, 2]);
      assertStringIncludes(stderr, `lockstep: ${line}`);
    }
  }));
