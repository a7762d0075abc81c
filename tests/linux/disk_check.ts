/** Looks at the guest's disk image from outside, with e2fsprogs. */
import { assertEquals } from "@std/assert";

/** Fails unless `fsck` finds the file system clean and whole. The guest must have unmounted it. */
export async function assertSoundDisk(image: string): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command("/usr/sbin/e2fsck", {
    args: ["-f", "-n", image],
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, said);
}

/** Copies a file out of the image to `path` on this host. */
export async function takeFromDisk(image: string, file: string, path: string): Promise<void> {
  const { stderr } = await new Deno.Command("/usr/sbin/debugfs", {
    args: ["-R", `dump "${file}" "${path}"`, image],
  }).output();
  const said = new TextDecoder().decode(stderr).split("\n").slice(1).join("\n").trim();
  assertEquals(said, "", `${file} is not in ${image}`);
}

/** The names in a folder of the image. */
export async function listOnDisk(image: string, folder: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("/usr/sbin/debugfs", {
    args: ["-R", `ls -p "${folder}"`, image],
  }).output();
  // Lines such as /12/040755/0/0/name/.
  const names = new TextDecoder().decode(stdout).split("\n").map((line) => line.split("/")[5]);
  return names.filter((name) => name !== undefined && !/^\.{0,2}$/.test(name)) as string[];
}
