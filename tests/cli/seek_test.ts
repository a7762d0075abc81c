import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { lockstep } from "./lockstep_process.ts";

Deno.test("replay --to goes to a position and says where the machine stands, also in a cut log", () =>
  withFolder(async (folder) => {
    const log = `${folder}/clock.log`;
    assertEquals((await lockstep(["record", "clock", "-o", log, "--append", "ticks=3"])).code, 0);
    const to = (...position: string[]) => lockstep(["replay", log, "--to", ...position]);
    const start = await to("0");
    assertEquals([start.code, start.stderr], [0, ""]);
    assertMatch(
      start.stdout,
      /^step 0 {2}epoch 0 {2}0 instructions retired {2}time 0\.0000000 s\npc 0x0000000080000000 {2}M-mode {2}\w+.*\n$/,
    );
    const step = await to("step:1234", "--registers");
    assertMatch(step.stdout, /^step 1234 {2}epoch \d+ /);
    assertMatch(step.stdout, /^ra +0x[0-9a-f]{16} {2}sp /m);
    assertMatch(step.stdout, /mstatus +0x/);
    const ticked = await to("console:'tick'");
    assertMatch(ticked.stdout, /^step \d+ /);

    const beyond = await to("100G");
    assertEquals([beyond.code, beyond.stdout], [65, ""]);
    assertMatch(beyond.stderr, /^lockstep: The log does not reach step 100000000000: .*\n$/);
    const wrong = await to("tomorrow");
    assertEquals(wrong.code, 64);
    assertMatch(wrong.stderr, /^lockstep: --to: Cannot use "tomorrow" as a position.*\n$/);

    for (const more of [["--from-snapshot", "0"], ["--console", `${folder}/text`]]) {
      const idle = await to("0", ...more);
      assertEquals([idle.code, idle.stdout], [64, ""]);
      assertMatch(idle.stderr, /^lockstep: --[a-z-]+ means nothing with --to\n$/);
    }
    const nowhere = await lockstep(["replay", log, "--registers"]);
    assertEquals([nowhere.code, nowhere.stdout], [64, ""]);

    await Deno.truncate(log, (await Deno.stat(log)).size - 20);
    assertEquals((await to("step:1234", "--registers")).stdout, step.stdout);
    await Deno.truncate(log, 300);
    const nothing = await to("0");
    assertEquals(nothing.code, 65);
    assertMatch(nothing.stderr, /before its first snapshot is whole\n$/);
    await Deno.writeFile(log, new Uint8Array(100));
    const damaged = await to("0");
    assertEquals(damaged.code, 65);
    assertMatch(damaged.stderr, /^lockstep: Log is damaged at record 0, byte 0: .*\n$/);
    const piped = await lockstep(["replay", "-", "--to", "0"]);
    assertEquals(piped.code, 64);
    assert(piped.stderr.includes("needs a log in a file"));
  }));
