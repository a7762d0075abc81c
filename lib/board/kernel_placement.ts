/** Where initrd and device tree go in the memory of a machine that boots a kernel: where QEMU puts them. */
import { GuestMemory } from "../cpu/memory.ts";
import { ImageError } from "./errors.ts";
import type { Extent } from "./extents.ts";

const pageBytes = 4096;

/** The device tree stands below 3 GiB, at a multiple of 2 MiB where there is room. */
export const deviceTreeLimit = 0xc000_0000;
/** See {@linkcode deviceTreeLimit}. */
export const deviceTreeAlignment: number = 2 ** 21;

/**
 * Bytes from the start of the device tree that nothing else is placed in: firmware such as OpenSBI adds
 * nodes to it where it stands, and behind these stands what a dynamic firmware must know.
 */
export const deviceTreeRoomBytes = 0x1_0000;

/** The initrd stands half of RAM behind the kernel's start, at most this far. */
const farthestInitrdBytes = 2 ** 27;

/** What stands beside a kernel. */
export interface Placement {
  /** Absent without an initrd. */
  readonly initrd: Extent | undefined;
  /** Address of the device tree. */
  readonly deviceTree: number;
}

/**
 * Places the initrd of so many bytes, if there is one, and the device tree.
 *
 * @throws {ImageError} saying how much RAM is needed
 */
export function placeBesideKernel(
  kernel: Extent,
  initrdBytes: number | undefined,
  ramBytes: number,
): Placement {
  const initrdPages = up(initrdBytes ?? 0, pageBytes);
  const needed = up(kernel.end, pageBytes) - GuestMemory.ramBase + initrdPages +
    deviceTreeRoomBytes;
  const top = Math.min(GuestMemory.ramBase + ramBytes, deviceTreeLimit) - deviceTreeRoomBytes;
  if (needed > ramBytes || kernel.end + initrdPages > top) {
    throw new ImageError(
      `Cannot load the kernel: with initrd and device tree it needs ${
        Math.ceil(needed / 2 ** 20)
      } MiB of RAM below ${deviceTreeLimit / 2 ** 30} GiB, and the machine has ${
        ramBytes / 2 ** 20
      }`,
    );
  }
  const aligned = Math.floor(top / deviceTreeAlignment) * deviceTreeAlignment;
  const deviceTree = up(kernel.end, pageBytes) + initrdPages <= aligned ? aligned : top;
  if (initrdBytes === undefined) return { initrd: undefined, deviceTree };
  const wanted = up(kernel.start + Math.min(ramBytes / 2, farthestInitrdBytes), pageBytes);
  const fits = wanted >= kernel.end && wanted + initrdPages <= deviceTree;
  const start = fits ? wanted : deviceTree - initrdPages;
  return { initrd: { start, end: start + initrdBytes, what: "the initrd" }, deviceTree };
}

function up(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
