/** A hart with a little RAM and a bus that tests can look into. */
import { Digester } from "../../lib/cpu/digest.ts";
import { type Bus, Hart } from "../../lib/cpu/hart.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { program } from "./assembly.ts";

/** Address of the first byte of RAM. */
export const RAM = GuestMemory.ramBase;
/** Address of the one device register of the test machine. */
export const DEVICE = 0x1000_0000;

/** Fields of a hart state: physical memory protection permits S and U mode everything. */
export const OPEN_MEMORY = { pmpaddr0: (1n << 54n) - 1n, pmpcfg0: 0x1fn } as const;

/** What the guest did to the device. */
export interface DeviceAccess {
  readonly size: number;
  readonly value?: bigint;
  /** Steps that the hart had done. */
  readonly steps: number;
}

/** The machine. */
export class TestMachine {
  readonly memory: GuestMemory;
  readonly hart: Hart;
  readonly digester: Digester;
  readonly accesses: DeviceAccess[] = [];
  /** Called on each access to the device. */
  onAccess: (access: DeviceAccess) => void = () => {};

  /** @param ramBytes Size of RAM. */
  constructor(ramBytes = 1 << 20) {
    this.memory = new GuestMemory(ramBytes);
    const bus: Bus = {
      load: (address, size) => {
        if (address !== DEVICE) return undefined;
        this.#accessed({ size, steps: this.hart.steps });
        return 0x8877_6655_4433_2211n & (1n << BigInt(8 * size)) - 1n;
      },
      store: (address, size, value) => {
        if (address !== DEVICE) return false;
        this.#accessed({ size, value, steps: this.hart.steps });
        return true;
      },
      time: () => BigInt(this.hart.steps),
    };
    this.hart = new Hart(this.memory, bus);
    this.digester = new Digester(this.memory);
  }

  /** Puts instructions at an address of RAM. */
  load(address: number, ...words: readonly number[]): void {
    this.memory.write(address, program(...words));
  }

  /** A register. */
  x(n: number): bigint {
    return this.hart.save().registers[n - 1]!;
  }

  /** A floating-point register. */
  f(n: number): bigint {
    return this.hart.save().floatRegisters![n]!;
  }

  /** A field of the hart's state: pc, a CSR, … */
  field(name: string): bigint {
    return this.hart.save().fields[name]!;
  }

  /** Sets fields and registers (`x5`, `f5`) of the hart's state. */
  set(values: Readonly<Record<string, number | bigint>>): void {
    const { registers, floatRegisters, fields } = this.hart.save();
    const changed = [...registers];
    const changedFloat = [...floatRegisters!];
    const named: Record<string, bigint> = { ...fields };
    for (const [name, value] of Object.entries(values)) {
      if (/^x\d+$/.test(name)) changed[Number(name.slice(1)) - 1] = BigInt(value);
      else if (/^f\d+$/.test(name)) changedFloat[Number(name.slice(1))] = BigInt(value);
      else named[name] = BigInt(value);
    }
    this.hart.restore({ registers: changed, floatRegisters: changedFloat, fields: named });
  }

  /** A 64-bit word of RAM. */
  word(address: number): bigint {
    return new DataView(this.memory.read(address, 8).buffer).getBigUint64(0, true);
  }

  /** Changes a 64-bit word of RAM, as a device does. */
  setWord(address: number, value: bigint): void {
    this.memory.write(address, new Uint8Array(new BigUint64Array([value]).buffer));
  }

  /** Everything that two equal machines must agree on. */
  digest(): readonly unknown[] {
    this.hart.save();
    return [this.digester.state(), this.digester.ram(), this.memory.writtenPages()];
  }

  #accessed(access: DeviceAccess): void {
    this.accesses.push(access);
    this.onAccess(access);
  }
}
