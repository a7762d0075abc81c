/**
 * The cache folder: `apt/SUITE` with each suite's lists and packages, and `guest` with the finished files.
 * That folder is made under another name, and gets its own when it is whole.
 */
import { assemble } from "./assemble.ts";
import type { Mirror } from "./apt_sources.ts";
import { type Manifest, soundManifest, writeManifest } from "./manifest.ts";
import type { Progress } from "./progress.ts";
import { fetchSuite } from "./suites.ts";

/** What folders are called in which a guest is made. */
const BUILDING = "building-";

/** A whole guest. */
export interface CachedGuest {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The guest in the cache. Fetches it when it is not there, or when `update` asks for newer packages. */
export async function guestFromCache(
  cache: string,
  mirrors: () => Promise<readonly Mirror[]>,
  progress: Progress,
  update: boolean,
): Promise<CachedGuest> {
  await Deno.mkdir(cache, { recursive: true });
  // One at a time: another one waits here, and then finds the guest.
  using lock = await Deno.open(`${cache}/lock`, { create: true, write: true });
  await lock.lock(true);
  const folder = `${cache}/guest`;
  const there = await soundManifest(folder);
  if (there !== undefined && !update) {
    progress.step(`The guest is there already (${there.suite})`);
    return { folder, manifest: there };
  }
  await fetchGuest(cache, folder, await mirrors(), progress);
  const made = await soundManifest(folder);
  if (made === undefined) throw new Error("The guest was made, and is not there");
  return { folder, manifest: made };
}

async function fetchGuest(
  cache: string,
  folder: string,
  mirrors: readonly Mirror[],
  progress: Progress,
): Promise<void> {
  await removeLeftovers(cache);
  const fetched = await fetchSuite(`${cache}/apt`, mirrors, progress);
  const building = await Deno.makeTempDir({ dir: cache, prefix: BUILDING });
  const scratch = `${building}/scratch`;
  const made = `${building}/guest`;
  try {
    await Deno.mkdir(scratch);
    await Deno.mkdir(made);
    await assemble(fetched.packages, scratch, made, progress);
    await writeManifest(made, fetched);
    // A crash in between leaves no guest, and the next one makes it again.
    await Deno.rename(folder, `${building}/old`).catch(ignoreMissing);
    await Deno.rename(made, folder);
  } finally {
    await Deno.remove(building, { recursive: true });
  }
}

/** Folders of attempts that were interrupted. */
async function removeLeftovers(cache: string): Promise<void> {
  for (const { name } of await Array.fromAsync(Deno.readDir(cache))) {
    if (name.startsWith(BUILDING)) await Deno.remove(`${cache}/${name}`, { recursive: true });
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
