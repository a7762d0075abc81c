/** The disks that a backup's user names, against those that its primary has. */
import type { HeaderRecord } from "../epoch/record.ts";
import { SECTOR_BYTES } from "../host/disk.ts";
import { errorCode, errorText, HostFileError } from "../host/fault.ts";

/**
 * Checks the images that a backup is given.
 * @throws HostFileError When they are not as many or not as large as the machine's.
 */
export function checkDisks(paths: readonly string[], { configuration }: HeaderRecord): void {
  const { disks } = configuration;
  if (paths.length > 0 && paths.length !== disks.length) {
    const has = `${disks.length} disk${disks.length === 1 ? "" : "s"}`;
    throw new HostFileError(
      paths[0]!,
      `The machine has ${has}, and ${paths.length} are given: name each of its own, or none`,
    );
  }
  for (const [index, path] of paths.entries()) {
    const size = sizeOfDisk(path);
    const { sectors } = disks[index]!;
    if (size === sectors * SECTOR_BYTES) continue;
    throw new HostFileError(
      path,
      `Disk ${path} has ${size} bytes, the primary's disk ${index} has ${
        sectors * SECTOR_BYTES
      }: ` +
        "name the same disk, or a copy of it",
    );
  }
}

function sizeOfDisk(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    const reason = errorCode(error) === "ENOENT"
      ? "it does not exist: check the path, or copy the primary's there"
      : errorText(error);
    throw new HostFileError(path, `Cannot use disk ${path}: ${reason}`, { cause: error });
  }
}
