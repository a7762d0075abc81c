/** The initial file system: busybox, the kernel's modules, and the scripts beside this file. */
import { gzipSync } from "node:zlib";
import { cpioArchive, type TreeEntry } from "./cpio.ts";
import type { KernelModule } from "./modules.ts";
import { Trouble } from "./trouble.ts";

const GUEST_FILES = new URL("guest/", import.meta.url).pathname;

/** Folders, by their permissions. */
const FOLDERS: Readonly<Record<string, number>> = {
  bin: 0o755,
  dev: 0o755,
  disk: 0o755,
  etc: 0o755,
  modules: 0o755,
  proc: 0o555,
  root: 0o700,
  scripts: 0o755,
  sys: 0o555,
  tmp: 0o1777,
};

/** Programs and libraries are on the disk. */
const LINKS: Readonly<Record<string, string>> = { usr: "disk/usr", lib: "usr/lib" };

/** The names of the scripts that are part of the guest, in a fixed order. */
export function scriptNames(): readonly string[] {
  return [...Deno.readDirSync(`${GUEST_FILES}scripts`)].map(({ name }) => name).sort();
}

/** Makes the initial file system. `root` holds the unpacked packages. */
export async function initramfs(
  root: string,
  modules: readonly KernelModule[],
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const program = async (path: string, from: string): Promise<TreeEntry> => (
    { path, type: "file", mode: 0o755, content: await Deno.readFile(from) }
  );
  const entries: TreeEntry[] = [
    ...Object.entries(FOLDERS).map(([path, mode]) => ({ path, type: "folder", mode } as const)),
    ...Object.entries(LINKS).map(([path, target]) => (
      { path, type: "link", mode: 0o777, content: bytes(target) } as const
    )),
    // The kernel opens it before anything is mounted.
    { path: "dev/console", type: "character", mode: 0o600, device: [5, 1] },
    await program("init", `${GUEST_FILES}init`),
    await program("bin/busybox", await busybox(root)),
    await program("etc/profile", `${GUEST_FILES}profile`),
  ];
  for (const name of scriptNames()) {
    entries.push(await program(`scripts/${name}`, `${GUEST_FILES}scripts/${name}`));
  }
  for (const { name, content } of modules) {
    entries.push({ path: `modules/${name}.ko`, type: "file", mode: 0o644, content });
  }
  const order = modules.map(({ name }) => `${name}\n`).join("");
  entries.push({ path: "modules/order", type: "file", mode: 0o644, content: bytes(order) });
  return new Uint8Array(gzipSync(cpioArchive(entries), { level: 9 }));
}

/** Suites have it in /bin or in /usr/bin. */
async function busybox(root: string): Promise<string> {
  for (const path of [`${root}/usr/bin/busybox`, `${root}/bin/busybox`]) {
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new Trouble("assembly", "The package busybox-static has no busybox");
}
