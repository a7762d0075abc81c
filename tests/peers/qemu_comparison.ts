/**
 * Compares what a case left on the two machines, and describes a case for the reader of a failure.
 *
 * @module
 */

import { disassemble } from "../../lib/isa/disassembler.ts";
import { REGISTER_NAMES } from "./qemu_assembler.ts";
import type { Case } from "./qemu_cases.ts";
import { type Result, type Trap, wordsOf } from "./qemu_image.ts";
import { ARENA, CODE, DATA, PAGE_BYTES, RAM_BASE, TRAP_FIELDS, USER_CODE } from "./qemu_layout.ts";

const BREAKPOINT = 3n;
const MODES: Readonly<Record<number, string>> = { 0: "U", 1: "S", 3: "M" };

const hex = (value: bigint | number | undefined): string =>
  value === undefined ? "nothing" : `0x${value.toString(16)}`;

/** Every field in which the results differ, as text; empty when they agree. */
export function differences(peer: Result, here: Result): string[] {
  const found: string[] = [];
  const differ = (what: string, theirs?: bigint, ours?: bigint) =>
    found.push(`${what}: QEMU ${hex(theirs)}, here ${hex(ours)}`);
  const traps = Math.max(peer.traps.length, here.traps.length);
  for (let index = 0; index < traps && found.length === 0; index++) {
    const theirs = peer.traps[index], ours = here.traps[index];
    for (const field of TRAP_FIELDS) {
      if (theirs?.[field] !== ours?.[field] && !isBreakpointAddress(field, theirs, ours)) {
        differ(
          `trap ${index} at ${hex((theirs ?? ours)?.mepc)}, ${field}`,
          theirs?.[field],
          ours?.[field],
        );
      }
    }
  }
  peer.registers.forEach((value, number) => {
    const ours = here.registers[number];
    if (value !== ours) differ(`x${number} (${REGISTER_NAMES[number]})`, value, ours);
  });
  peer.floatRegisters.forEach((value, number) => {
    const ours = here.floatRegisters[number];
    if (value !== ours) differ(`f${number}`, value, ours);
  });
  for (const [name, value] of Object.entries(peer.csrs)) {
    const ours = here.csrs[name as keyof Result["csrs"]];
    if (value !== ours) differ(name, value, ours);
  }
  peer.hashes.forEach((value, page) => {
    if (value !== here.hashes[page]) found.push(`memory page ${hex(ARENA + page * PAGE_BYTES)}`);
  });
  return found;
}

/** Zero or the address of the instruction: see the differences. */
function isBreakpointAddress(field: string, theirs?: Trap, ours?: Trap): boolean {
  if (theirs === undefined || ours === undefined) return false;
  if (field === "mtval") {
    return theirs.mcause === BREAKPOINT && theirs.mtval === 0n && ours.mtval === ours.mepc;
  }
  return field === "stval" && theirs.scause === BREAKPOINT && theirs.stval === 0n &&
    ours.stval === ours.sepc;
}

/** The case in full: how to run it alone, its state and its instructions. */
export function describeCase(seed: number, item: Case): string {
  const base = (item.mode === 0 && item.translated ? USER_CODE : CODE) + item.codeOffset;
  const known = item.patches.filter(([address]) => address < DATA);
  const lines = [
    `case ${item.number} of seed ${seed}, ${item.family}, starts in ${MODES[item.mode]}${
      item.translated ? ", translated" : ""
    }`,
    `alone: LOCKSTEP_QEMU_SEED=${seed} LOCKSTEP_QEMU_FIRST=${item.number} LOCKSTEP_QEMU_CASES=1`,
    Object.entries(item.csrs).map(([name, value]) => `${name}=${hex(value)}`).join(" "),
    item.registers.map((value, index) => `${REGISTER_NAMES[index + 1]}=${hex(value)}`).join(" "),
    item.floatRegisters.map((value, index) => `f${index}=${hex(value)}`).join(" "),
    `tables: ${
      known.map(([address, value]) => `[${hex(address - RAM_BASE)}]=${hex(value)}`).join(" ")
    }`,
  ];
  for (const { offset, word, bytes } of wordsOf(item.code)) {
    const address = base + offset;
    const digits = (word >>> 0).toString(16).padStart(2 * bytes, "0");
    lines.push(
      `  ${address.toString(16)}: ${digits.padEnd(9)} ${disassemble(word, BigInt(address))}`,
    );
  }
  return lines.join("\n");
}
