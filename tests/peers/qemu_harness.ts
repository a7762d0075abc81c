/**
 * The machine-mode program that runs the cases: the same bytes on QEMU and here. It prepares the arena and the CSRs of a
 * case, enters it by `mret`, records each trap, steps over the instruction that trapped, and stores what the case left.
 *
 * @module
 */

import { Assembler } from "./qemu_assembler.ts";
import {
  ARENA,
  ARENA_PAGES,
  CODE,
  CODE_BYTES,
  CSR,
  DESCRIPTOR,
  DESCRIPTORS,
  FINAL_CSRS,
  INITIAL_CSRS,
  PAGE_BYTES,
  RESULT,
  RESULT_BYTES,
  SUPERVISOR_RETURN,
  SUPERVISOR_VECTOR,
  SUPERVISOR_VECTOR_EBREAK,
  TEMPLATE,
  TRAP_BYTES,
  TRAP_FIELDS,
  TRAPS,
  USER_CODE,
  VARIABLE,
  VARIABLES,
} from "./qemu_layout.ts";
import { LOCKED_CSRS } from "./qemu_protection.ts";

const zero = 0, sp = 2, t0 = 5, t1 = 6, t2 = 7, s0 = 8, s1 = 9, a0 = 10, a1 = 11, a2 = 12, a3 = 13;
const a4 = 14, a5 = 15, s2 = 18, s3 = 19, t3 = 28;

/** The power-off device ("test finisher") and the word that ends the run with exit code 0. */
export const FINISHER = 0x10_0000, FINISHER_PASS = 0x5555;
/** Hart 0's software-interrupt register and timer comparator. */
export const MSIP = 0x200_0000, MTIMECMP = 0x200_4000;

const MSTATUS_TSR = 1 << 22, MSTATUS_FS = 3 << 13;

/** Exception code of a breakpoint. */
const BREAKPOINT = 3;

/** Entries of a vector table. */
const SLOTS = 16;

/** The harness's code, for `cases` cases whose results start at `results`. */
export function harness(cases: number, results: number): Uint8Array {
  const a = new Assembler();
  a.jal(zero, "start");
  a.align(256);
  vectorTable(a);
  start(a, cases, results);
  nextCase(a);
  trapHandler(a);
  finishCase(a);
  const code = a.bytes();
  if (code.length > SUPERVISOR_VECTOR - 0x8000_0000) {
    throw new RangeError(`The harness has ${code.length} bytes and overlaps what follows`);
  }
  return code;
}

/** Offset of the machine's vector table in the harness's code. */
export const MACHINE_VECTOR = 0x8000_0100;

/** The page at {@link SUPERVISOR_VECTOR}: supervisor's handlers need no memory, they go on to the machine's. */
export function supervisorPage(): Uint8Array {
  const a = new Assembler();
  for (let slot = 0; slot < SLOTS; slot++) a.fixed("ecall");
  while (a.length < SUPERVISOR_RETURN - SUPERVISOR_VECTOR) a.half(0);
  a.fixed("sret");
  while (a.length < SUPERVISOR_VECTOR_EBREAK - SUPERVISOR_VECTOR) a.half(0);
  for (let slot = 0; slot < SLOTS; slot++) a.fixed("ebreak");
  return a.bytes();
}

function vectorTable(a: Assembler): void {
  if (a.length !== MACHINE_VECTOR - 0x8000_0000) throw new RangeError("The vector table moved");
  for (let slot = 0; slot < SLOTS; slot++) a.jal(zero, `slot${slot}`);
  for (let slot = 0; slot < SLOTS; slot++) {
    a.label(`slot${slot}`);
    a.csr("csrrw", sp, CSR.mscratch, sp);
    a.s("sd", t0, sp, 8 * t0);
    a.i("addi", t0, zero, slot);
    a.jal(zero, "trap");
  }
}

/** Where a guest is entered: the first hart goes on behind this, any other sleeps for ever. */
export function startFirstHart(a: Assembler): void {
  a.label("start");
  a.csr("csrrs", t0, CSR.mhartid, zero);
  a.branch("beq", t0, zero, "hart0");
  a.label("park");
  a.fixed("wfi");
  a.jal(zero, "park");
  a.label("hart0");
}

