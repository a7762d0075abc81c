import { killAtRandomMoments, neverSeenAlive, outside, tellerPrimary } from "./kill_moments.ts";
import { Lockstep } from "./lockstep_process.ts";

killAtRandomMoments("a tailed file", neverSeenAlive, async (folder) => {
  const log = `${folder}/log`;
  const primary = new Lockstep([...tellerPrimary(folder), "--to", log, "--notes", "json"]);
  await primary.says(/"kind":"live"/);
  while (!exists(log)) await new Promise((resolve) => setTimeout(resolve, 1));
  // A file's end says nothing, so only silence is a stall.
  const backup = new Lockstep(["backup", log, "--silence", "200", ...outside(folder)]);
  return {
    end: () => backup.end(),
    async kill() {
      primary.kill("SIGKILL");
      return (await primary.end()).stderr;
    },
    async [Symbol.asyncDispose]() {
      await primary[Symbol.asyncDispose]();
      await backup[Symbol.asyncDispose]();
    },
  };
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
