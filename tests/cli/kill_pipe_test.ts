import { killAtRandomMoments, neverSeenAlive, outside, tellerPrimary } from "./kill_moments.ts";
import { shellLine } from "./lockstep_process.ts";

// The shell makes the pipe: both ends must be of one and the same, or the reader is not promoted.
killAtRandomMoments("a pipe", neverSeenAlive, async (folder) => {
  const primary = shellLine([...tellerPrimary(folder), "--to", "-"]);
  const backup = shellLine(["backup", "-", ...outside(folder)]);
  const script =
    `sh -c 'echo $$ >"$0/pid"; exec "$@" 2>"$0/said"' '${folder}' ${primary} | ${backup}`;
  const shell = new Deno.Command("sh", {
    args: ["-c", script],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const pid = await pidIn(`${folder}/pid`);
  const stderr = new Response(shell.stderr).text();
  const kill = () => {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has left by itself.
    }
  };
  return {
    async kill() {
      kill();
      return await Deno.readTextFile(`${folder}/said`);
    },
    async end() {
      // A shell's pipeline ends as its last command does.
      const { code } = await shell.status;
      return { code, stderr: await stderr };
    },
    async [Symbol.asyncDispose]() {
      kill();
      await shell.status;
    },
  };
});

async function pidIn(path: string): Promise<number> {
  for (;;) {
    const text = await Deno.readTextFile(path).catch(() => "");
    if (text.endsWith("\n")) return Number(text);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
