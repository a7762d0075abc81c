/**
 * Brings Debian's riscv64 Linux from the mirror that this host is configured with.
 *
 *     deno task linux             fetch the guest, or say where it is
 *     deno task linux --update    fetch what the mirror has by now
 *     deno task linux --suite S   from this suite only
 *
 * The folder with the guest's files is told on standard output, the progress on standard error. Exit
 * codes: `trouble.ts`.
 */
import { guestFromCache, type Wanted } from "./cache.ts";
import { cacheFolder } from "./cache_folder.ts";
import { hostMirrors } from "./host_mirrors.ts";
import { Progress } from "./progress.ts";
import { SUITES } from "./suites.ts";
import { exitCodes, Trouble } from "./trouble.ts";

/** What the command line asks for. */
function wantedBy(words: readonly string[]): Pick<Wanted, "suites" | "update"> {
  const [first, suite, ...more] = words;
  if (first === undefined) return { suites: SUITES, update: false };
  if (first === "--update" && suite === undefined) return { suites: SUITES, update: true };
  if (first === "--suite" && suite !== undefined && more.length === 0) {
    return { suites: [suite], update: false };
  }
  throw new Trouble("usage", "Usage: deno task linux [--update | --suite SUITE]");
}

const progress = new Progress();
try {
  const { folder, manifest } = await guestFromCache(
    { cache: cacheFolder(), mirrors: hostMirrors, ...wantedBy(Deno.args) },
    progress,
  );
  const kernel = manifest.packages.find(({ name }) => /^linux-image-\d/.test(name));
  progress.step(`Debian ${manifest.suite}, Linux ${kernel?.version}`);
  console.log(folder);
} catch (error) {
  if (!(error instanceof Trouble)) throw error;
  console.error(`linux: ${error.message}`);
  Deno.exitCode = exitCodes[error.kind];
}
