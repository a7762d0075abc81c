/** Which kernel modules the guest needs, and the order in which they can be loaded. */
import { zstdDecompressSync } from "node:zlib";
import { type ModuleInformation, moduleInformation } from "./kernel_module.ts";
import { runProgram } from "./program.ts";
import { Trouble } from "./trouble.ts";

/**
 * Wanted modules, by file name. Each stands for the first one that the kernel has as a module; a
 * kernel that has none of them has it built in, as far as we can know before it boots.
 */
const WANTED: readonly (readonly string[])[] = [
  ["virtio_mmio"],
  // ext4 and jbd2 ask for crc32c by an alias that several modules have had.
  ["crc32c-cryptoapi", "crc32c_generic"],
  ["ext4"],
  ["sd_mod"],
  ["virtio_scsi"],
  ["virtio_blk"],
  ["virtio_net"],
  ["virtio-rng"],
  // DHCP needs raw sockets.
  ["af_packet"],
];

/** Without these the guest finds no disk; none of the suites has them built in. */
const NEEDED = ["virtio_mmio", "ext4", "sd_mod", "virtio_scsi"];

/** How modules come packed, by the end of their file names. */
const UNPACK: readonly [string, (path: string) => Promise<Uint8Array>][] = [
  [".ko", (path) => Deno.readFile(path)],
  [".ko.xz", (path) => runProgram("xz", ["--decompress", "--stdout", path])],
  [".ko.zst", async (path) => zstdDecompressSync(await Deno.readFile(path))],
];

/** A module that can be put into the guest. */
export interface KernelModule extends ModuleInformation {
  /** The ELF object, unpacked. */
  readonly content: Uint8Array;
}

/** Finds the wanted modules below `folder`, with all that they depend on, in loading order. */
export async function collectModules(folder: string): Promise<readonly KernelModule[]> {
  const files = await moduleFiles(folder);
  const order = new Map<string, KernelModule>();
  const take = async (name: string) => {
    const file = files.get(plainName(name));
    if (file === undefined || order.has(plainName(name))) return;
    const content = await file();
    const information = moduleInformation(content);
    for (const before of information.depends) await take(before);
    order.set(plainName(name), { ...information, content });
  };
  for (const names of WANTED) {
    const name = names.find((name) => files.has(plainName(name)));
    if (name !== undefined) await take(name);
  }
  for (const name of NEEDED) {
    if (!order.has(name)) throw new Trouble("assembly", `The kernel has no module ${name}`);
  }
  return [...order.values()];
}

/** Every module file, by its module's name. */
async function moduleFiles(folder: string): Promise<Map<string, () => Promise<Uint8Array>>> {
  const files = new Map<string, () => Promise<Uint8Array>>();
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      for (const [name, read] of await moduleFiles(path)) files.set(name, read);
    }
    const packing = UNPACK.find(([ending]) => entry.name.endsWith(ending));
    if (!entry.isFile || packing === undefined) continue;
    const [ending, unpack] = packing;
    files.set(plainName(entry.name.slice(0, -ending.length)), () => unpack(path));
  }
  return files;
}

/** File names have dashes where module names have underscores. */
function plainName(name: string): string {
  return name.replaceAll("-", "_");
}
