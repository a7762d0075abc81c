/** Makes the guest's files from its packages. */
import { diskFiles } from "./disk_files.ts";
import { makeDiskImage } from "./disk_image.ts";
import { initramfs } from "./initramfs.ts";
import { kernelImage, kernelVersion } from "./kernel_image.ts";
import { collectModules } from "./modules.ts";
import type { FetchedPackage } from "./packages.ts";
import { runProgram } from "./program.ts";
import type { Progress } from "./progress.ts";

/** What the guest consists of, by file name. */
export const GUEST_FILES = {
  kernel: "Image",
  initrd: "initramfs.gz",
  disk: "disk.img",
  bios: "opensbi.bin",
} as const;

/** Debian's OpenSBI for every board that describes itself by a device tree. */
const FIRMWARE = "usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin";

/** Writes the guest's files into `folder`. `scratch` is an empty folder for the unpacked packages. */
export async function assemble(
  packages: readonly FetchedPackage[],
  scratch: string,
  folder: string,
  progress: Progress,
): Promise<void> {
  progress.step("Unpacking");
  for (const { path } of packages) {
    await runProgram("dpkg-deb", ["--extract", path, scratch]);
  }
  const version = await kernelVersion(scratch);
  progress.step(`Taking the kernel ${version} and the firmware`);
  await Deno.writeFile(`${folder}/${GUEST_FILES.kernel}`, await kernelImage(scratch, version));
  await Deno.copyFile(`${scratch}/${FIRMWARE}`, `${folder}/${GUEST_FILES.bios}`);
  progress.step("Making the initial file system");
  const modules = await collectModules(`${scratch}/usr/lib/modules/${version}`);
  await Deno.writeFile(`${folder}/${GUEST_FILES.initrd}`, await initramfs(scratch, modules));
  progress.step("Making the disk image");
  await makeDiskImage(`${folder}/${GUEST_FILES.disk}`, await diskFiles(scratch));
}
