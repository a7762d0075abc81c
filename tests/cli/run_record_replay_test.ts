import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { Lockstep, lockstep, shellLine } from "./lockstep_process.ts";

const HELLO = "Hello from a machine that survives\n";

Deno.test("run prints the guest's console and passes its exit code on", async () => {
  assertEquals(await lockstep(["run", "hello"]), { code: 0, stdout: HELLO, stderr: "" });
  assertEquals((await lockstep(["run", "hello", "--append", "exit=5"])).code, 5);
});

Deno.test("an exit code that is not the guest's to give is told and becomes 63", async () => {
  const { code, stderr } = await lockstep(["run", "hello", "--append", "exit=200"]);
  assertEquals(code, 63);
  assertEquals(stderr, "lockstep: The guest powered off with exit code 200, reported as 63\n");
});

Deno.test("standard input is the guest's console", async () => {
  const { code, stdout } = await lockstep(["run", "echo"], { stdin: "abc\ndef\x04" });
  assertEquals(code, 0);
  assertMatch(stdout, /abc\r?\ndef/);
});

Deno.test("SIGTERM stops a machine with exit code 0, and its log has an end", async () => {
  await withFolder(async (folder) => {
    const log = `${folder}/spin.log`;
    await using process = new Lockstep(["record", "rtc-spin", "-o", log]);
    while (await sizeOf(log) < 50_000) await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill("SIGTERM");
    const { code, stderr } = await process.end();
    assertEquals(code, 0);
    assertMatch(
      stderr,
      /^lockstep: Log of .*B without snapshots: .* busy, .* idle\nlockstep: Stopped cleanly\n$/,
    );
    const replayed = await lockstep(["replay", log]);
    assertEquals(replayed.code, 0);
    assertMatch(
      replayed.stderr,
      /digests checked, all agree\nlockstep: The log ends with: detach\n$/,
    );
  });
});

for (const epochSteps of ["1000", "50000", "1000000"]) {
  Deno.test(`a log in epochs of ${epochSteps} steps replays to the same console and digests, from every key snapshot`, () =>
    withFolder(async (folder) => {
      const log = `${folder}/bench.log`;
      const recorded = await lockstep([
        ...["record", "bench", "-o", log, "--append", "scale=1", "--ram", "8"],
        ...["--epoch-steps", epochSteps, "--snapshot-every", "6000000"],
      ]);
      assertEquals(recorded.code, 0, recorded.stderr);
      const whole = await lockstep(["replay", log]);
      assertEquals(whole.stdout, recorded.stdout);
      for (const snapshot of ["1", "2", "3"]) {
        const part = await lockstep(["replay", log, "--from-snapshot", snapshot]);
        assertEquals(part.code, 0, part.stderr);
        assert(recorded.stdout.endsWith(part.stdout) && part.stdout.length < whole.stdout.length);
      }
    }));
}

Deno.test("a recording ends with its log's size, and inspect --stats says the same of the log", () =>
  withFolder(async (folder) => {
    const log = `${folder}/clock.log`;
    const recorded = await lockstep(["record", "clock", "-o", log]);
    const [line] = /^lockstep: Log of .*$/m.exec(recorded.stderr) ?? [];
    assertMatch(
      line ?? recorded.stderr,
      /Log of [\d.]+ k?B without snapshots: [\d.]+ bytes per 1,000 instructions, [\d.]+ [kM]?bit\/s busy, [\d.]+ [kM]?bit\/s idle$/,
    );
    const { code, stdout } = await lockstep(["inspect", log, "--stats"]);
    assertEquals(code, 0);
    assertEquals(`lockstep: ${stdout.split("\n").at(-2)}`, line);
    const json = await lockstep(["inspect", log, "--stats", "--json"]);
    const { kinds } = JSON.parse(json.stdout) as { kinds: Record<string, { bytes: number }> };
    const bytes = Object.values(kinds).reduce((sum, kind) => sum + kind.bytes, 0);
    assertEquals(bytes, (await Deno.stat(log)).size);
  }));

Deno.test("with the log on standard output the console goes to standard error", async () => {
  const command = `${shellLine(["record", "hello", "-o", "-"])} | ${shellLine(["replay", "-"])}`;
  const { code, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", command] }).output();
  const text = new TextDecoder();
  assertEquals(code, 0);
  assertEquals(text.decode(stdout), HELLO);
  assert(text.decode(stderr).includes(HELLO));
});

Deno.test("a log that cannot be written stops the recording, with exit code 69", async () => {
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", `${shellLine(["record", "rtc-spin", "-o", "-"])} >/dev/full`],
  }).output();
  assertEquals(code, 69);
  assertMatch(new TextDecoder().decode(stderr), /The log is lost: .*No space left on device/);
});

