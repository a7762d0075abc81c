/**
 * Generators for CSR accesses, traps, returns, fences, page-table edits and interrupts.
 *
 * @module
 */

import { Assembler, type Register } from "./qemu_assembler.ts";
import { address, computationWord } from "./qemu_operations.ts";
import { type Change, CSR_RULES, type CsrRule } from "./qemu_csrs.ts";
import { MSIP } from "./qemu_harness.ts";
import {
  CODE,
  CSR,
  DATA,
  DATA_PAGES,
  GIGAPAGE,
  GIGAPAGES,
  LEVEL_0B,
  LEVEL_1B,
  PAGE_BYTES,
  pageTableEntry,
  PTE,
  RAM_BASE,
  RAM_BYTES,
  ROOT,
  SUPERPAGE,
  SUPERPAGES,
  UPPER_WINDOW,
  WINDOW,
  WINDOWS,
} from "./qemu_layout.ts";
import { MACHINE, type Mode, type Program, SUPERVISOR, USER } from "./qemu_program.ts";
import type { Random } from "./qemu_random.ts";

/** Bits 11 and 10 of the number of a CSR that can not be written. */
const READ_ONLY = 3;

const CHANGES = [
  ["write", "csrrw"],
  ["set", "csrrs"],
  ["clear", "csrrc"],
] as const satisfies readonly (readonly [Change, string])[];

/** An access to a CSR that has a rule. */
export function csrAccess(p: Program, rule: CsrRule = p.random.pick(CSR_RULES)): void {
  const { random } = p;
  if (rule.compared !== undefined && p.fetchFaults) return;
  if (rule.restore !== undefined && !p.fetchFaults && !random.oneIn(3)) return exchange(p, rule);
  const [change, name] = rule.whole ? CHANGES[0] : random.pick(CHANGES);
  const rd = p.destination();
  if (random.oneIn(3) || rule.restore !== undefined) {
    // A read: set or clear nothing.
    const read = change === "write" ? "csrrs" : name;
    if (random.oneIn(2)) p.code.csr(read, rd, rule.csr, 0);
    else p.code.csr(`${read}i`, rd, rule.csr, 0);
    p.wrote(read, rd);
  } else if (rule.csr >> 10 === READ_ONLY) {
    // Not zero: see the differences.
    p.code.csr(name, rd, rule.csr, p.constant(random.operand() | 1n));
    p.wrote(name, rd);
  } else if (rule.operand === undefined) {
    const immediate = random.oneIn(3) ? "i" : "";
    p.code.csr(name + immediate, rd, rule.csr, p.anyRegister());
    p.wrote(name + immediate, rd);
  } else {
    const source = p.constant(rule.operand(random, change));
    p.code.csr(name, rd, rule.csr, source);
    p.wrote(name, rd);
  }
  clearUncompared(p, rule, rd);
}

/** Set or clear of low bits by the immediate forms, for the registers whose low bits are free. */
export function csrImmediate(p: Program): void {
  const { random } = p;
  const [csr, free] = random.pick(LOW_BITS);
  const name = random.pick(["csrrsi", "csrrci", "csrrwi"]);
  const rd = p.destination();
  if (name === "csrrwi" && csr !== CSR.sie && csr !== CSR.sscratch && csr !== CSR.scounteren) {
    return;
  }
  p.code.csr(name, rd, csr, random.below(32) & free);
  p.wrote(name, rd);
}

const LOW_BITS: readonly (readonly [number, number])[] = [
  [CSR.fflags, 0x1f],
  [CSR.frm, 0x7],
  [CSR.fcsr, 0x1f],
  [CSR.mstatus, 0xa],
  [CSR.sstatus, 0x2],
  [CSR.mie, 0xa],
  [CSR.mip, 0x2],
  [CSR.sie, 0x2],
  [CSR.sip, 0x2],
  [CSR.sscratch, 0x1f],
  [CSR.scounteren, 0x7],
];

/** Writes a register that the harness needs, and the old value back: `a` holds what was written, as it was accepted. */
function exchange(p: Program, rule: CsrRule): void {
  const value = rule.operand?.(p.random, "write") ?? p.random.operand();
  const written = p.scratch();
  p.set(written, value);
  const old = p.scratch(written);
  p.code.csr("csrrw", old, rule.csr, written);
  p.wrote("csrrw", old);
  p.code.csr("csrrw", written, rule.csr, old);
  p.wrote("csrrw", written);
  clearUncompared(p, rule, written);
}

