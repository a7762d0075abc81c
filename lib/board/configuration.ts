/**
 * What a machine consists of, as plain data. It stands in a log's header, so it is untrusted there:
 * {@linkcode checkConfiguration} is the only way in.
 */
import { ConfigurationError } from "./errors.ts";
import { addressOf, isAddress, isGroup } from "./ethernet.ts";

/** Largest size of guest memory: 2 GiB. */
export const maximumRamBytes = 2 ** 31;

/** Most disks a machine can have. */
export const maximumDisks = 16;

/** Most disks on virtio-blk: each takes a slot. */
export const maximumBlockDisks = 4;

/** Longest serial number of a disk, in characters. */
export const maximumDiskIdLength = 20;

/** Largest disk: 2^40 sectors of 512 bytes (512 TiB). */
export const maximumDiskSectors = 2 ** 40;

/** Longest kernel command line, in bytes. */
export const maximumBootArgumentsLength = 2048;

/** How a disk is attached: to the SCSI controller as a target, or as a virtio-blk device of its own. */
export type DiskBus = "scsi" | "blk";

const diskBuses: readonly unknown[] = ["scsi", "blk"] satisfies DiskBus[];

/** A disk. SCSI targets, each with LUN 0, and virtio-blk slots are given out in the order of the list. */
export interface DiskConfiguration {
  /** The disk's serial number: 1 to 20 printable ASCII characters. */
  readonly id: string;
  /** Size in sectors of 512 bytes. */
  readonly sectors: number;
  /** Writes are refused. */
  readonly readOnly?: boolean;
  /** How it is attached; absent: to the SCSI controller. */
  readonly bus?: DiskBus;
}

/** A disk with its number, by which operations name it: its place in the machine's list of disks. */
export interface NumberedDisk extends DiskConfiguration {
  /** Place in {@linkcode MachineConfiguration.disks}. */
  readonly number: number;
}

/** The disks that are attached in one of the ways, in order. */
export function disksOn(
  bus: DiskBus,
  { disks }: Pick<MachineConfiguration, "disks">,
): readonly NumberedDisk[] {
  return disks.map((disk, number) => ({ ...disk, number }))
    .filter((disk) => (disk.bus ?? "scsi") === bus);
}

/** A network device. */
export interface NetworkConfiguration {
  /** Its MAC address, such as `02:00:5e:10:00:01`. */
  readonly mac: string;
}

/** The board around the hart; plain CBOR data. */
export interface MachineConfiguration {
  /** Guest memory in bytes: a multiple of 4096, 2 MiB to 2 GiB. */
  readonly ramBytes: number;
  /** Disks; the SCSI controller is present when there is at least one for it. */
  readonly disks: readonly DiskConfiguration[];
  /** Whether the virtio-console bill port is present. */
  readonly bills: boolean;
  /** The network device; absent: none. */
  readonly network?: NetworkConfiguration;
  /** Whether there is a source of random bytes (virtio-rng). */
  readonly entropy?: boolean;
  /** Kernel command line, for the device tree's `/chosen/bootargs`; ASCII. */
  readonly bootArguments?: string;
  /**
   * `sbi`: the board itself serves S-mode, where the guest is entered. Absent: it is entered in M-mode,
   * be it firmware or a kernel that needs none.
   */
  readonly firmware?: "sbi";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPrintableAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

function refuseUnknownKeys(value: Record<string, unknown>, known: readonly string[], what: string) {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new ConfigurationError(`Unknown entry "${key}" in ${what}`);
  }
}

