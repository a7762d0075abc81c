/**
 * Where everything is on the board: the addresses and interrupt numbers of QEMU's `virt`.
 *
 * ```text
 * 0x0010_0000  test finisher: power-off and reset
 * 0x0010_1000  real-time clock (goldfish), interrupt 11
 * 0x0200_0000  CLINT: software interrupt, timer comparator, time
 * 0x0c00_0000  PLIC: 96 sources, contexts 0 (M) and 1 (S) of hart 0
 * 0x1000_0000  UART (ns16550a), interrupt 10
 * 0x1000_1000  virtio-mmio slots 0 to 7, 4 KiB apart, interrupts 1 to 8
 * 0x8000_0000  RAM
 * ```
 */

/** Sizes in bytes that a load or store can have. */
export type AccessSize = 1 | 2 | 4 | 8;

/** A range of device registers and the access sizes that it answers to. */
export interface Region {
  /** Address of the first byte. */
  readonly base: number;
  /** Bytes. */
  readonly size: number;
  /** Other sizes are access faults, as they are on QEMU. */
  readonly sizes: readonly AccessSize[];
}

/** The board's regions. */
export const regions = {
  finisher: { base: 0x10_0000, size: 0x1000, sizes: [2, 4] },
  realTimeClock: { base: 0x10_1000, size: 0x24, sizes: [4] },
  softwareInterrupts: { base: 0x200_0000, size: 0x4000, sizes: [4] },
  timer: { base: 0x200_4000, size: 0x8000, sizes: [4, 8] },
  interruptController: { base: 0xc00_0000, size: 0x60_0000, sizes: [4] },
  uart: { base: 0x1000_0000, size: 8, sizes: [1, 2, 4] },
} as const satisfies { readonly [name: string]: Region };

/** Number of virtio-mmio slots. */
export const virtioSlots = 8;

/** The region of one virtio-mmio slot. */
export function virtioRegion(slot: number): Region {
  return { base: 0x1000_1000 + slot * 0x1000, size: 0x200, sizes: [1, 2, 4, 8] };
}

/** PLIC source of one virtio-mmio slot. */
export function virtioInterrupt(slot: number): number {
  return 1 + slot;
}

/** PLIC sources of the other devices. */
export const interrupts = { uart: 10, realTimeClock: 11 } as const;

/** Number of PLIC sources; source 0 does not exist. */
export const interruptSources = 96;

/** Frequency of `time` in ticks per second. */
export const timebaseFrequency = 10_000_000;