function clearUncompared(p: Program, rule: CsrRule, rd: Register): void {
  if (rule.compared === undefined || rd === 0) return;
  if (rule.compared === 0n) {
    p.code.i("addi", rd, 0, 0);
    return;
  }
  const mask = p.constant(rule.compared, rd);
  p.code.r("and", rd, rd, mask);
}

/** An access to a CSR that must be refused. */
export function absentCsr(p: Program, csr: number): void {
  const name = p.random.pick(["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"]);
  const rd = p.destination();
  p.code.csr(name, rd, csr, p.random.oneIn(2) ? 0 : p.anyRegister());
  p.wrote(name, rd);
}

/** ECALL, EBREAK, fences, and returns that are refused in the present mode. */
export function system(p: Program): void {
  const { random } = p;
  random.weighted<() => void>([
    [3, () => fixed(p, "ecall")],
    [3, () => fixed(p, "ebreak")],
    [2, () => fixed(p, "c.ebreak")],
    [2, () => fixed(p, "fence.i")],
    [2, () => {
      p.code.word(p.encoding("fence").match | (random.bits() & ~0x707f));
      p.executed("fence");
    }],
    [4, () => fence(p)],
    [1, () => p.mode === USER && fixed(p, random.pick(["mret", "sret"]))],
    [1, () => p.mode === SUPERVISOR && fixed(p, "mret")],
    // Never where it could wait: machine mode has its own generator below.
    [1, () => p.waitIsRefused && fixed(p, "wfi")],
  ])();
}

function fixed(p: Program, name: string): void {
  p.code.fixed(name);
  p.executed(name);
}

/** `sfence.vma` of everything, of an address, of an address space. */
function fence(p: Program): void {
  const rs1 = p.random.oneIn(2) ? 0 : p.anyRegister();
  const rs2 = p.random.oneIn(2) ? 0 : p.anyRegister();
  p.code.r("sfence.vma", 0, rs1, rs2);
  p.executed("sfence.vma");
}

/**
 * Emits a sequence that uses the address of what follows it, with the code area at `base`. The constant's length depends on
 * the address: the first length that fits is taken, padded in front.
 */
function withAddressBehind(
  p: Program,
  base: number,
  emit: (code: Assembler, address: bigint) => void,
): void {
  const start = base + p.offset + p.code.length;
  for (let length = 0;; length += 2) {
    const trial = new Assembler();
    emit(trial, BigInt(start + length));
    if (trial.length > length) continue;
    for (let pad = trial.length; pad < length; pad += 2) p.code.half(p.encoding("c.nop").match);
    emit(p.code, BigInt(start + length));
    return;
  }
}

/** Machine mode executes an instruction, replaces it by another one, fences, and executes that. */
export function modifyCode(p: Program): void {
  if (p.mode !== MACHINE) return;
  const { word, rd } = computationWord(p);
  const rounds = p.scratch(rd);
  const pointer = p.scratch(rounds);
  const value = p.scratch(rounds, pointer);
  p.code.li(rounds, 2n);
  const label = p.freshLabel();
  p.code.label(label);
  const slot = CODE + p.offset + p.code.length;
  p.code.i("addi", 0, 0, 0);
  p.code.li(pointer, BigInt(slot));
  p.code.li(value, BigInt(word));
  p.code.s("sw", value, pointer, 0);
  p.code.fixed("fence.i");
  p.code.i("addi", rounds, rounds, -1);
  p.code.branch("bne", rounds, 0, label);
  for (const register of [rd, rounds, pointer, value]) p.known.delete(register);
  p.executed("fence.i");
}

/** Goes to another mode by `mret` or `sret`, to the instruction that follows. */
export function enter(p: Program, mode: Mode): void {
  const byMachine = p.mode === MACHINE && (mode === MACHINE || p.random.oneIn(2));
  const target = p.scratch();
  const status = p.scratch(target);
  withAddressBehind(p, p.baseOf(mode), (code, address) => {
    emitReturn(code, target, status, p.mode, byMachine, mode, address);
  });
  p.wrote(byMachine ? "mret" : "sret", status);
  p.known.delete(target);
  p.mode = mode;
}