function start(a: Assembler, cases: number, results: number): void {
  startFirstHart(a);
  a.li(t0, BigInt(MTIMECMP));
  a.i("addi", t1, zero, -1);
  a.s("sd", t1, t0, 0);
  for (const [name, value] of LOCKED_CSRS) {
    a.li(t0, value);
    a.csr("csrrw", zero, CSR[name], t0);
  }
  a.li(sp, BigInt(VARIABLES));
  a.li(t0, BigInt(DESCRIPTORS));
  a.s("sd", t0, sp, VARIABLE.descriptor);
  a.li(t0, BigInt(cases));
  a.s("sd", t0, sp, VARIABLE.remaining);
  a.li(t0, BigInt(results));
  a.s("sd", t0, sp, VARIABLE.result);
}

/** Prepares and enters the next case; `sp` holds the variables. */
function nextCase(a: Assembler): void {
  a.label("case");
  a.i("ld", t0, sp, VARIABLE.remaining);
  a.branch("bne", t0, zero, "prepare");
  a.li(t0, BigInt(FINISHER));
  a.li(t1, BigInt(FINISHER_PASS));
  a.s("sw", t1, t0, 0);
  a.jal(zero, "park");

  a.label("prepare");
  a.li(t0, BigInt(MSIP));
  a.s("sw", zero, t0, 0);
  a.i("ld", s0, sp, VARIABLE.descriptor);
  a.li(a0, BigInt(TEMPLATE));
  a.li(a1, BigInt(ARENA));
  a.li(a2, BigInt(TEMPLATE + ARENA_PAGES * PAGE_BYTES));
  a.label("copyArena");
  for (let offset = 0; offset < 64; offset += 16) {
    a.i("ld", t0, a0, offset);
    a.i("ld", t1, a0, offset + 8);
    a.s("sd", t0, a1, offset);
    a.s("sd", t1, a1, offset + 8);
  }
  a.i("addi", a0, a0, 64);
  a.i("addi", a1, a1, 64);
  a.branch("bltu", a0, a2, "copyArena");

  a.i("addi", a0, s0, DESCRIPTOR.variable);
  a.i("ld", a1, s0, DESCRIPTOR.patches);
  a.label("patches");
  a.branch("beq", a1, zero, "patched");
  a.i("ld", t0, a0, 0);
  a.i("ld", t1, a0, 8);
  a.s("sd", t1, t0, 0);
  a.i("addi", a0, a0, 16);
  a.i("addi", a1, a1, -1);
  a.jal(zero, "patches");
  a.label("patched");

  a.i("ld", a1, s0, DESCRIPTOR.codeOffset);
  a.li(t0, BigInt(CODE));
  a.r("add", a1, a1, t0);
  a.i("ld", a2, s0, DESCRIPTOR.codeBytes);
  a.label("copyCode");
  a.branch("bge", zero, a2, "copied");
  a.i("lhu", t0, a0, 0);
  a.s("sh", t0, a1, 0);
  a.i("addi", a0, a0, 2);
  a.i("addi", a1, a1, 2);
  a.i("addi", a2, a2, -2);
  a.jal(zero, "copyCode");
  a.label("copied");
  a.fixed("fence.i");

  a.i("ld", t0, s0, DESCRIPTOR.endOffset);
  a.s("sd", t0, sp, VARIABLE.end);
  a.s("sd", zero, sp, VARIABLE.traps);
  clearReservation(a);
  switchFloatOn(a);
  for (let register = 0; register < 32; register++) {
    a.i("fld", register, s0, DESCRIPTOR.floatRegisters + 8 * register);
  }
  INITIAL_CSRS.forEach((name, index) => {
    a.i("ld", t0, s0, DESCRIPTOR.csrs + 8 * index);
    a.csr("csrrw", zero, CSR[name], t0);
  });
  a.r("sfence.vma", 0, zero, zero);
  a.csr("csrrw", zero, CSR.mscratch, sp);
  for (let register = 1; register < 32; register++) {
    if (register !== s0) a.i("ld", register, s0, DESCRIPTOR.registers + 8 * (register - 1));
  }
  a.i("ld", s0, s0, DESCRIPTOR.registers + 8 * (s0 - 1));
  a.fixed("mret");
}

