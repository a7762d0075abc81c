/** The README's way from a recorded failure to the guilty instruction, command by command. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { shellLine } from "../cli/lockstep_process.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { gdb, hasGdb } from "./gdb.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;
/** The bug shows in most recordings, but not in every one. */
const MOST_RECORDINGS = 60;

/** The commands of the README's section: for a shell, then for gdb. */
async function readmeCommands(): Promise<{ shell: string[]; gdb: string[] }> {
  const readme = await Deno.readTextFile(`${PROJECT}README.md`);
  const section = readme.split("**From a failure to the guilty instruction.**")[1]!.split(
    "\n**",
  )[0]!;
  const lines = section.split("\n").filter((line) => line.startsWith("    "))
    .map((line) => line.trim().replace(/ {2,}#.*/, ""));
  const prompt = "(gdb) ";
  return {
    shell: lines.filter((line) => !line.startsWith(prompt)),
    gdb: lines.filter((line) => line.startsWith(prompt)).map((line) => line.slice(prompt.length)),
  };
}

Deno.test({
  name: hasGdb
    ? "the README's commands lead from lost items to the store that lost them"
    : "the README's commands lead to the guilty instruction (needs gdb-multiarch)",
  ignore: !hasGdb,
  fn: () =>
    withFolder(async (folder) => {
      const commands = await readmeCommands();
      assertEquals(commands.shell.length, 2);
      const [record, debug] = commands.shell.map((line) => line.split(" "));
      assertEquals(record!.slice(0, 3), ["lockstep", "record", "tally"]);
      let code = 0;
      for (let tries = 0; code === 0 && tries < MOST_RECORDINGS; tries++) {
        await Deno.remove(`${folder}/tally.log`).catch(() => {});
        const line = shellLine(record!.slice(1));
        const shell = new Deno.Command("sh", { args: ["-c", line], cwd: folder, stderr: "null" });
        code = (await shell.output()).code;
      }
      assertEquals(code, 1, `Nothing was lost in ${MOST_RECORDINGS} recordings`);

      assertEquals(debug!.slice(0, 2), ["gdb-multiarch", "fixtures/tally.elf"]);
      assert(commands.shell[1]!.endsWith("-ex 'target remote | lockstep debug tally.log'"));
      const target = `target remote | ${shellLine(["debug", "tally.log"])}`;
      const shown = await gdb(`${PROJECT}fixtures/tally.elf`, [target, ...commands.gdb], folder);
      const [, , stop, instructions, handler, interrupted] = shown;
      assertMatch(stop!, /Old value = \d+\s+New value = \d+\s+0x[0-9a-f]+ in main \(\)/);
      assertMatch(
        instructions!,
        /<main\+\d+>:\s+addi?\s+a0,a0,-1\s.*<main\+\d+>:\s+sd\s+a0,0\(a\d\)/s,
      );
      assertMatch(handler!, /Hardware watchpoint .*in on_timer \(\)/s);
      assertMatch(interrupted!, /<main\+\d+>.*<main\+\d+>:\s+sd\s+a0,0\(a\d\)/s);
    }),
});
