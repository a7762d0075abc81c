/**
 * What RAM holds at power-on and at each reset: the guest's file and the device tree, and where the hart
 * enters (a0 = hart id, a1 = address of the device tree, as boot ROMs leave it).
 */
import { GuestMemory } from "../cpu/memory.ts";
import { boardTree } from "./board_tree.ts";
import type { MachineConfiguration } from "./configuration.ts";
import { type Executable, isElf, readElf, type Segment } from "./elf.ts";
import { ImageError } from "./errors.ts";
import { checkExtents, type Extent, hexadecimal } from "./extents.ts";
import { firmwareInformation } from "./firmware_information.ts";
import { foreignKernel, readKernelImage } from "./kernel_image.ts";
import {
  deviceTreeAlignment,
  deviceTreeLimit,
  deviceTreeRoomBytes,
  placeBesideKernel,
} from "./kernel_placement.ts";
import type { BootState } from "./machine_state.ts";

export type { Segment } from "./elf.ts";

const pageBytes = 4096;

function checkAddress(address: number, what: string, { ramBytes }: MachineConfiguration): void {
  if (address >= GuestMemory.ramBase && address < GuestMemory.ramBase + ramBytes) return;
  throw new ImageError(`Cannot load the guest: ${what} ${hexadecimal(address)} is outside RAM`);
}

function checkEntry(entry: number, configuration: MachineConfiguration): void {
  checkAddress(entry, "its entry", configuration);
  if (entry % 2 === 0) return;
  throw new ImageError(`Cannot load the guest: its entry ${hexadecimal(entry)} is odd`);
}

/** Where a blob of so many bytes goes: at the top of RAM, clear of everything else if it can be. */
function placeDeviceTree(bytes: number, ramBytes: number, others: readonly Extent[]): number {
  const top = Math.min(GuestMemory.ramBase + ramBytes, deviceTreeLimit) - bytes;
  for (const alignment of [deviceTreeAlignment, pageBytes]) {
    const start = Math.floor(top / alignment) * alignment;
    const clear = start >= GuestMemory.ramBase &&
      others.every((other) => start >= other.end || start + bytes <= other.start);
    if (clear) return start;
  }
  throw new ImageError(
    `Cannot load the guest: there is no room for the device tree at the top of ${ramBytes} bytes of RAM`,
  );
}

function extentsOf(segments: Executable["segments"], what: string): readonly Extent[] {
  return segments.map(({ address, memoryBytes }, index) => ({
    start: address,
    end: address + memoryBytes,
    what: `${what} ${index}`,
  }));
}

/** What firmware loads, and where it is entered. */
interface Firmware {
  readonly entry: number;
  readonly segments: readonly Segment[];
  readonly extents: readonly Extent[];
}

function readFirmware(file: Uint8Array): Firmware {
  if (isElf(file)) {
    const { entry, segments } = readElf(file, "the firmware");
    return { entry, segments, extents: extentsOf(segments, "firmware segment") };
  }
  if (file.length === 0) throw new ImageError("Cannot load the firmware: the file is empty");
  const start = GuestMemory.ramBase;
  const extents = [{ start, end: start + file.length, what: "the firmware" }];
  return { entry: start, segments: [{ address: start, data: file }], extents };
}

/** The files that a kernel is booted from. */
export interface KernelFiles {
  /** A kernel image. */
  readonly kernel: Uint8Array;
  /** Its initial RAM disk. */
  readonly initrd?: Uint8Array | undefined;
  /** Firmware that runs before it in M-mode: an ELF executable, or raw at the start of RAM. */
  readonly firmware?: Uint8Array | undefined;
}

/** A loaded guest. */
export class BootImage {
  /** Contents of RAM; everything else is zero. They do not overlap, and never change. */
  readonly segments: readonly Segment[];
  /** Entry and device tree addresses. */
  readonly boot: BootState;
  #pages: readonly [page: number, data: Uint8Array][] | undefined;

  private constructor(segments: readonly Segment[], boot: BootState) {
    this.segments = segments;
    this.boot = boot;
  }

  /**
   * Loads a guest: an ELF executable, or anything else as it is at the start of RAM, entered there.
   *
   * @throws {ImageError} when the file is malformed or does not fit into RAM
   */
  static load(file: Uint8Array, configuration: MachineConfiguration): BootImage {
    if (isElf(file)) return BootImage.#elf(file, configuration);
    const foreign = foreignKernel(file);
    if (foreign !== undefined) throw new ImageError(`Cannot load the guest: it is ${foreign}`);
    return BootImage.raw(file, configuration);
  }

