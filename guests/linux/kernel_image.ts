/** Finds the kernel's boot image among the unpacked packages. */
import { Trouble } from "./trouble.ts";

/** Where suites have it, `*` being the kernel's version. */
const PLACES: readonly (readonly [folder: string, name: RegExp])[] = [
  ["usr/lib/modules/*", /^vmlinu[xz]$/],
  ["boot", /^vmlinu[xz]-/],
];

/** Header of a RISC-V boot image (kernel: Documentation/arch/riscv/boot-image-header.rst). */
const MAGIC = { offset: 0x38, value: "RSC\x05" };

/** Reads the boot image; a compressed one, which needs firmware to unpack it, is refused. */
export async function kernelImage(root: string, version: string): Promise<Uint8Array<ArrayBuffer>> {
  for (const [folder, pattern] of PLACES) {
    const place = `${root}/${folder.replace("*", version)}`;
    for (const entry of await names(place)) {
      if (!pattern.test(entry)) continue;
      const image = await Deno.readFile(`${place}/${entry}`);
      const magic = image.subarray(MAGIC.offset, MAGIC.offset + MAGIC.value.length);
      if (new TextDecoder().decode(magic) === MAGIC.value) return image;
      throw new Trouble("assembly", `The kernel ${version} is not a plain RISC-V boot image`);
    }
  }
  throw new Trouble("assembly", `The packages of the kernel ${version} hold no boot image`);
}

/** The version of the one kernel below `root`. */
export async function kernelVersion(root: string): Promise<string> {
  for (const folder of ["usr/lib/modules", "lib/modules"]) {
    const [version] = await names(`${root}/${folder}`);
    if (version !== undefined) return version;
  }
  throw new Trouble("assembly", "The packages hold no kernel modules");
}

async function names(folder: string): Promise<readonly string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return [];
  }
}