function switchFloatOn(a: Assembler): void {
  a.li(t0, BigInt(MSTATUS_FS));
  a.csr("csrrs", zero, CSR.mstatus, t0);
}

/** A trap handler should yield the reservation with an SC to scratch memory (Unprivileged ISA, "Zalrsc"). */
function clearReservation(a: Assembler): void {
  a.i("addi", t1, sp, VARIABLE.reservation);
  a.r("sc.d", zero, t1, zero);
}

function trapHandler(a: Assembler): void {
  a.label("trap");
  for (let register = 1; register < 32; register++) {
    if (register !== sp && register !== t0) a.s("sd", register, sp, 8 * register);
  }
  a.csr("csrrs", t1, CSR.mscratch, zero);
  a.s("sd", t1, sp, 8 * sp);
  a.csr("csrrw", zero, CSR.mscratch, sp);
  clearReservation(a);
  recordTrap(a);
  forgetBreakpointAddress(a, CSR.mcause, CSR.mtval, "machineBreakpoint");
  forgetBreakpointAddress(a, CSR.scause, CSR.stval, "supervisorBreakpoint");

  a.i("addi", t1, zero, TRAPS);
  a.branch("bgeu", s1, t1, "finish");
  a.csr("csrrs", a0, CSR.mcause, zero);
  a.csr("csrrs", a1, CSR.mepc, zero);
  a.branch("blt", a0, zero, "interrupt");

  a.li(t0, BigInt(SUPERVISOR_RETURN));
  a.branch("bne", a1, t0, "notReturn");
  // The supervisor's own sret was refused (TSR): allow it and try again.
  a.li(t0, BigInt(MSTATUS_TSR));
  a.csr("csrrc", zero, CSR.mstatus, t0);
  a.jal(zero, "resume");
  a.label("notReturn");
  a.li(t0, BigInt(SUPERVISOR_VECTOR));
  a.r("sub", t1, a1, t0);
  a.i("sltiu", t1, t1, SUPERVISOR_VECTOR_EBREAK - SUPERVISOR_VECTOR + 4 * SLOTS);
  a.branch("bne", t1, zero, "relayed");

  a.jal(a4, "skip");
  a.csr("csrrw", zero, CSR.mepc, a1);
  a.jal(zero, "resume");

  a.label("interrupt");
  disableInterrupt(a);
  a.jal(zero, "resume");

  a.label("relayed");
  a.csr("csrrs", a0, CSR.scause, zero);
  a.csr("csrrs", a1, CSR.sepc, zero);
  a.branch("bge", a0, zero, "relayedException");
  disableInterrupt(a);
  a.jal(zero, "relayedReturn");
  a.label("relayedException");
  a.jal(a4, "skip");
  a.csr("csrrw", zero, CSR.sepc, a1);
  a.label("relayedReturn");
  a.li(t0, BigInt(SUPERVISOR_RETURN));
  a.csr("csrrw", zero, CSR.mepc, t0);

  a.label("resume");
  for (let register = 1; register < 32; register++) {
    if (register !== sp) a.i("ld", register, sp, 8 * register);
  }
  a.i("ld", sp, sp, 8 * sp);
  a.fixed("mret");

  // a1: address of an instruction of the case, physical or as user mode sees it -> address of the one after it.
  a.label("skip");
  a.li(a5, BigInt(CODE_BYTES));
  a.li(a2, BigInt(CODE));
  a.r("sub", a3, a1, a2);
  a.branch("bltu", a3, a5, "inCode");
  a.li(t0, BigInt(USER_CODE));
  a.r("sub", a3, a1, t0);
  a.branch("bgeu", a3, a5, "finish");
  a.label("inCode");
  a.i("ld", t0, sp, VARIABLE.end);
  a.branch("bgeu", a3, t0, "finish");
  a.r("add", a2, a2, a3);
  a.i("lbu", t0, a2, 0);
  a.i("andi", t0, t0, 3);
  a.i("addi", t1, zero, 3);
  a.i("addi", a1, a1, 2);
  a.branch("bne", t0, t1, "skipped");
  a.i("addi", a1, a1, 2);
  a.label("skipped");
  a.i("jalr", zero, a4, 0);
}

