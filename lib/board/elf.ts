/**
 * ELF executables for 64-bit RISC-V (System V ABI, generic ELF; RISC-V psABI, chapter 8). Segments go to
 * their physical addresses and the entry is `e_entry`, wherever that is. The file is untrusted.
 */
import { ImageError } from "./errors.ts";

/** A run of bytes at a guest-physical address. */
export interface Segment {
  /** Guest-physical address of the first byte. */
  readonly address: number;
  /** The bytes. */
  readonly data: Uint8Array;
}

/** What an executable asks for. */
export interface Executable {
  /** Guest-physical address of the first instruction. */
  readonly entry: number;
  /** Loadable segments as long as in memory, `memoryBytes` from the file and zeros after that. */
  readonly segments: readonly (Segment & { readonly memoryBytes: number })[];
}

const headerBytes = 64;
const programHeaderBytes = 56;
const loadable = 1;
/** `e_machine` of RISC-V. */
export const machineRiscv = 243;
const executableType = 2;

/** Whether a file calls itself ELF. */
export function isElf(file: Uint8Array): boolean {
  return file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46;
}

function hexadecimal(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** Header fields that must have one value: offset, bytes, value, complaint. */
const requirements: readonly (readonly [number, 1 | 2, number, string])[] = [
  [4, 1, 2, "it is not a 64-bit file"],
  [5, 1, 1, "it is not little-endian"],
  [6, 1, 1, "its ELF version is not 1"],
  [16, 2, executableType, "it is not a statically linked executable (ET_EXEC)"],
  [18, 2, machineRiscv, "it is not for RISC-V"],
  [54, 2, programHeaderBytes, "its program headers have another size than 56 bytes"],
];

/** An address or size; those beyond 2^53 are no places in RAM. */
function wide(view: DataView, offset: number, what: string): number {
  const value = view.getBigUint64(offset, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new MalformedError(`${what} is ${hexadecimal(value)}`);
  }
  return Number(value);
}

/**
 * Reads an ELF executable.
 *
 * @param what What it is for, as in "Cannot load the firmware".
 * @throws {ImageError} naming what is malformed
 */
export function readElf(file: Uint8Array, what: string): Executable {
  try {
    return readExecutable(file);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new ImageError(`Cannot load ${what}: ${error.message}`, { cause: error });
  }
}

/** The message says what is wrong with the file. */
class MalformedError extends Error {}

function readExecutable(file: Uint8Array): Executable {
  if (file.length < headerBytes) {
    throw new MalformedError(
      `it ends inside its header of ${headerBytes} bytes`,
    );
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (const [offset, bytes, wanted, complaint] of requirements) {
    const value = bytes === 1 ? view.getUint8(offset) : view.getUint16(offset, true);
    if (value !== wanted) throw new MalformedError(`${complaint}`);
  }
  const entry = wide(view, 24, "its entry address");
  const table = wide(view, 32, "the offset of its program headers");
  const count = view.getUint16(56, true);
  if (table + count * programHeaderBytes > file.length) {
    throw new MalformedError(
      `it ends inside its ${count} program headers at ${hexadecimal(table)}`,
    );
  }
  const segments = [];
  for (let index = 0; index < count; index++) {
    const at = table + index * programHeaderBytes;
    if (view.getUint32(at, true) !== loadable) continue;
    const segment = readSegment(file, view, at, index);
    if (segment.memoryBytes > 0) segments.push(segment);
  }
  if (segments.length === 0) {
    throw new MalformedError("it has no loadable segments");
  }
  return { entry, segments };
}

function readSegment(file: Uint8Array, view: DataView, at: number, index: number) {
  const offset = wide(view, at + 8, `the file offset of segment ${index}`);
  const address = wide(view, at + 24, `the physical address of segment ${index}`);
  const fileBytes = wide(view, at + 32, `the file size of segment ${index}`);
  const memoryBytes = wide(view, at + 40, `the memory size of segment ${index}`);
  if (fileBytes > memoryBytes) {
    throw new MalformedError(
      `segment ${index} is longer in the file than in memory`,
    );
  }
  if (offset + fileBytes > file.length) {
    throw new MalformedError(
      `it ends inside segment ${index} at offset ${hexadecimal(offset)}`,
    );
  }
  return { address, data: file.subarray(offset, offset + fileBytes), memoryBytes };
}
