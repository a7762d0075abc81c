import { assertEquals } from "@std/assert";
import { withFolder } from "./temporary_folder.ts";

const MODULE = JSON.stringify(import.meta.resolve("../../lib/host/character_mode.ts"));

/** Endings of a process that has the terminal in character mode. */
const ENDINGS: Readonly<Record<string, string>> = {
  "giving it back": "hold.release();",
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
          `import { holdTerminal } from ${MODULE};
           const hold = holdTerminal(Deno.stdin, "character");
           await new Deno.Command("stty", { args: ["-a"], stdin: "inherit", stdout: "inherit" }).output();
           console.log("then");
           void hold;
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

const races =
  "who takes over a terminal from a killed process waits until its guard has done its work";
Deno.test({
  name: hasScript ? races : `${races} (needs script and stty)`,
  ignore: !hasScript && !required,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(
        `${folder}/holder.ts`,
        `import { holdTerminal } from ${MODULE};
         holdTerminal(Deno.stdin, "raw");
         console.error("held");
         setInterval(() => {}, 9);`,
      );
      await Deno.writeTextFile(
        `${folder}/main.ts`,
        `import { guardsGone } from ${MODULE};
         const stty = () =>
           new Deno.Command("stty", { args: ["-a"], stdin: "inherit", stdout: "inherit" }).output();
         const holder = new Deno.Command(Deno.execPath(), {
           args: ["run", "--no-prompt", "--allow-run=sh", "--no-config", "holder.ts"],
           stdin: "inherit",
           stderr: "piped",
         }).spawn();
         await holder.stderr.getReader().read();
         const children = await new Deno.Command("pgrep", { args: ["-P", String(holder.pid)] }).output();
         const guard = Number(new TextDecoder().decode(children.stdout));
         Deno.kill(guard, "SIGSTOP");
         holder.kill("SIGKILL");
         await holder.status;
         let gone = false;
         const waiting = guardsGone().then(() => gone = true);
         await new Promise((resolve) => setTimeout(resolve, 200));
         await stty();
         console.log(gone ? "too early" : "still waiting");
         Deno.kill(guard, "SIGCONT");
         await waiting;
         await stty();`,
      );
      const { stdout } = await new Deno.Command("script", {
        args: ["-qec", `'${Deno.execPath()}' run --no-prompt --allow-run --no-config main.ts`]
          .concat("/dev/null"),
        cwd: folder,
        stdin: "null",
      }).output();
      const [during, after] = new TextDecoder().decode(stdout).split("still waiting");
      assertEquals(modes(during), ["-icanon", "-isig", "-echo"]);
      assertEquals(modes(after), ["icanon", "isig", "echo"]);
    }),
});
