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
import { ProgramFailure } from "./program.ts";
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

/** What went wrong, for a person. The operating system refuses only what is done in the cache folder. */
function troubleOf(error: unknown): Trouble {
  if (error instanceof Trouble) return error;
  if (error instanceof ProgramFailure) return new Trouble("assembly", error.message);
  if (!(error instanceof Error) || !/\(os error \d+\)/.test(error.message)) throw error;
  return new Trouble(
    "host",
    `Cannot keep the guest in ${cacheFolder()}: ${error.message}; free some space there, or name ` +
      "another folder by XDG_CACHE_HOME",
  );
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
  const trouble = troubleOf(error);
  console.error(`linux: ${trouble.message}`);
  Deno.exitCode = exitCodes[trouble.kind];
}