function checkDisk(value: unknown, index: number): DiskConfiguration {
  const what = `disk ${index} of the machine configuration`;
  if (!isRecord(value)) throw new ConfigurationError(`Expected a map for ${what}`);
  refuseUnknownKeys(value, ["id", "sectors", "readOnly", "bus"], what);
  const { id, sectors, readOnly, bus } = value;
  if (
    typeof id !== "string" || id.length < 1 || id.length > maximumDiskIdLength ||
    !isPrintableAscii(id)
  ) {
    throw new ConfigurationError(
      `The id of ${what} must be 1 to ${maximumDiskIdLength} printable ASCII characters`,
    );
  }
  if (
    typeof sectors !== "number" || !Number.isSafeInteger(sectors) || sectors < 1 ||
    sectors > maximumDiskSectors
  ) {
    throw new ConfigurationError(
      `The size of ${what} must be 1 to ${maximumDiskSectors} sectors of 512 bytes`,
    );
  }
  if (readOnly !== undefined && typeof readOnly !== "boolean") {
    throw new ConfigurationError(`The readOnly mark of ${what} must be true or false`);
  }
  if (bus !== undefined && !diskBuses.includes(bus)) {
    throw new ConfigurationError(`The bus of ${what} must be scsi or blk`);
  }
  return {
    id,
    sectors,
    ...(readOnly === undefined ? {} : { readOnly }),
    ...(bus === undefined ? {} : { bus: bus as DiskBus }),
  };
}

function checkNetwork(value: unknown): NetworkConfiguration {
  const what = "the network device";
  if (!isRecord(value)) throw new ConfigurationError(`Expected a map for ${what}`);
  refuseUnknownKeys(value, ["mac"], what);
  const { mac } = value;
  if (typeof mac !== "string" || !isAddress(mac)) {
    throw new ConfigurationError(
      `The MAC address of ${what} must be six bytes such as 02:00:5e:10:00:01, in lower case`,
    );
  }
  const address = addressOf(mac);
  if (isGroup(address) || address.every((byte) => byte === 0)) {
    throw new ConfigurationError(
      `The MAC address ${mac} is not one that a single station can have`,
    );
  }
  return { mac };
}

/**
 * Checks an untrusted configuration and returns it.
 *
 * @throws {ConfigurationError} naming the entry that is wrong
 */
export function checkConfiguration(value: unknown): MachineConfiguration {
  if (!isRecord(value)) throw new ConfigurationError("Expected a map as machine configuration");
  refuseUnknownKeys(
    value,
    ["ramBytes", "disks", "bills", "network", "entropy", "bootArguments", "firmware"],
    "the machine configuration",
  );
  const { ramBytes, disks, bills, network, entropy, bootArguments, firmware } = value;
  if (
    typeof ramBytes !== "number" || !Number.isSafeInteger(ramBytes) || ramBytes % 4096 !== 0 ||
    ramBytes < 2 ** 21 || ramBytes > maximumRamBytes
  ) {
    throw new ConfigurationError(
      "The size of guest memory must be a multiple of 4096 bytes, from 2 MiB to 2 GiB",
    );
  }
  if (!Array.isArray(disks) || disks.length > maximumDisks) {
    throw new ConfigurationError(`Expected a list of at most ${maximumDisks} disks`);
  }
  if (typeof bills !== "boolean") {
    throw new ConfigurationError("Whether there is a bill port must be true or false");
  }
  if (entropy !== undefined && typeof entropy !== "boolean") {
    throw new ConfigurationError("Whether there is a source of random bytes must be true or false");
  }
  if (firmware !== undefined && firmware !== "sbi") {
    throw new ConfigurationError('The firmware must be "sbi", or absent');
  }
  const checked = {
    ...{ ramBytes, disks: disks.map(checkDisk), bills },
    ...(network === undefined ? {} : { network: checkNetwork(network) }),
    ...(entropy === undefined ? {} : { entropy }),
    ...(firmware === undefined ? {} : { firmware: "sbi" as const }),
  };
  if (disksOn("blk", checked).length > maximumBlockDisks) {
    throw new ConfigurationError(`At most ${maximumBlockDisks} disks can be on virtio-blk`);
  }
  const ids = new Set(checked.disks.map((disk) => disk.id));
  if (ids.size !== disks.length) {
    throw new ConfigurationError("Two disks of the machine configuration have the same id");
  }
  if (bootArguments === undefined) return checked;
  if (
    typeof bootArguments !== "string" || bootArguments.length > maximumBootArgumentsLength ||
    !isPrintableAscii(bootArguments)
  ) {
    throw new ConfigurationError(
      `The boot arguments must be at most ${maximumBootArgumentsLength} printable ASCII characters`,
    );
  }
  return { ...checked, bootArguments };
}
