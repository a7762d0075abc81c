import { killAtRandomMoments, notProtected, outside, tellerPrimary } from "./kill_moments.ts";
import { Lockstep } from "./lockstep_process.ts";

killAtRandomMoments("a two-way stream", notProtected, async (folder) => {
  const socket = `unix:${folder}/s`;
  const primary = new Lockstep([...tellerPrimary(folder), "--listen", socket]);
  await primary.says(/Backups can join/);
  const backup = new Lockstep(["backup", socket, ...outside(folder)]);
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
