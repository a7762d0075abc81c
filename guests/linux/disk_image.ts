/**
 * A small ext4 disk image with the guest's programs, made by e2fsprogs without being root.
 *
 * `mke2fs -d` takes over the order, owners and times of the host's files; `debugfs` makes each file where
 * and when we say, so that the same packages give the same bytes.
 */
import { runProgram } from "./program.ts";
import type { DiskEntry } from "./disk_files.ts";

const IMAGE_BYTES = 64 * 2 ** 20;

/** Debian's sbin is not on every user's path. */
const MKE2FS = "/usr/sbin/mke2fs";
const DEBUGFS = "/usr/sbin/debugfs";

/** Every time in the image, and what else would be random. */
const BUILD_TIME_SECONDS = 1_700_000_000;
const VOLUME_UUID = "10c45feb-0000-4000-8000-000000000001";
const HASH_SEED = "10c45feb-0000-4000-8000-000000000002";

const environment = { E2FSPROGS_FAKE_TIME: `${BUILD_TIME_SECONDS}` };

/** Makes the image at `path`. */
export async function makeDiskImage(path: string, entries: readonly DiskEntry[]): Promise<void> {
  await Deno.writeFile(path, new Uint8Array());
  await Deno.truncate(path, IMAGE_BYTES);
  const extended =
    `hash_seed=${HASH_SEED},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard`;
  await runProgram(MKE2FS, [
    ...["-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-N", "4096", "-m", "0"],
    ...["-U", VOLUME_UUID, "-L", "lockstep", "-E", extended, path],
  ], { environment });
  const commands = new TextEncoder().encode(entries.flatMap(commandsFor).join("\n") + "\n");
  await runProgram(DEBUGFS, ["-w", "-f", "-", path], { environment, stdin: commands });
}

/** Commands of debugfs(8) that make one entry. */
function commandsFor({ path, type, mode, source }: DiskEntry): readonly string[] {
  const parent = path.slice(0, path.lastIndexOf("/") + 1);
  const name = path.slice(parent.length);
  const make = {
    folder: `mkdir "${name}"`,
    file: `write "${source}" "${name}"`,
    link: `symlink "${name}" "${source}"`,
  }[type];
  const fields = {
    ...(type === "file" ? { mode: `0${(0o100000 | mode).toString(8)}` } : {}),
    ...{ uid: 0, gid: 0 },
    ...{ atime: `@${BUILD_TIME_SECONDS}`, ctime: `@${BUILD_TIME_SECONDS}` },
    ...{ mtime: `@${BUILD_TIME_SECONDS}`, crtime: `@${BUILD_TIME_SECONDS}` },
  };
  const set = Object.entries(fields).map(([field, value]) => `sif "${name}" ${field} ${value}`);
  return [`cd "/${parent}"`, make, ...set];
}
