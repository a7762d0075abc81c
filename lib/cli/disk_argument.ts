/** A disk on the command line: its image, and how it is attached. */
import type { DiskBus, MachineConfiguration } from "../board/configuration.ts";
import { HostFileError } from "../host/fault.ts";
import { type Arguments, type Option, UsageError } from "./command.ts";

/** A disk as `--disk` names it. */
export interface DiskArgument {
  /** Path of the image. */
  readonly path: string;
  /** How it is attached; absent when nothing is said about it. */
  readonly bus?: DiskBus;
}

const buses: readonly DiskBus[] = ["scsi", "blk"];

/** Only what the last comma brings is looked at, so that paths may have commas, too. */
function parse(text: string): DiskArgument {
  const [, path, name] = /^(.*),bus=([^,/]*)$/s.exec(text) ?? [];
  if (path === undefined) return { path: text };
  const bus = buses.find((known) => known === name);
  if (bus === undefined) {
    throw new UsageError(
      `The bus of a disk must be ${buses.join(" or ")}, not ${JSON.stringify(name)}`,
    );
  }
  if (path === "") throw new UsageError(`--disk needs an image before its bus: IMG,bus=${bus}`);
  return { path, bus };
}

/** Disk images. */
export const diskOption: Option<DiskArgument> = {
  name: "disk",
  placeholder: "IMG[,bus=scsi|blk]",
  help: "Disk image, whole sectors of 512 bytes, on virtio-scsi (the default) or virtio-blk",
  repeat: true,
  parse,
};

/**
 * How the disks of a running machine are attached stands in its log; here it can only be repeated.
 *
 * @throws {HostFileError} naming the disk of which something else is said
 */
export function requireBuses(given: Arguments, { disks }: MachineConfiguration): void {
  for (const [index, { path, bus }] of given.values(diskOption).entries()) {
    const actual = disks[index]?.bus ?? "scsi";
    if (bus === undefined || disks[index] === undefined || bus === actual) continue;
    throw new HostFileError(path, `Disk ${path} is on ${actual} in this machine, not on ${bus}`);
  }
}
