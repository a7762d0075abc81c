/**
 * Brings Debian's riscv64 Linux from the mirror that this host is configured with.
 *
 *     deno task linux             fetch the guest, or say where it is
 *     deno task linux --update    fetch what the mirror has by now
 *
 * The folder with the guest's files is told on standard output, the progress on standard error. Exit
 * codes: `trouble.ts`.
 */
import { guestFromCache } from "./cache.ts";
import { cacheFolder } from "./cache_folder.ts";
import { hostMirrors } from "./host_mirrors.ts";
import { Progress } from "./progress.ts";
import { exitCodes, Trouble } from "./trouble.ts";

const progress = new Progress();
try {
  const update = Deno.args.includes("--update");
  const { folder, manifest } = await guestFromCache(cacheFolder(), hostMirrors, progress, update);
  const kernel = manifest.packages.find(({ name }) => /^linux-image-\d/.test(name));
  progress.step(`Debian ${manifest.suite}, Linux ${kernel?.version}`);
  console.log(folder);
} catch (error) {
  if (!(error instanceof Trouble)) throw error;
  console.error(`linux: ${error.message}`);
  Deno.exitCode = exitCodes[error.kind];
}
