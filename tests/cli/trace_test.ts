import { assert, assertEquals, assertMatch } from "@std/assert";
import { fixture } from "../guests/fixture.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { recordGuest } from "../replay/recording.ts";
import { lockstep, shellLine } from "./lockstep_process.ts";

Deno.test("trace writes the instructions between two positions, with symbols", () =>
  withFolder(async (folder) => {
    const log = `${folder}/clock.log`;
    await lockstep(["record", "clock", "-o", log, "--append", "ticks=2"]);
    const symbols = ["--symbols", fixture("clock")];
    const { code, stdout, stderr } = await lockstep(["trace", log, "--to", "5", ...symbols]);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^0 M 0000000080000000 [0-9a-f]+ +\w.* <_start>\n(\d M 0.*\n){4}$/);
    const file = `${folder}/trace.txt`;
    const written = await lockstep(["trace", log, "--from", "1k", "--to", "epoch:2", "-o", file]);
    assertEquals(written, { code: 0, stdout: "", stderr: "" });
    assertMatch(await Deno.readTextFile(file), /^1000 M .*\n1001 M /);
    for (
      const [words, expected, line] of [
        [["--from", "1G"], 65, /^lockstep: The log does not reach step 1000000000: .*\n$/],
        [["--from", "100", "--to", "99"], 65, /^lockstep: --to is step 99, which is before .*\n$/],
        [["--symbols", log], 65, /^lockstep: Cannot take symbols from .*: it has no symbols.*\n$/],
        [["--symbols", `${folder}/no`], 65, /^lockstep: Cannot read .*\n$/],
        [["-o", `${folder}/no/no`], 65, /^lockstep: Cannot write .*\n$/],
        [["--from", "frog"], 64, /^lockstep: --from: Cannot use "frog" as a position.*\n$/],
      ] as const
    ) {
      const refused = await lockstep(["trace", log, ...words]);
      assertEquals([refused.code, refused.stdout], [expected, ""]);
      assertMatch(refused.stderr, line);
    }
  }));

Deno.test("a log whose writer was killed is traced and compared up to its last whole record", () =>
  withFolder(async (folder) => {
    const [log, cut] = [`${folder}/clock.log`, `${folder}/cut.log`];
    await lockstep(["record", "clock", "-o", log, "--append", "ticks=2"]);
    const bytes = await Deno.readFile(log);
    await Deno.writeFile(cut, bytes.subarray(0, bytes.length - 50));
    const [whole, part] = [await lockstep(["trace", log]), await lockstep(["trace", cut])];
    assertEquals([part.code, part.stderr], [0, ""]);
    assert(part.stdout.length < whole.stdout.length && whole.stdout.startsWith(part.stdout));
    const { code, stdout } = await lockstep(["diff", log, cut]);
    assertEquals(code, 1);
    assertMatch(stdout, /\n {2}second {2}has ended\n/);
    assertMatch(stdout, /\nFrom step \d+ to step \d+ both execute the same instructions alike\n$/);
  }));

Deno.test("a trace tells what came from outside, and each interrupt", () =>
  withFolder(async (folder) => {
    const [log, disk] = [`${folder}/teller.log`, `${folder}/d.img`];
    const made = ["--disk", disk, "--create-disk", "1M", "--append", "burst transfers=2"];
    await lockstep(["record", "teller", ...made, "-o", log]);
    const { stdout } = await lockstep(["trace", log]);
    assert(/\n# epoch \d+ ends: completion 0 done 512 bytes\n\d+ M [0-9a-f]{16} /.test(stdout));
    assert(/\n\d+ M [0-9a-f]{16} -- machine external interrupt to [0-9a-f]{16}\n/.test(stdout));
  }));

Deno.test("trace --translated shows the WebAssembly of hot code, or of what holds an address", () =>
  withFolder(async (folder) => {
    const log = `${folder}/bench.log`;
    await Deno.writeFile(log, (await recordGuest("bench", { bootArguments: "scale=1" })).log);
    const words = ["trace", log, "--translated", "--hot-at", "3000"];
    const { code, stdout, stderr } = await lockstep([...words, "--symbols", fixture("bench")]);
    assertEquals([code, stderr], [0, ""]);
    const regions = stdout.match(/^# step \d+: region at .*$/gm)!;
    assert(regions.length > 5, stdout);
    const [, recursion] = /^([0-9a-f]{16}) {2}.* <fibonacci>/m.exec(stdout)!;
    const only = await lockstep([...words, "--holding", recursion!]);
    assertEquals([only.code, only.stderr], [0, ""]);
    const found = only.stdout.match(/^# step \d+: region at .*$/gm)!;
    assert(found.length >= 1 && found.length < regions.length, only.stdout);
    assert(only.stdout.includes(`\n${recursion}  `));
    const later = await lockstep([...words, "--from", "25M"]);
    assertEquals([later.code, later.stderr], [0, ""]);
    assertMatch(later.stdout, /^# step 2[5-9]\d{6}: region at /);
    assert(later.stdout.length < stdout.length);
    for (
      const [wrong, line] of [
        [["--hot-at", "5"], /^lockstep: --hot-at and --holding are about --translated/],
        [["--translated", "--holding", "frog"], /^lockstep: --holding must be an address such as/],
      ] as const
    ) {
      const refused = await lockstep(["trace", log, ...wrong]);
      assertEquals([refused.code, refused.stdout], [64, ""]);
      assertMatch(refused.stderr, line);
    }
  }));

Deno.test("a trace that cannot be written, and symbols without an end, are told in a line", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    await Deno.writeFile(path, (await recordGuest("hello")).log);
    const { code, stderr } = await lockstep(["trace", path, "-o", folder]);
    const refusal = `lockstep: Cannot write ${folder}: it is a directory: name a file\n`;
    assertEquals([code, stderr], [65, refusal]);
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    const replayed = await lockstep(["replay", `${folder}/pipe`, "--to", "5"]);
    const irregular = `lockstep: Cannot use ${folder}/pipe: it is not a regular file\n`;
    assertEquals([replayed.code, replayed.stderr], [65, irregular]);
    for (const words of [["trace", path], ["inspect", path], ["replay", path, "--to", "5"]]) {
      const full = await new Deno.Command("sh", {
        args: ["-c", `${shellLine(words)} >/dev/full`],
        ...{ stdin: "null", stderr: "piped", env: { NO_COLOR: "1" } },
      }).output();
      const said =
        "lockstep: Cannot write standard output: no space is left: free some and try again\n";
      assertEquals([full.code, new TextDecoder().decode(full.stderr)], [65, said], words[0]);
    }
  }));