Deno.test("a reader that has seen enough ends inspect without a word", () =>
  withFolder(async (folder) => {
    const log = `${folder}/bench.log`;
    await lockstep(["record", "bench", "-o", log, "--append", "scale=1", "--epoch-steps", "2000"]);
    const { stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", `${shellLine(["inspect", log])} | head -n 1`],
    }).output();
    assertEquals(new TextDecoder().decode(stdout).split("\n").length, 2);
    assertEquals(new TextDecoder().decode(stderr), "");
  }));

Deno.test("logs and disks are made with mode 0600, and an old log is never written over", () =>
  withFolder(async (folder) => {
    const log = `${folder}/hello.log`;
    assertEquals((await lockstep(["record", "hello", "-o", log])).code, 0);
    assertEquals((await Deno.stat(log)).mode! & 0o777, 0o600);
    const again = await lockstep(["record", "hello", "-o", log]);
    assertEquals(again.code, 69);
    assertMatch(again.stderr, /holds \d+ bytes already; remove it or choose another name\n$/);
  }));

Deno.test("a log that just stops is replayed to its last whole record, with exit code 67", () =>
  withFolder(async (folder) => {
    const log = `${folder}/hello.log`;
    await lockstep(["record", "hello", "-o", log]);
    await Deno.truncate(log, (await Deno.stat(log)).size - 3);
    const { code, stdout, stderr } = await lockstep(["replay", log]);
    assertEquals([code, stdout], [67, HELLO]);
    assertMatch(
      stderr,
      /The log just stops after \d+ whole records \(\d+ bytes\), and \d+ B of a record/,
    );
    assertEquals((await lockstep(["inspect", log])).code, 67);
    await Deno.truncate(log, 0);
    const empty = await lockstep(["inspect", log]);
    const nothing =
      "stops before its first record, without an end record; 0 bytes of a cut record follow\n";
    assertEquals([empty.code, empty.stdout, empty.stderr], [67, nothing, ""]);
  }));

Deno.test("a damaged log is one line that names record and byte, with exit code 65", () =>
  withFolder(async (folder) => {
    const log = `${folder}/hello.log`;
    await lockstep(["record", "hello", "-o", log]);
    const bytes = await Deno.readFile(log);
    bytes[bytes.length - 200]! ^= 1;
    await Deno.writeFile(log, bytes);
    for (const command of ["replay", "inspect"]) {
      const { code, stderr } = await lockstep([command, log]);
      assertEquals(code, 65);
      assertMatch(stderr, /^lockstep: Log is damaged at record \d+.*, byte \d+: .*\n$/);
    }
  }));

Deno.test("inspect tells an event a line, and as JSON one object a line", () =>
  withFolder(async (folder) => {
    const log = `${folder}/clock.log`;
    await lockstep(["record", "clock", "-o", log, "--append", "ticks=3"]);
    const text = await lockstep(["inspect", log]);
    assertEquals([text.code, text.stderr], [0, ""]);
    const lines = text.stdout.trimEnd().split("\n");
    assertMatch(lines[0]!, /^0 @0 header run [0-9a-f]{8} term 1/);
    assertMatch(lines.at(-1)!, /end power-off exit code 0$/);
    const json = (await lockstep(["inspect", log, "--json"])).stdout.trimEnd().split("\n");
    const records = json.map((line) => JSON.parse(line));
    assertEquals(records.length, lines.length);
    assertEquals(records.map(({ number }) => number), records.map((_, index) => index));
    assertEquals(records.at(-1).kind, "end");
  }));

