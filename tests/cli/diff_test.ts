import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { lockstep } from "./lockstep_process.ts";

Deno.test("diff tells the first different record and instruction, and that there is none", () =>
  withFolder(async (folder) => {
    const [log, other, foreign] = ["a", "b", "c"].map((name) => `${folder}/${name}.log`) as [
      string,
      string,
      string,
    ];
    await lockstep(["record", "clock", "-o", log, "--append", "ticks=2"]);
    await lockstep(["record", "clock", "-o", other, "--append", "ticks=2"]);
    await lockstep(["record", "hello", "-o", foreign]);
    const same = await lockstep(["diff", log, log]);
    assertEquals([same.code, same.stderr], [0, ""]);
    assertMatch(
      same.stdout,
      /^Both logs are of run [0-9a-f]{8}\n\d+ epochs .*\nNo record differs\n$/,
    );
    const differ = await lockstep(["diff", log, other]);
    assertEquals([differ.code, differ.stderr], [1, ""]);
    assertMatch(differ.stdout, /^The logs are of different runs, .*\n/);
    assertMatch(differ.stdout, /\nFirst different record:\n {2}first .* epoch \d+ steps /);
    assertMatch(differ.stdout, /\nFirst different instruction: after step \d+, .*\n {2}both /);
    assertMatch(differ.stdout, /\nRegisters that differ behind it:\n {2}\w+ +[0-9a-f]{16}, /);
    const records = await lockstep(["diff", log, other, "--records"]);
    assertEquals(records.code, 1);
    assertEquals(records.stdout.includes("instruction"), false);
    const machines = await lockstep(["diff", log, foreign]);
    assertEquals(machines.code, 1);
    assertMatch(
      machines.stdout,
      /\nThey are of different machines, .*\n {2}bootArguments +"ticks=2", /,
    );
    const empty = `${folder}/empty.log`;
    await Deno.writeTextFile(empty, "");
    assertEquals(await lockstep(["diff", log, empty]), {
      code: 65,
      stdout: "",
      stderr: "lockstep: One of the logs is empty\n",
    });
  }));