/** Clears the address of an `ebreak`: see the differences. */
function forgetBreakpointAddress(a: Assembler, cause: number, value: number, label: string): void {
  a.csr("csrrs", t0, cause, zero);
  a.i("addi", t1, zero, BREAKPOINT);
  a.branch("bne", t0, t1, label);
  a.csr("csrrw", zero, value, zero);
  a.label(label);
}

/** Takes the enable bit of the interrupt whose cause is in `a0`: it stays pending and is not taken again. */
function disableInterrupt(a: Assembler): void {
  a.i("addi", t0, zero, 1);
  a.r("sll", t0, t0, a0);
  a.csr("csrrc", zero, CSR.mie, t0);
}

/** Appends a record; leaves the number of records in `s1`. */
function recordTrap(a: Assembler): void {
  a.i("ld", s0, sp, VARIABLE.result);
  a.i("ld", s1, sp, VARIABLE.traps);
  a.li(t1, BigInt(TRAP_BYTES));
  a.r("mul", t1, t1, s1);
  a.r("add", s2, s0, t1);
  a.i("addi", s2, s2, RESULT.trace);
  TRAP_FIELDS.forEach((field, index) => {
    if (field !== "slot") a.csr("csrrs", t0, CSR[field], zero);
    a.s("sd", t0, s2, 8 * index);
  });
  a.i("addi", s1, s1, 1);
  a.s("sd", s1, sp, VARIABLE.traps);
}

/** Stores the registers, CSRs and hashes of the arena, and goes on with the next case. */
function finishCase(a: Assembler): void {
  a.label("finish");
  a.i("ld", s0, sp, VARIABLE.result);
  a.i("ld", t0, sp, VARIABLE.traps);
  a.s("sd", t0, s0, RESULT.traps);
  for (let register = 1; register < 32; register++) {
    a.i("ld", t0, sp, 8 * register);
    a.s("sd", t0, s0, RESULT.registers + 8 * register);
  }
  FINAL_CSRS.forEach((name, index) => {
    if (name === "fcsr") switchFloatOn(a);
    a.csr("csrrs", t0, CSR[name], zero);
    a.s("sd", t0, s0, RESULT.csrs + 8 * index);
  });
  a.i("addi", t0, s0, RESULT.floatRegisters);
  for (let register = 0; register < 32; register++) a.s("fsd", register, t0, 8 * register);
  a.csr("csrrw", zero, CSR.mie, zero);
  a.csr("csrrw", zero, CSR.mstatus, zero);
  a.csr("csrrw", zero, CSR.satp, zero);
  // An entry that matches an access partly makes it fail in machine mode, too.
  a.csr("csrrw", zero, CSR.pmpcfg0, zero);
  a.csr("csrrw", zero, CSR.pmpcfg2, zero);
  a.r("sfence.vma", 0, zero, zero);

  a.li(a0, BigInt(ARENA));
  a.li(a1, BigInt(ARENA + ARENA_PAGES * PAGE_BYTES));
  a.i("addi", a2, s0, RESULT.hashes);
  a.li(a3, 0x9e37_79b9_7f4a_7c15n);
  a.label("hashPage");
  a.i("addi", t2, zero, 0);
  a.li(t3, BigInt(PAGE_BYTES));
  a.r("add", t3, t3, a0);
  a.label("hash");
  for (let offset = 0; offset < 64; offset += 8) {
    a.i("ld", t0, a0, offset);
    a.r("add", t2, t2, t0);
    a.r("mul", t2, t2, a3);
  }
  a.i("addi", a0, a0, 64);
  a.branch("bltu", a0, t3, "hash");
  a.s("sd", t2, a2, 0);
  a.i("addi", a2, a2, 8);
  a.branch("bltu", a0, a1, "hashPage");

  a.i("ld", s3, sp, VARIABLE.descriptor);
  a.i("ld", t0, s3, DESCRIPTOR.bytes);
  a.r("add", s3, s3, t0);
  a.s("sd", s3, sp, VARIABLE.descriptor);
  a.li(t0, BigInt(RESULT_BYTES));
  a.r("add", s0, s0, t0);
  a.s("sd", s0, sp, VARIABLE.result);
  a.i("ld", t0, sp, VARIABLE.remaining);
  a.i("addi", t0, t0, -1);
  a.s("sd", t0, sp, VARIABLE.remaining);
  a.jal(zero, "case");
}
