/** Parts of the tests of physical memory protection: a machine with entries, and what traps. */
import { RAM, TestMachine } from "./test_machine.ts";

export const R = 1;
export const W = 2;
export const X = 4;
export const TOP = 0x08;
export const FOUR_BYTES = 0x10;
export const POWER_OF_TWO = 0x18;
export const LOCKED = 0x80;

export const USER = 0;
export const SUPERVISOR = 1;
export const MACHINE = 3;
export const MPRV = 1n << 17n;

export const CODE = RAM;
export const HANDLER = RAM + 0x1000;
export const DATA = RAM + 0x2000;
export const ALL = (1n << 54n) - 1n;

export const word = (address: number) => BigInt(address) >> 2n;
export const napot = (base: number, bytes: number) => word(base) | BigInt(bytes / 8 - 1);

/** One entry: its configuration and its address register. */
export type Entry = readonly [number, bigint];
export const OFF: Entry = [0, 0n];
export const CODE_ENTRY: Entry = [POWER_OF_TWO | R | X, napot(CODE, 0x1000)];
export const REST: Entry = [POWER_OF_TWO | R | W | X, ALL];

/** The fields that hold entries, from entry 0 on. */
function fieldsOf(entries: readonly Entry[]): Record<string, bigint> {
  const fields: Record<string, bigint> = {};
  for (const [register, first] of [["pmpcfg0", 0], ["pmpcfg2", 8]] as const) {
    fields[register] = entries.slice(first, first + 8)
      .reduce((all, [bits], index) => all | BigInt(bits) << BigInt(8 * index), 0n);
  }
  entries.forEach(([, address], index) => fields[`pmpaddr${index}`] = address);
  return fields;
}

/** A machine that executes these instructions at a privilege level, with the address of DATA in x2. */
export function machineWith(
  privilege: number,
  entries: readonly Entry[],
  ...words: readonly number[]
): TestMachine {
  const machine = new TestMachine();
  machine.load(CODE, ...words);
  machine.hart.reset(CODE, 0n, 0n);
  machine.setWord(DATA, 0x1234n);
  machine.set({ ...fieldsOf(entries), privilege, mtvec: HANDLER, x2: DATA });
  machine.hart.startEpoch();
  return machine;
}

/** Cause and value of the trap that executing one step takes, or undefined. */
export function fault(machine: TestMachine, steps = 1): [bigint, bigint] | undefined {
  machine.hart.run(steps);
  if (machine.field("pc") !== BigInt(HANDLER)) return undefined;
  return [machine.field("mcause"), machine.field("mtval")];
}
