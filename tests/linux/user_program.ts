/** A program of ours for Debian's Linux, with what a debugger wants, and how it gets into the guest. */
import { gzipSync } from "node:zlib";
import { cpioArchive, type TreeEntry } from "../../guests/linux/cpio.ts";
import { linuxGuest } from "./linux_guest.ts";

const COMPILER = "clang-14", LINKER = "ld.lld-14";
const FLAGS = [
  ...["--target=riscv64-unknown-elf", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"],
  ...["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-pie"],
  ...["-mno-relax", "-fno-stack-protector", "-fno-omit-frame-pointer"],
];

/** Whether programs can be built here; a test that needs it is ignored otherwise, unless peers are required. */
export const canBuild: boolean = await isInstalled(COMPILER) && await isInstalled(LINKER);

async function isInstalled(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"], stdout: "null" }).output())
      .success;
  } catch {
    if (Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1") throw new Error(`No ${command} here`);
    return false;
  }
}

/** Where nothing of the guest's own programs lies: a breakpoint is for all processes that have its address. */
const IMAGE_BASE = "0x40000000";

/** Builds a static program without a C library; answers the path of its ELF file. */
export async function buildProgram(source: URL, folder: string): Promise<string> {
  const path = `${folder}/${source.pathname.replace(/^.*\/|\.c$/g, "")}`;
  await run(COMPILER, [...FLAGS, "-c", source.pathname, "-o", `${path}.o`]);
  await run(LINKER, ["--build-id=none", `--image-base=${IMAGE_BASE}`, `${path}.o`, "-o", path]);
  return path;
}

/**
 * The guest's initial file system with further files; answers its path. The kernel unpacks one archive after
 * the other (kernel: driver-api/early-userspace/buffer-format).
 */
export async function initrdWith(
  files: Readonly<Record<string, Uint8Array>>,
  folder: string,
): Promise<string> {
  const entries = Object.entries(files).map(([path, content]): TreeEntry => (
    { path, type: "file", mode: 0o755, content }
  ));
  const path = `${folder}/initramfs`;
  await Deno.copyFile(linuxGuest().initrd, path);
  await Deno.writeFile(path, gzipSync(cpioArchive(entries)), { append: true });
  return path;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) throw new Error(`${command} failed\n${new TextDecoder().decode(stderr)}`);
}
