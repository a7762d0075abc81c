/**
 * What a machine consists of, as plain data. It stands in a log's header, so it is untrusted there:
 * {@linkcode checkConfiguration} is the only way in.
 */
import { ConfigurationError } from "./errors.ts";

/** Largest size of guest memory: 2 GiB. */
export const maximumRamBytes = 2 ** 31;

/** Most disks a machine can have: targets 0 to 15 of the SCSI controller. */
export const maximumDisks = 16;

/** Longest serial number of a disk, in characters. */
export const maximumDiskIdLength = 20;

/** Largest disk: 2^40 sectors of 512 bytes (512 TiB). */
export const maximumDiskSectors = 2 ** 40;

/** Longest kernel command line, in bytes. */
export const maximumBootArgumentsLength = 2048;

/** A SCSI disk: target number is its place in {@linkcode MachineConfiguration.disks}, LUN 0. */
export interface DiskConfiguration {
  /** The disk's serial number: 1 to 20 printable ASCII characters. */
  readonly id: string;
  /** Size in sectors of 512 bytes. */
  readonly sectors: number;
  /** Writes end in DATA PROTECT. */
  readonly readOnly?: boolean;
}

/** The board around the hart; plain CBOR data. */
export interface MachineConfiguration {
  /** Guest memory in bytes: a multiple of 4096, 2 MiB to 2 GiB. */
  readonly ramBytes: number;
  /** Disks of the SCSI controller, which is present when there is at least one. */
  readonly disks: readonly DiskConfiguration[];
  /** Whether the virtio-console bill port is present. */
  readonly bills: boolean;
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
  refuseUnknownKeys(value, ["id", "sectors", "readOnly"], what);
  const { id, sectors, readOnly } = value;
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
  return readOnly === undefined ? { id, sectors } : { id, sectors, readOnly };
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
    ["ramBytes", "disks", "bills", "bootArguments", "firmware"],
    "the machine configuration",
  );
  const { ramBytes, disks, bills, bootArguments, firmware } = value;
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
  if (firmware !== undefined && firmware !== "sbi") {
    throw new ConfigurationError('The firmware must be "sbi", or absent');
  }
  const checked = {
    ...{ ramBytes, disks: disks.map(checkDisk), bills },
    ...(firmware === undefined ? {} : { firmware: "sbi" as const }),
  };
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