Deno.test("inspect chooses records, and replays the log for operations and --verify", () =>
  withFolder(async (folder) => {
    const [log, disk] = [`${folder}/teller.log`, `${folder}/d.img`];
    const made = ["--disk", disk, "--create-disk", "1M", "--append", "burst transfers=3"];
    await lockstep(["record", "teller", ...made, "-o", log]);
    const chosen = await lockstep(["inspect", log, "--device", "disk", "--epochs", "1..20"]);
    assertEquals([chosen.code, chosen.stderr], [0, ""]);
    assertMatch(chosen.stdout, /^ {4}Operation \d+, disk-\w+ .*: issued$/m);
    assertMatch(chosen.stdout, /^ {4}Operation \d+, disk-\w+ .*: done$/m);
    assert(!/^\d+ @\d+ (?!epoch)/m.test(chosen.stdout));
    const kinds = await lockstep(["inspect", log, "--kind", "header,end", "--verify"]);
    assertMatch(
      kinds.stdout,
      /^0 @0 header .*\n\d+ @\d+ end .*\nverified: \d+ epochs, .* agree\n$/,
    );
    for (
      const [option, value] of [["--kind", "epoch,frog"], ["--steps", "9..3"], ["--time", "x"]]
    ) {
      const wrong = await lockstep(["inspect", log, option!, value!]);
      assertEquals([wrong.code, wrong.stdout], [64, ""]);
      assertMatch(wrong.stderr, new RegExp(`^lockstep: ${option} .*\n$`));
    }
  }));

for (
  const [what, words, code, line] of [
    ["no command", [], 64, "A command is missing; lockstep --help shows them"],
    ["an unknown command", ["fly"], 64, 'There is no command "fly"; lockstep --help shows them'],
    ["record without -o", ["record", "hello"], 64, "-o is missing: where the log goes"],
    ["an unknown stream", ["backup", "ftp:x"], 64, 'Cannot use "ftp:x" as a stream'],
    [
      "an unknown guest",
      ["run", "nosuch"],
      65,
      "no built guest of that name (there are bench, clock",
    ],
    [
      "a disk that is missing",
      ["run", "hello", "--disk", "/nowhere/d.img"],
      65,
      "--create-disk 8M",
    ],
    [
      "a bus that does not exist",
      ["run", "hello", "--disk", "/nowhere/d.img,bus=ide"],
      64,
      'The bus of a disk must be scsi or blk, not "ide"',
    ],
    [
      "one disk too many on virtio-blk",
      [
        ...["run", "hello", "--create-disk", "8M"],
        ...[1, 2, 3, 4, 5].flatMap((count) => ["--disk", `/nowhere/${count},bus=blk`]),
      ],
      64,
      "At most 4 disks can be on virtio-blk",
    ],
    [
      "a disk named twice",
      ["run", "hello", "--disk", "/etc/hostname", "--disk", "/etc/./hostname,bus=blk"],
      65,
      "are the same file: each disk needs an image of its own",
    ],
    [
      "a disk that is not whole sectors",
      ["run", "hello", "--disk", "/etc/hostname"],
      65,
      "bytes is not a positive multiple of 512",
    ],
    ["a folder as a disk", ["run", "hello", "--disk", "/tmp"], 65, "it is not a regular file"],
    [
      "a log that is missing",
      ["replay", "/nowhere/x.log"],
      65,
      "it does not exist: check the path",
    ],
    ["a guest that is no image", ["run", "/dev/null"], 65, "image"],
    [
      "a socket without a listener",
      ["backup", "unix:/nowhere/s"],
      69,
      "start the other side first",
    ],
  ] as const
) {
  Deno.test(`${what} is one clear line and exit code ${code}`, async () => {
    const ended = await lockstep(words);
    assertEquals(ended.code, code, ended.stderr);
    assertEquals(ended.stderr.split("\n").length, 2, ended.stderr);
    assert(ended.stderr.startsWith("lockstep: ") && ended.stderr.includes(line), ended.stderr);
  });
}

Deno.test("--version and --help answer on standard output", async () => {
  assertMatch((await lockstep(["--version"])).stdout, /^lockstep \d+\.\d+\.\d+\n$/);
  assertMatch((await lockstep(["--help"])).stdout, /^Runs a RISC-V guest/);
  assertMatch((await lockstep(["backup", "--help"])).stdout, /--on-stall ask\|promote\|wait\|exit/);
});

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch {
    return 0; // It has not been made yet.
  }
}

Deno.test("a backup tells once that it follows, however many key snapshots its log has", () =>
  withFolder(async (folder) => {
    const record = [
      "record",
      "bench",
      "--append",
      "scale=1",
      "-o",
      "log",
      "--snapshot-every",
      "5M",
    ];
    assertEquals((await lockstep(record, { folder })).code, 0);
    const { code, stderr } = await lockstep(["backup", "log"], { folder });
    assertEquals([code, stderr.split("Following run").length], [0, 2]);
  }));
