/** The registers as gdb knows them: a description that it asks for, and their values. */
import type { Machine } from "../board/machine.ts";
import type { HartState } from "../cpu/hart_state.ts";
import { csrs } from "../cpu/csrs.ts";
import { floatRegisterNames, registerNames } from "../isa/disassembler.ts";
import { hexLittleEndian } from "./gdb_packet.ts";

/** A register; its number is its place in {@linkcode gdbRegisters}. */
export interface GdbRegister {
  /** As gdb wants it called ("RISC-V Features" in appendix G of its manual). */
  readonly name: string;
  /** Its feature, without what all have in common. */
  readonly feature: "cpu" | "fpu" | "csr" | "virtual";
  /** Its size. */
  readonly bytes: 4 | 8;
  /** What gdb shows it as. */
  readonly type: "int" | "data_ptr" | "code_ptr" | "ieee_double";
  /** Its value. */
  readonly read: (machine: Machine, hart: HartState) => bigint;
}

/** CSRs that the description of the floating-point unit has. */
const ofFloat = new Set(["fflags", "frm", "fcsr"]);
/** Registers of the calling convention that hold addresses. */
const pointers = new Set(["sp", "gp", "tp"]);

/** Every register, by gdb's number. */
export const gdbRegisters: readonly GdbRegister[] = [
  ...registerNames.map((name, number): GdbRegister => ({
    ...{ name: number === 8 ? "fp" : name, feature: "cpu", bytes: 8 },
    type: name === "ra" ? "code_ptr" : pointers.has(name) || number === 8 ? "data_ptr" : "int",
    read: (_machine, { registers }) => registers[number - 1] ?? 0n,
  })),
  {
    ...{ name: "pc", feature: "cpu", bytes: 8, type: "code_ptr" },
    read: (_machine, { fields }) => fields["pc"]!,
  },
  ...floatRegisterNames.map((name, number): GdbRegister => ({
    ...{ name, feature: "fpu", bytes: 8, type: "ieee_double" },
    read: (_machine, { floatRegisters }) => floatRegisters?.[number] ?? 0n,
  })),
  ...csrs.filter(({ name }) => ofFloat.has(name)).map((csr) => csrRegister(csr, "fpu", 4)),
  ...csrs.filter(({ name }) => !ofFloat.has(name)).map((csr) => csrRegister(csr, "csr", 8)),
  {
    ...{ name: "priv", feature: "virtual", bytes: 8, type: "int" },
    read: (_machine, { fields }) => fields["privilege"]!,
  },
];

function csrRegister(
  { name, number }: { readonly name: string; readonly number: number },
  feature: "fpu" | "csr",
  bytes: 4 | 8,
): GdbRegister {
  return { name, feature, bytes, type: "int", read: (machine) => machine.csr(number) ?? 0n };
}

/** How many registers, from the first, one packet has all of: those that programs use. */
const GENERAL = gdbRegisters.findIndex(({ feature }) => feature === "csr");

/** Numbers of the registers that every stop tells: sp, the frame pointer and pc. */
const TOLD = ["sp", "fp", "pc"].map((name) => gdbRegisters.findIndex((one) => one.name === name));

/** The general registers, as the packet `g` wants them. */
export function generalRegisters(machine: Machine): string {
  const hart = machine.hartState();
  return gdbRegisters.slice(0, GENERAL).map((register) => valueOf(register, machine, hart)).join(
    "",
  );
}

/** One register; undefined when there is none of that number. */
export function registerText(machine: Machine, number: number): string | undefined {
  const register = gdbRegisters[number];
  return register && valueOf(register, machine, machine.hartState());
}

/** The registers that gdb wants to know at every stop, as stop replies tell them. */
export function toldRegisters(machine: Machine): string {
  const hart = machine.hartState();
  return TOLD.map((number) =>
    `${number.toString(16)}:${valueOf(gdbRegisters[number]!, machine, hart)};`
  ).join("");
}

function valueOf(register: GdbRegister, machine: Machine, hart: HartState): string {
  return hexLittleEndian(register.read(machine, hart), register.bytes);
}

/** The description, in XML. */
export const targetDescription: string = [
  '<?xml version="1.0"?>',
  '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
  "<target>",
  "<architecture>riscv:rv64</architecture>",
  // For Linux's programs gdb steps by breakpoints, where it thinks that the next instruction is: behind a
  // trap or its return, or where an interrupt comes first, that is somewhere else.
  "<osabi>none</osabi>",
  ...(["cpu", "fpu", "csr", "virtual"] as const).flatMap((feature) => [
    `<feature name="org.gnu.gdb.riscv.${feature}">`,
    ...gdbRegisters.flatMap((register, number) =>
      register.feature === feature ? [describe(register, number)] : []
    ),
    "</feature>",
  ]),
  "</target>",
  "",
].join("\n");

function describe({ name, bytes, type }: GdbRegister, number: number): string {
  return `<reg name="${name}" bitsize="${8 * bytes}" type="${type}" regnum="${number}"/>`;
}
