/** The device tree of this board, with the bindings of QEMU's `virt`. */
import type { MachineConfiguration } from "./configuration.ts";
import { flatten, type PropertyValue, type TreeNode } from "./device_tree.ts";
import {
  interrupts,
  interruptSources,
  type Region,
  regions,
  timebaseFrequency,
  virtioInterrupt,
  virtioRegion,
  virtioSlots,
} from "./memory_map.ts";
import { GuestMemory } from "../cpu/memory.ts";

const phandles = { cpu: 1, hartInterrupts: 2, plic: 3, finisher: 4 } as const;

/** What the hart executes, in the order of the specification's naming conventions (chapter 36). */
const isaBase = "rv64";
const isaLetters = ["i", "m", "a", "f", "d", "c"] as const;
const isaNames = ["zicntr", "zicsr", "zifencei"] as const;

function node(
  name: string,
  properties: Record<string, PropertyValue>,
  children: readonly TreeNode[] = [],
): TreeNode {
  return { name, properties, children };
}

function unit(name: string, address: number): string {
  return `${name}@${address.toString(16)}`;
}

/** `reg` with two address cells and two size cells. */
function registers(base: number, size: number): number[] {
  return [Math.floor(base / 2 ** 32), base % 2 ** 32, Math.floor(size / 2 ** 32), size % 2 ** 32];
}

function cpus(): TreeNode {
  const interruptController = node("interrupt-controller", {
    "#interrupt-cells": [1],
    "interrupt-controller": undefined,
    "compatible": "riscv,cpu-intc",
    "phandle": [phandles.hartInterrupts],
  });
  const cpu = node("cpu@0", {
    "phandle": [phandles.cpu],
    "device_type": "cpu",
    "reg": [0],
    "status": "okay",
    "compatible": "riscv",
    "riscv,isa": `${isaBase}${isaLetters.join("")}_${isaNames.join("_")}`,
    "riscv,isa-base": isaBase + isaLetters[0],
    "riscv,isa-extensions": [...isaLetters, ...isaNames],
    "mmu-type": "riscv,sv39",
  }, [interruptController]);
  const map = node("cpu-map", {}, [
    node("cluster0", {}, [node("core0", { cpu: [phandles.cpu] })]),
  ]);
  return node("cpus", {
    "#address-cells": [1],
    "#size-cells": [0],
    "timebase-frequency": [timebaseFrequency],
  }, [cpu, map]);
}

function peripheral(
  name: string,
  compatible: PropertyValue,
  region: Region,
  size: number,
  interrupt: number,
  more: Record<string, PropertyValue> = {},
): TreeNode {
  return node(unit(name, region.base), {
    "interrupts": [interrupt],
    "interrupt-parent": [phandles.plic],
    "reg": registers(region.base, size),
    ...more,
    "compatible": compatible,
  });
}

function soc(): TreeNode {
  const hart = phandles.hartInterrupts;
  const virtio = Array.from({ length: virtioSlots }, (_, slot) =>
    peripheral(
      "virtio_mmio",
      "virtio,mmio",
      virtioRegion(slot),
      0x1000,
      virtioInterrupt(slot),
    ));
  return node("soc", {
    "#address-cells": [2],
    "#size-cells": [2],
    "compatible": "simple-bus",
    "ranges": undefined,
  }, [
    peripheral(
      "rtc",
      "google,goldfish-rtc",
      regions.realTimeClock,
      0x1000,
      interrupts.realTimeClock,
    ),
    peripheral("serial", "ns16550a", regions.uart, 0x100, interrupts.uart, {
      "clock-frequency": [3_686_400],
    }),
    node(unit("test", regions.finisher.base), {
      "phandle": [phandles.finisher],
      "reg": registers(regions.finisher.base, regions.finisher.size),
      "compatible": ["sifive,test1", "sifive,test0", "syscon"],
    }),
    ...virtio,
    node(unit("plic", regions.interruptController.base), {
      "phandle": [phandles.plic],
      "riscv,ndev": [interruptSources],
      "reg": registers(regions.interruptController.base, regions.interruptController.size),
      "interrupts-extended": [hart, 11, hart, 9],
      "interrupt-controller": undefined,
      "compatible": ["sifive,plic-1.0.0", "riscv,plic0"],
      "#address-cells": [0],
      "#interrupt-cells": [1],
    }),
    node(unit("clint", regions.softwareInterrupts.base), {
      "interrupts-extended": [hart, 3, hart, 7],
      "reg": registers(regions.softwareInterrupts.base, 0x1_0000),
      "compatible": ["sifive,clint0", "riscv,clint0"],
    }),
  ]);
}

/** Where the initrd stands in guest memory. */
export interface InitrdRange {
  /** Address of the first byte. */
  readonly start: number;
  /** Address behind the last one. */
  readonly end: number;
}

/** The device tree blob of a machine. */
export function boardTree(configuration: MachineConfiguration, initrd?: InitrdRange): Uint8Array {
  const { bootArguments, ramBytes } = configuration;
  const finisher = (name: string, value: number) =>
    node(name, {
      "value": [value],
      "offset": [0],
      "regmap": [phandles.finisher],
      "compatible": `syscon-${name}`,
    });
  return flatten(node("", {
    "#address-cells": [2],
    "#size-cells": [2],
    "compatible": "riscv-virtio",
    "model": "riscv-virtio,lockstep",
  }, [
    node("chosen", {
      ...(bootArguments === undefined ? {} : { bootargs: bootArguments }),
      ...(initrd === undefined ? {} : {
        "linux,initrd-start": [0, initrd.start],
        "linux,initrd-end": [0, initrd.end],
      }),
      "stdout-path": `/soc/${unit("serial", regions.uart.base)}`,
    }),
    finisher("poweroff", 0x5555),
    finisher("reboot", 0x7777),
    node(unit("memory", GuestMemory.ramBase), {
      "device_type": "memory",
      "reg": registers(GuestMemory.ramBase, ramBytes),
    }),
    cpus(),
    soc(),
  ]));
}
