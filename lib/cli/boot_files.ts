/** What boots, from the command line: GUEST, or a kernel with its initrd and firmware. */
import { BootImage } from "../board/boot_image.ts";
import type { MachineConfiguration } from "../board/configuration.ts";
import { ImageError } from "../board/errors.ts";
import { isKernelImage } from "../board/kernel_image.ts";
import { HostFileError } from "../host/fault.ts";
import { type Arguments, UsageError } from "./command.ts";
import { gathered, readGuest, readWhole } from "./guest_file.ts";
import type { NamedFile } from "./separate_files.ts";
import { biosOption, initrdOption, kernelOption, ramOption } from "./machine_options.ts";

/** Guest memory unless `--ram` says otherwise, MiB. */
const DEFAULT_RAM_MIB = { guest: 64, kernel: 256 } as const;

/** All RAM that a machine can have: a compressed kernel unpacks to no more, MiB. */
const LARGEST_RAM_MIB = 2048;

/** What was read, ready for a machine. */
export interface BootFiles {
  /** Guest memory unless the command line says otherwise, MiB. */
  readonly ramMib: number;
  /** Entry of the machine's configuration; absent: entered in M-mode. */
  readonly firmware?: "sbi";
  /** Places it in the memory of a machine. @throws {ImageError} when it does not fit */
  readonly load: (configuration: MachineConfiguration) => BootImage;
}

/** The files that are read: none of them may be written. */
export function namedBootFiles(given: Arguments): readonly NamedFile[] {
  const bios = given.value(biosOption);
  const paths: readonly (readonly [string, string | undefined])[] = [
    ["the guest", given.optionalOperand("GUEST")],
    ["the kernel", given.value(kernelOption)],
    ["the initrd", given.value(initrdOption)],
    ["the firmware", bios === "sbi" || bios === "none" ? undefined : bios],
  ];
  return paths.flatMap(([role, path]) => path === undefined ? [] : [{ role, path }]);
}

/**
 * Reads what boots.
 *
 * @throws {UsageError | HostFileError}
 */
export async function readBootFiles(given: Arguments): Promise<BootFiles> {
  const guest = given.optionalOperand("GUEST");
  const kernel = given.value(kernelOption);
  if ((guest === undefined) === (kernel === undefined)) {
    throw new UsageError(
      guest === undefined
        ? "GUEST is missing: name a guest, or a kernel with --kernel IMAGE"
        : `Both a guest (${guest}) and --kernel are given: which one is to boot?`,
    );
  }
  if (guest !== undefined) {
    const file = await unpacked(await readGuest(guest), guest);
    return named(
      guest,
      isKernelImage(file) ? await kernelFiles(given, file) : guestFiles(given, file),
    );
  }
  const file = await unpacked(await readPart(given, kernel!, "the kernel"), kernel!);
  return named(kernel!, await kernelFiles(given, file));
}

/** An image that does not fit is told with the name of the file. */
function named(path: string, files: BootFiles): BootFiles {
  return {
    ...files,
    load(configuration) {
      try {
        return files.load(configuration);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        throw new ImageError(`${error.message} (${path})`);
      }
    },
  };
}

function guestFiles(given: Arguments, file: Uint8Array): BootFiles {
  if (given.value(initrdOption) !== undefined) {
    throw new UsageError("--initrd belongs to a kernel: give --kernel IMAGE with it");
  }
  const bios = given.value(biosOption) ?? "none";
  if (bios !== "none" && bios !== "sbi") {
    throw new UsageError("--bios FILE runs before a kernel: give --kernel IMAGE with it");
  }
  return {
    ramMib: DEFAULT_RAM_MIB.guest,
    ...(bios === "sbi" ? { firmware: "sbi" } : {}),
    load: (configuration) => BootImage.load(file, configuration),
  };
}

async function kernelFiles(given: Arguments, kernel: Uint8Array): Promise<BootFiles> {
  const bios = given.value(biosOption) ?? "sbi";
  if (bios === "none") {
    throw new UsageError("A kernel needs firmware: --bios sbi (built in) or --bios FILE");
  }
  const initrdPath = given.value(initrdOption);
  const initrd = initrdPath === undefined
    ? undefined
    : await readPart(given, initrdPath, "the initrd");
  const firmware = bios === "sbi" ? undefined : await readPart(given, bios, "the firmware");
  return {
    ramMib: DEFAULT_RAM_MIB.kernel,
    ...(bios === "sbi" ? { firmware: "sbi" } : {}),
    load: (configuration) => BootImage.kernel({ kernel, initrd, firmware }, configuration),
  };
}

/** A part of what boots with a kernel. What does not end is read only until it is too much for the RAM. */
async function readPart(given: Arguments, path: string, what: string): Promise<Uint8Array> {
  return await readWhole(path, what, given.value(ramOption) ?? DEFAULT_RAM_MIB.kernel);
}

/** A kernel as it is, or unpacked when it is compressed with gzip (RFC 1952). */
async function unpacked(file: Uint8Array, path: string): Promise<Uint8Array> {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  try {
    const stream = new Blob([file as Uint8Array<ArrayBuffer>]).stream();
    return await gathered(stream.pipeThrough(new DecompressionStream("gzip")), LARGEST_RAM_MIB);
  } catch (error) {
    const reason = error instanceof RangeError
      ? `it unpacks to more than ${LARGEST_RAM_MIB} MiB`
      : "its gzip data is damaged or cut off";
    throw new HostFileError(path, `Cannot unpack the kernel ${path}: ${reason}`, { cause: error });
  }
}
