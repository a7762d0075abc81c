/** Opens the devices that a command line names. */
import { maximumBlockDisks } from "../board/configuration.ts";
import { BillFile } from "../host/bills.ts";
import { ConsoleFile, ConsoleOutput, type ConsoleSink, ConsoleStream } from "../host/console.ts";
import { HostDevices } from "../host/devices.ts";
import { createDiskImage, type DiskBack, DiskFile, requireWholeSectors } from "../host/disk.ts";
import { HostFileError } from "../host/fault.ts";
import { NetworkSocket } from "../host/network.ts";
import { type FileIdentity, identityOfPath, sameFile } from "../host/positional_file.ts";
import { SlowDisk } from "../host/slow_disk.ts";
import { type Arguments, UsageError } from "./command.ts";
import { diskOption } from "./disk_argument.ts";
import {
  billsOption,
  consoleOption,
  createDiskOption,
  diskLatencyOption,
  diskSyncOption,
} from "./machine_options.ts";
import { networkOption } from "./network_option.ts";
import type { Reporter } from "./reporter.ts";

/** Where the outside of a machine stands in the files that have positions. */
export interface DevicePositions {
  /** Byte of the console file at which console position 0 stands; absent: its present end. */
  readonly consoleBase?: number;
  /** Byte of the bill file at which offset 0 stands; absent: its present end. */
  readonly billBase?: number;
  /** Console output below this position is performed. */
  readonly consolePerformed: number;
}

/** The opened outside of a machine. */
export interface OpenDevices {
  /** All of them, as the machine sees them. */
  readonly backs: HostDevices;
  /** The disk images, in the order of the configuration. */
  readonly disks: readonly DiskFile[];
  /** Byte of the console file at which console position 0 stands. */
  readonly consoleBase: number;
  /** Byte of the bill file at which offset 0 stands. */
  readonly billBase: number;
  /** Whether console output goes to a terminal. */
  readonly shown: boolean;
  /** The way to the network, not connected yet. */
  readonly network: NetworkSocket | undefined;
}

/** How console output leaves when no file is named. */
export type ConsoleChannel = "stdout" | "stderr";

/**
 * The paths of the disk images, of which some may be missing.
 *
 * @throws {HostFileError} when one is no regular file of whole sectors, or two of them are one
 */
export function diskPaths(given: Arguments): readonly string[] {
  const disks = given.values(diskOption);
  if (disks.filter(({ bus }) => bus === "blk").length > maximumBlockDisks) {
    throw new UsageError(`At most ${maximumBlockDisks} disks can be on virtio-blk`);
  }
  const paths = disks.map(({ path }) => path);
  const seen: { readonly path: string; readonly identity: FileIdentity }[] = [];
  for (const path of paths) {
    const identity = identityOfPath(path);
    if (identity === undefined) continue;
    if (!Deno.statSync(path).isFile) {
      throw new HostFileError(path, `Cannot use ${path} as a disk: it is not a regular file`);
    }
    const other = seen.find((one) => sameFile(one.identity, identity));
    if (other !== undefined) {
      throw new HostFileError(
        path,
        `Disks ${other.path} and ${path} are the same file: each disk needs an image of its own`,
      );
    }
    seen.push({ path, identity });
  }
  // Before anything is locked: a file that is no disk gets no membership record beside it.
  for (const { path } of seen) requireWholeSectors(path, Deno.statSync(path).size);
  return paths;
}

/**
 * Makes the images that are missing, if `--create-disk` says so.
 *
 * @throws {HostFileError} naming the image that is missing, and what to do
 */
export function provideDisks(given: Arguments): readonly string[] {
  const bytes = given.value(createDiskOption);
  if (bytes !== undefined && given.values(diskOption).length === 0) {
    throw new UsageError(
      "--create-disk makes the image that --disk names: give --disk IMG with it",
    );
  }
  for (const path of diskPaths(given)) {
    if (identityOfPath(path) !== undefined) continue;
    if (bytes === undefined) {
      throw new HostFileError(
        path,
        `Disk ${path} does not exist: check the path, or make it with --create-disk 8M`,
      );
    }
    createDiskImage(path, bytes);
  }
  // What has just been made may be named in two ways.
  return diskPaths(given);
}

/**
 * Opens disks, bill file and console. The lock on the disks is the caller's.
 *
 * @param mac Address of the network device, if there is one.
 * @throws {HostFileError} naming what does not open; nothing is left open then
 */
export function openDevices(
  given: Arguments,
  channel: ConsoleChannel,
  reporter: Reporter,
  mac: string | undefined,
  positions: DevicePositions = { consolePerformed: 0 },
): OpenDevices {
  const opened: { close(): void | Promise<void> }[] = [];
  const keep = <Thing extends { close(): void | Promise<void> }>(thing: Thing): Thing => {
    opened.push(thing);
    return thing;
  };
  try {
    const synchronous = given.value(diskSyncOption) === true;
    const disks = given.values(diskOption).map(({ path }) =>
      keep(new DiskFile(path, { synchronous }))
    );
    const latency = given.value(diskLatencyOption) ?? 0;
    const backs = disks.map((disk): DiskBack => latency > 0 ? new SlowDisk(disk, latency) : disk);
    const billPath = given.value(billsOption);
    const billBase = positions.billBase ?? sizeOf(billPath);
    const bills = billPath === undefined ? undefined : keep(
      new BillFile(billPath, { base: billBase }),
    );
    const path = given.value(consoleOption);
    const { sink, base } = openConsole(path, channel, positions.consoleBase);
    keep(sink);
    const console = new ConsoleOutput(
      path === undefined ? reporter.beside(sink) : sink,
      positions.consolePerformed,
      undefined,
      reporter.note,
    );
    const socket = given.value(networkOption)?.path;
    const network = mac === undefined || socket === undefined
      ? undefined
      : new NetworkSocket(socket, mac);
    return {
      backs: new HostDevices(backs, bills, console, network),
      ...{ disks, consoleBase: base, billBase, network },
      shown: path === undefined && Deno[channel].isTerminal(),
    };
  } catch (error) {
    for (const thing of opened) void thing.close();
    throw error;
  }
}

/** The console file, or the channel when none is named, and where position 0 stands in it. */
export function openConsole(
  path: string | undefined,
  channel: ConsoleChannel,
  base: number | undefined,
): { readonly sink: ConsoleSink; readonly base: number } {
  if (path === undefined) {
    return { sink: new ConsoleStream(Deno[channel]), base: base ?? 0 };
  }
  const file = new ConsoleFile(path, base);
  return { sink: file, base: file.base };
}

function sizeOf(path: string | undefined): number {
  if (path === undefined || identityOfPath(path) === undefined) return 0;
  return Deno.statSync(path).size;
}
