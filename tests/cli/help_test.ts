import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { commands } from "../../lib/cli/commands.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { commandHelp, overview } from "../../lib/cli/help.ts";

Deno.test("the overview names every command and every exit code", () => {
  const text = overview(commands);
  for (const { name, summary } of commands) {
    assertStringIncludes(text, name);
    assertStringIncludes(text, summary);
  }
  for (const { code } of exitCodes) assert(new RegExp(`^  ${code} `, "m").test(text), code);
});

Deno.test("the README's tables have the same exit codes, and every command", async () => {
  const text = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const rows = [...text.matchAll(/^\| (\d[\d-]*) \| /gm)].map(([, code]) => code);
  assertEquals(rows, exitCodes.map(({ code }) => code));
  for (const { name } of commands) assert(new RegExp(`^\\| .*\`${name}\``, "m").test(text), name);
});

for (const command of commands) {
  Deno.test(`the help of ${command.name} tells every operand and option, within 100 columns`, () => {
    const text = commandHelp(command);
    for (const { name } of command.operands) assertStringIncludes(text, `  ${name}`);
    for (const { name, placeholder } of command.options) {
      assertStringIncludes(
        text,
        placeholder === undefined ? `--${name}` : `--${name} ${placeholder}`,
      );
    }
    assertEquals(text.split("\n").filter((line) => line.length > 100 && !line.includes("$")), []);
  });

  Deno.test(`the options of ${command.name} have names of their own, and help without a period`, () => {
    const names = command.options.flatMap(({ name, short }) => short ? [name, short] : [name]);
    assertEquals(new Set([...names, "help", "h"]).size, names.length + 2);
    const dotted = command.options.filter(({ help }) => /[.]$/.test(help)).map(({ name }) => name);
    assertEquals(dotted, []);
  });

  Deno.test(`the examples of ${command.name} run lockstep and use options that it has`, () => {
    for (const example of command.examples ?? []) {
      assert(/^(lockstep|gdb-multiarch) /.test(example), example);
      const part = example.split("|").find((one) => one.includes(`lockstep ${command.name}`));
      assert(part !== undefined, example);
      const outer = part!.replace(/'[^']*'/g, "");
      for (const [, name] of outer.matchAll(/ --([a-z-]+)/g)) {
        assert(command.options.some((option) => option.name === name), `${example}: --${name}`);
      }
    }
  });
}
