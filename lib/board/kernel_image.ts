/**
 * Linux kernel images for RISC-V (Linux, Documentation/arch/riscv/boot-image-header.rst): a flat image with
 * a header that says where it is loaded and how much memory it takes. The file is untrusted.
 */
import { isElf, machineRiscv } from "./elf.ts";
import { ImageError } from "./errors.ts";

/** What a kernel image asks for. */
export interface KernelImage {
  /** Bytes from the start of RAM to where it is loaded, and entered. */
  readonly textOffset: number;
  /** Bytes that it takes in memory, from there on: the file and zeros after it. */
  readonly memoryBytes: number;
}

const headerBytes = 64;
const offsets = { textOffset: 8, imageBytes: 16, flags: 24, magic: 56, portableExecutable: 60 };
/** "RSC" and 5, at the end of the header. */
const magic = 0x0543_5352;
const flagBigEndian = 1;

/** Largest offset and size that the header may ask for: no machine has more RAM. */
const largest = 2n ** 31n;

/** Kernels of other machines, by what stands where in their images. */
const foreign: readonly { readonly at: number; readonly bytes: string; readonly what: string }[] = [
  { at: 0x202, bytes: "HdrS", what: "a kernel for x86 (bzImage)" },
  { at: 56, bytes: "ARMd", what: "a kernel for 64-bit ARM (Image)" },
  { at: 36, bytes: "\x18\x28\x6f\x01", what: "a kernel for 32-bit ARM (zImage)" },
  {
    at: 4,
    bytes: "zimg",
    what: "a compressed EFI application (zboot): unpack the Image in it first",
  },
];

function standsAt(file: Uint8Array, at: number, bytes: string): boolean {
  return Array.from(bytes).every((byte, index) => file[at + index] === byte.charCodeAt(0));
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}

/** Whether a file is a RISC-V kernel image. */
export function isKernelImage(file: Uint8Array): boolean {
  return file.length >= headerBytes && viewOf(file).getUint32(offsets.magic, true) === magic;
}

/** What a file is that has no kernel image's header. */
function otherFile(file: Uint8Array): string {
  if (isElf(file)) {
    return file.length >= 20 && viewOf(file).getUint16(18, true) === machineRiscv
      ? "it is an ELF file (vmlinux): give the Image that is made from it"
      : "it is an ELF file for another machine than RISC-V";
  }
  if (file.length === 0) return "the file is empty";
  return file.length < headerBytes
    ? `it ends inside its header of ${headerBytes} bytes`
    : "it is no RISC-V kernel Image (its header lacks the magic number)";
}

/** What other machine's kernel a file is, if it is one. */
export function foreignKernel(file: Uint8Array): string | undefined {
  return foreign.find(({ at, bytes }) => standsAt(file, at, bytes))?.what;
}

/**
 * Reads the header of a kernel image.
 *
 * @throws {ImageError} naming what is malformed, or what the file is in place of a kernel image
 */
export function readKernelImage(file: Uint8Array): KernelImage {
  const other = foreignKernel(file);
  if (other !== undefined) throw new ImageError(`Cannot load the kernel: it is ${other}`);
  if (!isKernelImage(file)) {
    throw new ImageError(`Cannot load the kernel: ${otherFile(file)}`);
  }
  const view = viewOf(file);
  const textOffset = view.getBigUint64(offsets.textOffset, true);
  const imageBytes = view.getBigUint64(offsets.imageBytes, true);
  if ((view.getUint32(offsets.flags, true) & flagBigEndian) !== 0) {
    throw new ImageError("Cannot load the kernel: it is big-endian");
  }
  for (const [what, value] of [["load offset", textOffset], ["size", imageBytes]] as const) {
    if (value > largest || (what === "load offset" && value % 4096n !== 0n)) {
      throw new ImageError(
        `Cannot load the kernel: its header has the ${what} 0x${value.toString(16)}`,
      );
    }
  }
  const stored = storedBytes(file, view);
  if (stored > file.length) {
    throw new ImageError(
      `Cannot load the kernel: it ends after ${file.length} of ${stored} bytes`,
    );
  }
  return {
    textOffset: Number(textOffset),
    memoryBytes: Math.max(Number(imageBytes), file.length),
  };
}

/**
 * The bytes that the file must have. The image's size includes memory that is zero at first, so only the
 * section table of the EFI stub (PE/COFF specification, sections 2 to 4) tells; without one, any will do.
 */
function storedBytes(file: Uint8Array, view: DataView): number {
  const header = view.getUint32(offsets.portableExecutable, true);
  if (header === 0) return headerBytes;
  if (header + 24 > file.length) return header + 24;
  if (!standsAt(file, header, "PE\0\0")) return headerBytes;
  const sections = view.getUint16(header + 6, true);
  const table = header + 24 + view.getUint16(header + 20, true);
  const tableEnd = table + 40 * sections;
  if (tableEnd > file.length) return tableEnd;
  const ends = Array.from({ length: sections }, (_, index) => {
    const section = table + 40 * index;
    return view.getUint32(section + 16, true) + view.getUint32(section + 20, true);
  });
  return Math.max(tableEnd, ...ends);
}
