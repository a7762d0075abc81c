/** Which packages the guest is made of, and how they are fetched from one suite. */
import type { DebianPackage, PrivateApt } from "./private_apt.ts";
import type { Progress } from "./progress.ts";
import { sha256 } from "./sha256.ts";

/** The kernel's metapackage: the real names carry versions that move. */
const KERNEL = "linux-image-riscv64";

/** What holds a kernel and its modules; older suites have all in the first, newer ones split it. */
const KERNEL_PARTS = /^linux-(image|binary|modules)-\d/;

/** Programs of the guest; their libraries come with them. */
const PROGRAMS = ["busybox-static", "sqlite3"];

/** Firmware for `--bios`. */
const FIRMWARE = ["opensbi"];

/** A package whose file is here, and is what the signed index says. */
export interface FetchedPackage extends DebianPackage {
  readonly path: string;
}

/** A package that a suite does not have, or whose file is not the one of its index. */
export class PackageTrouble extends Error {
  override name = "PackageTrouble";
}

/** Where packages come from. */
export type PackageSource = Pick<PrivateApt, "archive" | "closure" | "download" | "find">;

/** Fetches all packages of the guest. */
export async function fetchPackages(
  apt: PackageSource,
  progress: Progress,
): Promise<readonly FetchedPackage[]> {
  const names = [...await apt.closure([...PROGRAMS, ...FIRMWARE])];
  const packages = [...await kernelParts(apt)];
  for (const name of names) packages.push(await find(apt, name));
  const megabytes = packages.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  progress.step(`Fetching ${packages.length} packages, ${megabytes.toFixed(0)} MB`);
  // apt takes what lies there by its size, so a damaged file must not lie there.
  for (const entry of packages) await keepOnlySound(apt, entry);
  await apt.download(packages);
  const fetched: FetchedPackage[] = [];
  for (const entry of packages) {
    if (!await keepOnlySound(apt, entry)) {
      throw new PackageTrouble(`The package ${entry.name} does not have the digest of its index`);
    }
    fetched.push({ ...entry, path: apt.archive(entry) });
  }
  return fetched;
}

/** The packages that the metapackage leads to. */
async function kernelParts(apt: PackageSource): Promise<readonly DebianPackage[]> {
  const parts = new Map<string, DebianPackage>();
  const follow = async (name: string) => {
    const found = await find(apt, name);
    parts.set(name, found);
    for (const next of found.depends) {
      if (KERNEL_PARTS.test(next) && !parts.has(next)) await follow(next);
    }
  };
  await follow(KERNEL);
  return [...parts.values()];
}

async function find(apt: PackageSource, name: string): Promise<DebianPackage> {
  const found = await apt.find(name);
  if (found === undefined) throw new PackageTrouble(`The index has no package ${name}`);
  return found;
}

/** Whether a package's file is there as the index says; another one is removed. */
async function keepOnlySound(apt: PackageSource, entry: DebianPackage): Promise<boolean> {
  const path = apt.archive(entry);
  try {
    const content = await Deno.readFile(path);
    if (content.length === entry.bytes && await sha256(content) === entry.sha256) return true;
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return false;
}