  /**
   * Loads a kernel image where its header says, with its initrd behind it and the device tree at the top
   * of RAM. It is entered directly, or by the firmware.
   *
   * @throws {ImageError} when a file is malformed, or they do not fit into RAM
   */
  static kernel(files: KernelFiles, configuration: MachineConfiguration): BootImage {
    const { textOffset, memoryBytes } = readKernelImage(files.kernel);
    const start = GuestMemory.ramBase + textOffset;
    const kernel = { start, end: start + memoryBytes, what: "the kernel" };
    const firmware = files.firmware === undefined ? undefined : readFirmware(files.firmware);
    if (firmware !== undefined) checkEntry(firmware.entry, configuration);
    if (files.initrd?.length === 0) {
      throw new ImageError("Cannot load the kernel: the initrd is empty");
    }
    const occupied = firmware?.extents ?? [];
    const { ramBytes } = configuration;
    const { initrd, deviceTree } = placeBesideKernel(kernel, files.initrd?.length, ramBytes);
    checkExtents([...occupied, kernel, ...(initrd === undefined ? [] : [initrd])], ramBytes);
    const information = deviceTree + deviceTreeRoomBytes - pageBytes;
    const segments = [
      ...firmware?.segments ?? [],
      { address: start, data: files.kernel },
      ...(initrd === undefined ? [] : [{ address: initrd.start, data: files.initrd! }]),
      { address: deviceTree, data: boardTree(configuration, initrd) },
      ...(firmware === undefined
        ? []
        : [{ address: information, data: firmwareInformation(start) }]),
    ];
    return new BootImage(segments, {
      entry: firmware?.entry ?? start,
      deviceTree,
      ...(firmware === undefined ? {} : { firmwareInformation: information }),
    });
  }

  /**
   * Loads a raw image at `address`, which is also where it is entered.
   *
   * @throws {ImageError} when it is empty or does not fit into RAM
   */
  static raw(
    file: Uint8Array,
    configuration: MachineConfiguration,
    address: number = GuestMemory.ramBase,
  ): BootImage {
    if (file.length === 0) throw new ImageError("Cannot load the guest: the image is empty");
    const extent = { start: address, end: address + file.length, what: "the image" };
    return BootImage.#place([{ address, data: file.slice() }], [extent], address, configuration);
  }

  /**
   * Puts an image together again from the pages of a snapshot.
   *
   * @param pages Page numbers from the start of RAM, and 4096 bytes each.
   * @throws {ImageError} when a page or an address of `boot` is not of RAM, or a page has another size
   */
  static fromPages(
    pages: Iterable<readonly [page: number, data: Uint8Array]>,
    boot: BootState,
    configuration: MachineConfiguration,
  ): BootImage {
    checkEntry(boot.entry, configuration);
    checkAddress(boot.deviceTree, "its device tree", configuration);
    const found = new Map<number, Uint8Array>();
    for (const [page, data] of pages) {
      const inRam = Number.isSafeInteger(page) && page >= 0 &&
        page < configuration.ramBytes / pageBytes;
      if (!inRam || data.length !== pageBytes) {
        throw new ImageError(`Cannot use page ${page} of ${data.length} bytes as part of an image`);
      }
      found.set(page, data.slice());
    }
    const segments = [...found].toSorted(([a], [b]) => a - b).map(([page, data]) => ({
      address: GuestMemory.ramBase + page * pageBytes,
      data,
    }));
    return new BootImage(segments, boot);
  }

  static #elf(file: Uint8Array, configuration: MachineConfiguration): BootImage {
    const { entry, segments } = readElf(file, "the guest");
    checkEntry(entry, configuration);
    const extents = extentsOf(segments, "loadable segment");
    const copies = segments.map(({ address, data }) => ({ address, data: data.slice() }));
    return BootImage.#place(copies, extents, entry, configuration);
  }

  static #place(
    segments: readonly Segment[],
    extents: readonly Extent[],
    entry: number,
    configuration: MachineConfiguration,
  ): BootImage {
    checkExtents(extents, configuration.ramBytes);
    const data = boardTree(configuration);
    const deviceTree = placeDeviceTree(data.length, configuration.ramBytes, extents);
    return new BootImage([...segments, { address: deviceTree, data }], { entry, deviceTree });
  }

  /** The pages of the image that are not zero, ascending: number from the start of RAM, 4096 bytes. */
  pages(): readonly [page: number, data: Uint8Array][] {
    return this.#pages ??= this.#cut();
  }

  #cut(): readonly [page: number, data: Uint8Array][] {
    const pages = new Map<number, Uint8Array>();
    for (const { address, data } of this.segments) {
      let at = 0;
      while (at < data.length) {
        const offset = address - GuestMemory.ramBase + at;
        const page = Math.floor(offset / pageBytes);
        const within = offset % pageBytes;
        const taken = Math.min(pageBytes - within, data.length - at);
        const part = data.subarray(at, at + taken);
        if (taken === pageBytes) {
          pages.set(page, part);
        } else {
          let bytes = pages.get(page);
          if (bytes === undefined) pages.set(page, bytes = new Uint8Array(pageBytes));
          bytes.set(part, within);
        }
        at += taken;
      }
    }
    return [...pages].filter(([, data]) => !isZero(data)).toSorted(([a], [b]) => a - b);
  }

  /** Writes the image into a memory that is zero. */
  writeTo(memory: GuestMemory): void {
    for (const { address, data } of this.segments) memory.write(address, data);
  }
}

/** Images are large: whole words, where they are aligned. */
function isZero({ buffer, byteOffset, length }: Uint8Array): boolean {
  const units = byteOffset % 4 === 0
    ? new Int32Array(buffer, byteOffset, length / 4)
    : new Uint8Array(buffer, byteOffset, length);
  for (let index = 0; index < units.length; index++) if (units[index] !== 0) return false;
  return true;
}
