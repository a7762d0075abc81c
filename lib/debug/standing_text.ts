/** Where a replay stands, for people. */
import type { Machine } from "../board/machine.ts";
import { disassemble, floatRegisterNames, registerNames } from "../isa/disassembler.ts";
import { readVirtual } from "./guest_memory_view.ts";
import type { Moment } from "./moment.ts";
import { secondsText } from "./position.ts";

const MODES: readonly string[] = ["U", "S", "2", "M"];
const COLUMNS = 4;

/** Step, epoch, time, and the instruction that comes next. */
export function standingText(machine: Machine, { epoch, step }: Moment): string {
  const { fields } = machine.hartState();
  const pc = fields["pc"]!;
  const mode = MODES[Number(fields["privilege"]!)]!;
  const waits = machine.power.kind !== "on"
    ? `  (${machine.power.kind === "off" ? "powered off" : "about to reset"})`
    : machine.waiting
    ? "  (waits)"
    : "";
  return `step ${step}  epoch ${epoch}  ${machine.retired} instructions retired  ` +
    `time ${secondsText(machine.time)} s\n` +
    `pc ${hex(pc)}  ${mode}-mode  ${instructionText(machine, pc)}${waits}\n`;
}

/** All registers and CSRs, several a line. */
export function registersText(machine: Machine): string {
  const { registers, floatRegisters, fields } = machine.hartState();
  const named = (names: readonly string[], values: readonly bigint[]) =>
    values.map((value, index) => [names[index]!, value] as const);
  const parts = [
    named(registerNames.slice(1), registers),
    named(floatRegisterNames, floatRegisters ?? []),
    Object.entries(fields),
  ];
  return parts.map(table).join("");
}

/** The instruction at an address, disassembled. */
export function instructionText(machine: Machine, address: bigint): string {
  const bytes = readVirtual(machine, address, 4);
  if (bytes.length < 2) return "(not mapped)";
  const low = bytes[0]! | bytes[1]! << 8;
  if ((low & 3) === 3 && bytes.length < 4) return "(not mapped)";
  const word = (low & 3) === 3 ? (low | bytes[2]! << 16 | bytes[3]! << 24) >>> 0 : low;
  return disassemble(word, address);
}

function table(values: readonly (readonly [string, bigint])[]): string {
  const cells = values.map(([name, value]) => `${name.padEnd(16)} ${hex(value)}`);
  let text = "";
  for (let at = 0; at < cells.length; at += COLUMNS) {
    text += `${cells.slice(at, at + COLUMNS).join("  ")}\n`;
  }
  return text;
}

function hex(value: bigint): string {
  return `0x${value.toString(16).padStart(16, "0")}`;
}
