/** Says what a guest was made of, and whether its files are still what they were. */
import { GUEST_FILES } from "./assemble.ts";
import type { FetchedSuite } from "./suites.ts";
import { sha256 } from "./sha256.ts";

/** The manifest's file name. */
export const MANIFEST = "manifest.json";

/** Written beside the guest's files, last. */
export interface Manifest {
  readonly suite: string;
  /** Digest of the programs and scripts that assembled the guest. */
  readonly recipe: string;
  readonly packages: readonly {
    readonly name: string;
    readonly version: string;
    readonly sha256: string;
  }[];
  /** Digest of each file. */
  readonly files: Readonly<Record<string, string>>;
}

/** Writes the manifest of the files in `folder`. */
export async function writeManifest(folder: string, fetched: FetchedSuite): Promise<void> {
  const manifest: Manifest = {
    suite: fetched.suite,
    recipe: await recipeDigest(),
    packages: fetched.packages.map(({ name, version, sha256 }) => ({ name, version, sha256 })),
    files: await fileDigests(folder),
  };
  await Deno.writeTextFile(`${folder}/${MANIFEST}`, JSON.stringify(manifest, null, 2) + "\n");
}

/** The manifest in `folder`, or nothing when the guest there is missing, damaged or of another recipe. */
export async function soundManifest(folder: string): Promise<Manifest | undefined> {
  try {
    const manifest: Manifest = JSON.parse(await Deno.readTextFile(`${folder}/${MANIFEST}`));
    if (manifest.recipe !== await recipeDigest()) return undefined;
    const files = await fileDigests(folder);
    const same = Object.entries(files).every(([name, digest]) => manifest.files[name] === digest);
    return same ? manifest : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function fileDigests(folder: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const name of Object.values(GUEST_FILES)) {
    digests[name] = await sha256(await Deno.readFile(`${folder}/${name}`));
  }
  return digests;
}

/** A digest of this folder's files, which decide what is made of the packages. */
async function recipeDigest(): Promise<string> {
  const digests: string[] = [];
  const read = async (folder: string) => {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
      if (isDirectory) await read(`${folder}${name}/`);
      else digests.push(name, await sha256(await Deno.readFile(`${folder}${name}`)));
    }
  };
  await read(new URL("./", import.meta.url).pathname);
  return await sha256(new TextEncoder().encode(digests.join("\n")));
}
