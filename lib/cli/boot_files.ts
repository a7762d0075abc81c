/** What boots, from the command line: GUEST, or a kernel with its initrd and firmware. */
import { BootImage } from "../board/boot_image.ts";
import type { MachineConfiguration } from "../board/configuration.ts";
import { isKernelImage } from "../board/kernel_image.ts";
import { errorText, HostFileError } from "../host/fault.ts";
import { type Arguments, UsageError } from "./command.ts";
import { readGuest } from "./guest_file.ts";
import { biosOption, initrdOption, kernelOption } from "./machine_options.ts";

/** Guest memory unless `--ram` says otherwise, MiB. */
const DEFAULT_RAM_MIB = { guest: 64, kernel: 256 } as const;

/** The most that a compressed kernel unpacks to: all RAM that a machine can have. */
const UNPACKED_LIMIT_BYTES = 2 ** 31;

/** What was read, ready for a machine. */
export interface BootFiles {
  /** Guest memory unless the command line says otherwise, MiB. */
  readonly ramMib: number;
  /** Entry of the machine's configuration; absent: entered in M-mode. */
  readonly firmware?: "sbi";
  /** Places it in the memory of a machine. @throws {ImageError} when it does not fit */
  readonly load: (configuration: MachineConfiguration) => BootImage;
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
    return isKernelImage(file) ? await kernelFiles(given, file) : guestFiles(given, file);
  }
  return await kernelFiles(given, await unpacked(await read(kernel!, "kernel"), kernel!));
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
  const initrd = initrdPath === undefined ? undefined : await read(initrdPath, "initrd");
  const firmware = bios === "sbi" ? undefined : await read(bios, "firmware");
  return {
    ramMib: DEFAULT_RAM_MIB.kernel,
    ...(bios === "sbi" ? { firmware: "sbi" } : {}),
    load: (configuration) => BootImage.kernel({ kernel, initrd, firmware }, configuration),
  };
}

async function read(path: string, what: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new HostFileError(path, `Cannot read the ${what} ${path}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** A kernel as it is, or unpacked when it is compressed with gzip (RFC 1952). */
async function unpacked(file: Uint8Array, path: string): Promise<Uint8Array> {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    const stream = new Blob([file as Uint8Array<ArrayBuffer>]).stream();
    for await (const piece of stream.pipeThrough(new DecompressionStream("gzip"))) {
      bytes += piece.length;
      if (bytes > UNPACKED_LIMIT_BYTES) throw new RangeError("it unpacks to more than 2 GiB");
      pieces.push(piece);
    }
  } catch (error) {
    const reason = error instanceof RangeError ? error.message : "its gzip data is damaged";
    throw new HostFileError(path, `Cannot unpack the kernel ${path}: ${reason}`, { cause: error });
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