function emitReturn(
  code: Assembler,
  target: Register,
  status: Register,
  from: Mode,
  byMachine: boolean,
  mode: Mode,
  address: bigint,
): void {
  if (from === MACHINE) {
    // See PEER_DEFECTS: QEMU 7.2 keeps MPRV.
    code.li(status, 0x2_0000n);
    code.csr("csrrc", 0, CSR.mstatus, status);
  }
  code.li(target, address);
  code.csr("csrrw", 0, byMachine ? CSR.mepc : CSR.sepc, target);
  const register = byMachine ? CSR.mstatus : CSR.sstatus;
  code.li(status, byMachine ? 0x1800n : 0x100n);
  code.csr("csrrc", 0, register, status);
  code.li(status, BigInt(mode) << (byMachine ? 11n : 8n));
  code.csr("csrrs", 0, register, status);
  code.fixed(byMachine ? "mret" : "sret");
}

/** A page-table entry for a window: any permissions, mostly valid, to data or to nowhere. */
export function windowEntry({ random, holes }: Program): bigint {
  const target = random.weighted<number>([
    [12, DATA + random.below(DATA_PAGES) * PAGE_BYTES],
    [1, CODE],
    [1, ROOT],
    [holes ? 2 : 0, RAM_BASE + RAM_BYTES],
  ]);
  // Stores to code and tables have generators of their own, with the fences that they need; a jump into the case's own
  // code could come back to itself for ever.
  const isData = target >= DATA && target < RAM_BASE + RAM_BYTES;
  return pageTableEntry(target, entryBits(random) & (isData ? -1n : ~(PTE.W | PTE.X)));
}

function entryBits(random: Random): bigint {
  let bits = BigInt(random.below(256));
  if (!random.oneIn(8)) bits |= PTE.V;
  if (!random.oneIn(3)) bits |= PTE.R;
  if (random.oneIn(2)) bits |= PTE.W;
  if (random.oneIn(2)) bits |= PTE.A | PTE.D;
  // Bits 8 and 9 are for software, 54 to 63 are reserved.
  if (random.oneIn(8)) bits |= BigInt(random.below(4)) << 8n;
  if (random.oneIn(16)) bits |= 1n << BigInt(random.between(54, 63));
  return bits;
}

/** A physical address where nothing is, aligned to a gigapage. */
const NOWHERE = 0x1_0000_0000;

/** An entry for a superpage (level 1) or gigapage (level 2): onto RAM, aligned or not, a table, or nowhere. */
export function largeEntry({ random, holes }: Program, level: 1 | 2): bigint {
  const bits = entryBits(random);
  if ((bits & (PTE.R | PTE.W | PTE.X)) === 0n) {
    return pageTableEntry(level === 1 ? LEVEL_0B : LEVEL_1B, bits);
  }
  const target = random.weighted<number>([
    [6, RAM_BASE],
    [1, RAM_BASE + (random.between(1, 511) << 12)],
    [holes ? 2 : 0, NOWHERE],
  ]);
  return pageTableEntry(target, bits);
}

/** Changes an entry of the tables of the windows and fences; often the page is used before and after. */
export function editTables(p: Program): void {
  const { random } = p;
  if (p.mode !== MACHINE && p.fenceIsRefused) return;
  p.beforeAccess();
  const window = random.below(WINDOWS), superpage = random.below(SUPERPAGES);
  const gigapage = random.below(GIGAPAGES);
  const offset = BigInt(8 * random.below(512));
  const inData = BigInt(DATA - RAM_BASE) + offset;
  const [at, entry, used] = random.weighted<() => [number, bigint, bigint]>([
    [6, () => [
      LEVEL_0B + 8 * window,
      windowEntry(p),
      (random.oneIn(3) ? UPPER_WINDOW : WINDOW) + BigInt(window * PAGE_BYTES) + offset,
    ]],
    [2, () => [
      LEVEL_1B + 8 * (1 + superpage),
      largeEntry(p, 1),
      SUPERPAGE + BigInt(superpage << 21) + inData,
    ]],
    [1, () => [
      ROOT + 8 * (5 + gigapage),
      largeEntry(p, 2),
      GIGAPAGE + BigInt(gigapage) * 0x4000_0000n + inData,
    ]],
  ])();
  const before = random.oneIn(2);
  if (before) use(p, used);
  const pointer = p.constant(BigInt(at));
  const value = p.constant(entry, pointer);
  p.code.s("sd", value, pointer, 0);
  p.executed("sd");
  p.code.r("sfence.vma", 0, 0, 0);
  p.executed("sfence.vma");
  if (before) use(p, used);
}

