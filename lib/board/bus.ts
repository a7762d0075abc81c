/** The bus: finds the device behind an address. RAM is not on it (see `lib/cpu`). */
import type { Bus } from "../cpu/bus.ts";
import type { AccessSize, Region } from "./memory_map.ts";

/** A device as the bus sees it: 32-bit registers at byte offsets from its region's base. */
export interface BusDevice {
  /** The unsigned value of a load of 1, 2 or 4 bytes. */
  load(offset: number, size: 1 | 2 | 4): number;
  /** A store of the low 1, 2 or 4 bytes, unsigned. */
  store(offset: number, size: 1 | 2 | 4, value: number): void;
}

interface Mapping {
  readonly region: Region;
  readonly end: number;
  readonly device: BusDevice;
}

/** Device regions of the board. */
export class DeviceBus implements Bus {
  readonly #mappings: Mapping[] = [];
  readonly #time: () => number;
  /** The mapping used last: devices are polled in loops. */
  #last: Mapping | undefined;

  /** `time` gives the value of the `time` CSR in ticks. */
  constructor(time: () => number) {
    this.#time = time;
  }

  /** Puts a device on the bus. */
  map(region: Region, device: BusDevice): void {
    this.#mappings.push({ region, end: region.base + region.size, device });
  }

  /** The `time` CSR, in ticks. */
  time(): bigint {
    return BigInt(this.#time());
  }

  /** A load from a device register; `undefined` is an access fault. */
  load(address: number, size: AccessSize): bigint | undefined {
    const mapping = this.#find(address, size);
    if (mapping === undefined) return undefined;
    const offset = address - mapping.region.base;
    if (size !== 8) return BigInt(mapping.device.load(offset, size));
    // The two halves are of the same step, so nothing can come between them.
    const low = mapping.device.load(offset, 4);
    return BigInt(low) | BigInt(mapping.device.load(offset + 4, 4)) << 32n;
  }

  /** A store to a device register; `false` is an access fault. */
  store(address: number, size: AccessSize, value: bigint): boolean {
    const mapping = this.#find(address, size);
    if (mapping === undefined) return false;
    const offset = address - mapping.region.base;
    if (size !== 8) {
      mapping.device.store(offset, size, Number(BigInt.asUintN(size * 8, value)));
    } else {
      mapping.device.store(offset, 4, Number(BigInt.asUintN(32, value)));
      mapping.device.store(offset + 4, 4, Number(BigInt.asUintN(32, value >> 32n)));
    }
    return true;
  }

  #find(address: number, size: AccessSize): Mapping | undefined {
    const last = this.#last;
    const mapping = last !== undefined && address >= last.region.base && address < last.end
      ? last
      : this.#mappings.find(({ region, end }) => address >= region.base && address < end);
    if (mapping === undefined) return undefined;
    this.#last = mapping;
    const fits = address + size <= mapping.end && address % size === 0 &&
      mapping.region.sizes.includes(size);
    return fits ? mapping : undefined;
  }
}
