import { assertEquals } from "@std/assert";
import { withFolder } from "./temporary_folder.ts";

const MODULE = JSON.stringify(import.meta.resolve("../../lib/host/character_mode.ts"));

/** Endings of a process that has the terminal in character mode. */
const ENDINGS: Readonly<Record<string, string>> = {
  "giving it back": "restore();",
  "the end of the program": "",
  "Deno.exit": "Deno.exit(3);",
  "an uncaught error": "throw new Error('Expected');",
  "SIGTERM": "Deno.kill(Deno.pid, 'SIGTERM'); await new Promise(() => setInterval(() => {}, 9));",
  "SIGKILL": "Deno.kill(Deno.pid, 'SIGKILL'); await new Promise(() => setInterval(() => {}, 9));",
};

const hasScript = await new Deno.Command("sh", {
  args: ["-c", "command -v script && command -v stty"],
  stdout: "null",
}).output().then(({ success }) => success);
const required = Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1";

for (const [ending, code] of Object.entries(ENDINGS)) {
  const name = `after ${ending} a terminal that was in character mode edits and echoes lines again`;
  Deno.test({
    name: hasScript ? name : `${name} (needs script and stty)`,
    ignore: !hasScript && !required,
    fn: () =>
      withFolder(async (folder) => {
        await Deno.writeTextFile(
          `${folder}/main.ts`,
          `import { enterCharacterMode } from ${MODULE};
           const restore = enterCharacterMode(Deno.stdin);
           await new Deno.Command("stty", { args: ["-a"], stdin: "inherit", stdout: "inherit" }).output();
           console.log("then");
           void restore;
           ${code}`,
        );
        const run = `'${Deno.execPath()}' run --no-prompt --allow-run=sh,stty --no-config main.ts`;
        // The guard acts a moment after a kill; nothing tells when.
        const wait =
          "for i in 1 2 3 4 5 6 7 8; do stty -a | grep -q ' icanon' && break; sleep 0.1; done";
        const { stdout } = await new Deno.Command("script", {
          args: ["-qec", `${run}; ${wait}; stty -a`, "/dev/null"],
          cwd: folder,
          stdin: "null",
        }).output();
        const [during, after] = new TextDecoder().decode(stdout).split("then");
        assertEquals(modes(during), ["-icanon", "isig", "-echo"]);
        assertEquals(modes(after), ["icanon", "isig", "echo"]);
      }),
  });
}

function modes(text: string | undefined): (string | undefined)[] {
  return ["icanon", "isig", "echo"].map((mode) => {
    return text?.split(/[\s;]+/).findLast((word) => word === mode || word === `-${mode}`);
  });
}
