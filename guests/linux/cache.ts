/**
 * The cache folder: `apt/SUITE` with each suite's lists and packages, and `guest` with the finished files.
 * That folder is made under another name, and gets its own when it is whole.
 */
import { assemble } from "./assemble.ts";
import type { Mirror } from "./apt_sources.ts";
import { type Manifest, soundManifest, writeManifest } from "./manifest.ts";
import type { Progress } from "./progress.ts";
import { type FetchedSuite, fetchSuite } from "./suites.ts";

/** What folders are called in which a guest is made. */
const BUILDING = "building-";

/** A whole guest. */
export interface CachedGuest {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Which guest is wanted, and from where. */
export interface Wanted {
  /** The cache folder. */
  readonly cache: string;
  /** Suites, in the order in which they are tried. */
  readonly suites: readonly string[];
  /** Asked only when something must be fetched. */
  readonly mirrors: () => Promise<readonly Mirror[]>;
  /** Whether to look for newer packages. */
  readonly update: boolean;
}

/** The guest in the cache. Fetches it when it is not there as it is wanted. */
export async function guestFromCache(wanted: Wanted, progress: Progress): Promise<CachedGuest> {
  await Deno.mkdir(wanted.cache, { recursive: true });
  // One at a time: another one waits here, and then finds the guest.
  using lock = await Deno.open(`${wanted.cache}/lock`, { create: true, write: true });
  await lock.lock(true);
  await removeLeftovers(wanted.cache);
  const folder = `${wanted.cache}/guest`;
  const there = await soundManifest(folder);
  if (there !== undefined && wanted.suites.includes(there.suite) && !wanted.update) {
    progress.step("The guest is there already");
    return { folder, manifest: there };
  }
  const fetched = await fetchSuite(
    wanted.suites,
    `${wanted.cache}/apt`,
    await wanted.mirrors(),
    progress,
  );
  await replaceGuest(wanted.cache, folder, fetched, progress);
  const made = await soundManifest(folder);
  if (made === undefined) throw new Error("The guest was made, and is not there");
  return { folder, manifest: made };
}

async function replaceGuest(
  cache: string,
  folder: string,
  fetched: FetchedSuite,
  progress: Progress,
): Promise<void> {
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
