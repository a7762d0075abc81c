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

/** Fetches all packages of the guest. */
export async function fetchPackages(
  apt: PrivateApt,
  progress: Progress,
): Promise<readonly FetchedPackage[]> {
  const names = [...await apt.closure([...PROGRAMS, ...FIRMWARE])];
  const packages = [...await kernelParts(apt)];
  for (const name of names) packages.push(await find(apt, name));
  const megabytes = packages.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  progress.step(`Fetching ${packages.length} packages, ${megabytes.toFixed(0)} MB`);
  await apt.download(packages);
  return await Promise.all(packages.map((entry) => verify(apt, entry)));
}

/** The packages that the metapackage leads to. */
async function kernelParts(apt: PrivateApt): Promise<readonly DebianPackage[]> {
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

async function find(apt: PrivateApt, name: string): Promise<DebianPackage> {
  const found = await apt.find(name);
  if (found === undefined) throw new PackageTrouble(`The index has no package ${name}`);
  return found;
}

/** Checks a file once more against the index: apt leaves alone what lies there already. */
async function verify(apt: PrivateApt, entry: DebianPackage): Promise<FetchedPackage> {
  const path = apt.archive(entry);
  const content = await Deno.readFile(path);
  if (content.length !== entry.bytes || await sha256(content) !== entry.sha256) {
    await Deno.remove(path);
    throw new PackageTrouble(`The package ${entry.name} does not have the digest of its index`);
  }
  return { ...entry, path };
}