/** A load or store of a doubleword. */
function use(p: Program, address: bigint): void {
  const pointer = p.constant(address);
  if (p.random.oneIn(2)) {
    p.code.s("sd", p.anyRegister(), pointer, 0);
    p.executed("sd");
  } else {
    const rd = p.destination();
    p.code.i("ld", rd, pointer, 0);
    p.wrote("ld", rd);
  }
}

/** Makes interrupts pending and enables them, in machine mode; they are taken at the next return or at once. */
export function interrupts(p: Program): void {
  const { random } = p;
  if (p.mode !== MACHINE) return csrImmediate(p);
  p.code.csr("csrrci", 0, CSR.mstatus, 8);
  p.executed("csrrci");
  if (random.oneIn(2)) {
    const device = p.constant(BigInt(MSIP));
    const one = p.constant(BigInt(random.below(2)), device);
    p.code.s("sw", one, device, 0);
  }
  const pending = p.constant(random.operand() & 0x222n);
  const name = random.pick(["csrrs", "csrrc"]);
  const rd = p.destination();
  p.code.csr(name, rd, CSR.mip, pending);
  p.wrote(name, rd);
  const enabled = p.constant(random.operand() & 0xaaan);
  p.code.csr("csrrs", 0, CSR.mie, enabled);
  if (random.oneIn(3)) {
    // Enabled and pending in machine mode with interrupts off: WFI goes on at once.
    const ssip = p.constant(2n);
    p.code.csr("csrrs", 0, CSR.mip, ssip);
    p.code.csr("csrrs", 0, CSR.mie, ssip);
    fixed(p, "wfi");
  }
  if (random.oneIn(2)) p.code.csr("csrrsi", 0, CSR.mstatus, 8);
}

/**
 * A jump to where no code of the case is: nowhere, a page that may not be executed, or an illegal instruction in a data
 * page, possibly one that crosses into the next page. The case ends there.
 */
export function jumpAway(p: Program): void {
  const { random } = p;
  const target = address(p, 2, p.translated, false);
  const offset = Number(target % BigInt(PAGE_BYTES)) & ~(p.holes ? 3 : 1);
  const illegal = random.pick([0n, 0xffffn]);
  for (let page = 0; page < DATA_PAGES; page++) {
    const at = DATA + page * PAGE_BYTES + (offset & ~7);
    p.patches.push([at, illegal << BigInt(8 * (offset & 6))]);
  }
  const page = target - target % BigInt(PAGE_BYTES);
  const register = p.constant(page + BigInt(offset + random.below(2)));
  if (p.mode !== USER) p.code.r("sfence.vma", 0, 0, 0);
  const name = random.pick(["jalr", "c.jr", "c.jalr"]);
  const rd = name === "jalr" ? p.destination() : name === "c.jalr" ? 1 : 0;
  if (name === "jalr") p.code.i("jalr", rd, register, 0);
  else p.code.half(p.encoding(name).match | (register << 7));
  p.wrote(name, rd);
}

/** Loads and stores of machine mode with the privilege and translation of another (MPRV). */
export function modifyPrivilege(p: Program): void {
  const { random } = p;
  if (p.mode !== MACHINE) return;
  const clear = p.constant(0xe_1800n);
  p.code.csr("csrrc", 0, CSR.mstatus, clear);
  const bits = 0x2_0000n | BigInt(random.pick([0, 1, 1])) << 11n | BigInt(random.below(4)) << 18n;
  const set = p.constant(bits);
  p.code.csr("csrrs", 0, CSR.mstatus, set);
  p.privilegeModified();
}

const COUNTERS: readonly number[] = [0xb00, 0xb02, 0xc00, 0xc02];

/** How many instructions a sequence without traps retires, by mcycle, minstret, cycle or instret. */
export function counted(p: Program, body: (p: Program) => void): void {
  const { random } = p;
  const counter = random.pick(COUNTERS);
  p.withoutTraps = true;
  const start = p.scratch();
  p.code.csr("csrrs", start, counter, 0);
  p.code.csr("csrrw", 0, CSR.sscratch, start);
  p.code.i("addi", start, 0, 0);
  p.wrote("csrrs", start);
  for (let count = random.between(0, 4); count > 0; count--) body(p);
  const end = p.scratch();
  const before = p.scratch(end);
  p.code.csr("csrrs", end, counter, 0);
  p.code.csr("csrrw", before, CSR.sscratch, 0);
  p.code.r("sub", end, end, before);
  p.code.i("addi", before, 0, 0);
  for (const register of [end, before]) p.known.delete(register);
}
