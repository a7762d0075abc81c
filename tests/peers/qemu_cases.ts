/**
 * The cases: families of sequences, each from one seed and one number, with the state they start in.
 *
 * @module
 */

import type { Register } from "./qemu_assembler.ts";
import { ABSENT_CSRS, CSR_RULES } from "./qemu_csrs.ts";
import { MACHINE_VECTOR } from "./qemu_harness.ts";
import {
  CODE,
  CODE_BYTES,
  type CsrName,
  DATA,
  DATA_PAGES,
  INITIAL_CSRS,
  LEVEL_0A,
  LEVEL_0B,
  LEVEL_1B,
  PAGE_BYTES,
  PTE,
  RAM_BASE,
  ROOT,
  SUPERPAGES,
  SUPERVISOR_VECTOR,
  SUPERVISOR_VECTOR_EBREAK,
  WINDOWS,
} from "./qemu_layout.ts";
import {
  access,
  ACCESSES,
  amo,
  AMOS,
  COMPUTATIONS,
  compute,
  control,
  FLOAT_COMPUTATIONS,
  randomWord,
  reservation,
} from "./qemu_operations.ts";
import {
  absentCsr,
  counted,
  csrAccess,
  csrImmediate,
  editTables,
  enter,
  interrupts,
  jumpAway,
  largeEntry,
  modifyCode,
  modifyPrivilege,
  system,
  windowEntry,
} from "./qemu_privileged.ts";
import { MACHINE, type Mode, Program, SUPERVISOR, USER } from "./qemu_program.ts";
import {
  accessAroundBound,
  changeProtection,
  type Granularity,
  initialProtection,
  jumpToLocked,
  lockedAccess,
  OPEN,
} from "./qemu_protection.ts";
import { floatOperand } from "./qemu_float_operands.ts";
import { Random } from "./qemu_random.ts";
import { pageTableEntry } from "./qemu_layout.ts";

/**
 * What the peer is told to be. QEMU 7.2 takes pending interrupts in the order of priority only with the Advanced Interrupt
 * Architecture, which brings CSRs with it; the cases that look for absent CSRs run without, and without interrupts. Its
 * counters count instructions only with `-icount`, which allows one hart.
 */
export type Processor = "plain" | "prioritised" | "counted";

/** One generated case. */
export interface Case {
  readonly number: number;
  readonly family: string;
  readonly processor: Processor;
  readonly mode: Mode;
  readonly translated: boolean;
  /** Names of the instructions that are executed for certain, unless a trap ends the case before. */
  readonly names: ReadonlySet<string>;
  readonly code: Uint8Array;
  readonly codeOffset: number;
  readonly registers: readonly bigint[];
  readonly floatRegisters: readonly bigint[];
  readonly csrs: Readonly<Record<CsrName, bigint>>;
  readonly patches: readonly (readonly [number, bigint])[];
}

type Operation = (p: Program) => void;
type Operations = readonly (readonly [number, Operation])[];

interface Family {
  readonly modes: readonly Mode[];
  /** Whether address translation is on: always, never, or now and then. */
  readonly translated: boolean | "sometimes";
  readonly length: readonly [number, number];
  readonly processor?: Processor;
  /** What entries of physical memory protection are bounded by; else one permits everything. */
  readonly protection?: Granularity;
  /** What a case is made of; `turn` walks through tables so that a small sample meets every entry. */
  readonly operations: (turn: number) => Operations;
}

const ANY_MODE = [MACHINE, SUPERVISOR, USER] as const;

function entry<T>(table: readonly T[], turn: number): T {
  return table[turn % table.length] as T;
}

const FAMILIES: Readonly<Record<string, Family>> = {
  computation: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [8, 24],
    operations: (turn) => [
      [3, (p) => compute(p, entry(COMPUTATIONS, turn))],
      [3, (p) => compute(p)],
    ],
  },
  floats: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [10, 30],
    operations: (turn) => [
      [3, (p) => compute(p, entry(FLOAT_COMPUTATIONS, turn))],
      [6, (p) => compute(p, p.random.pick(FLOAT_COMPUTATIONS))],
      [1, (p) => csrAccess(p, entry(CSR_RULES, turn % 3))],
      [1, (p) => access(p, isTranslated(p))],
      [1, (p) => compute(p)],
    ],
  },
  control: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [6, 12],
    operations: () => [
      [8, control],
      [1, modifyCode],
      [4, (p) => compute(p)],
      [2, (p) => access(p, false)],
    ],
  },
  memory: {
    modes: [MACHINE],
    translated: false,
    length: [6, 14],
    operations: (turn) => [
      [3, (p) => access(p, false, entry(ACCESSES, turn))],
      [3, (p) => access(p, false)],
      [2, (p) => compute(p)],
    ],
  },
  atomics: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [5, 12],
    operations: (turn) => [
      [3, (p) => amo(p, isTranslated(p), entry(AMOS, turn))],
      [2, (p) => amo(p, isTranslated(p))],
      [3, (p) => reservation(p, isTranslated(p))],
      [1, (p) => access(p, isTranslated(p))],
      [1, (p) => compute(p)],
    ],
  },
  translation: {
    modes: [SUPERVISOR, USER],
    translated: true,
    length: [5, 14],
    operations: (turn) => [
      [4, (p) => access(p, true, entry(ACCESSES, turn))],
      [6, (p) => access(p, true)],
      [2, (p) => amo(p, true)],
      [1, (p) => reservation(p, true)],
      [1, editTables],
      [1, (p) => compute(p)],
    ],
  },
  modifiedPrivilege: {
    modes: [MACHINE],
    translated: true,
    length: [6, 14],
    operations: () => [
      [6, modified((p) => access(p, true))],
      [2, modified((p) => amo(p, true))],
      [1, modified((p) => reservation(p, true))],
      [1, editTables],
      [1, (p) => compute(p)],
    ],
  },
  csrs: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [5, 14],
    operations: (turn) => [
      [4, (p) => csrAccess(p, entry(CSR_RULES, turn))],
      [4, (p) => csrAccess(p)],
      [3, csrImmediate],
      [1, (p) => compute(p)],
    ],
  },
  absentCsrs: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [1, 2],
    processor: "plain",
    operations: (turn) => [
      [1, (p) => {
        for (let step = 0; step < 16; step++) {
          absentCsr(p, entry(ABSENT_CSRS, turn * 16 + step));
        }
      }],
    ],
  },
  counting: {
    modes: [MACHINE],
    translated: false,
    length: [2, 5],
    processor: "counted",
    operations: () => [[
      1,
      (p) => counted(p, (body) => body.random.oneIn(2) ? control(body) : compute(body)),
    ]],
  },
  privilege: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [5, 12],
    operations: () => [
      [4, goSomewhere],
      [4, system],
      [2, (p) => csrAccess(p)],
      [2, (p) => access(p, isTranslated(p))],
      [1, randomWord],
      [1, (p) => compute(p)],
    ],
  },
  protectedPages: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [5, 14],
    protection: "pages",
    operations: protectedOperations,
  },
  protectedWords: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [5, 14],
    protection: "words",
    operations: protectedOperations,
  },
  interrupts: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [4, 10],
    operations: () => [
      [4, interrupts],
      [3, goSomewhere],
      [2, csrImmediate],
      [1, system],
      [2, (p) => compute(p)],
    ],
  },
  words: {
    modes: ANY_MODE,
    translated: "sometimes",
    length: [8, 20],
    operations: () => [[6, randomWord], [1, (p) => compute(p)]],
  },
  fetch: {
    modes: ANY_MODE,
    translated: true,
    length: [1, 6],
    operations: () => [
      [2, (p) => compute(p)],
      [1, system],
      [1, editTables],
      [1, goSomewhere],
    ],
  },
};

const FAMILY_NAMES = Object.keys(FAMILIES);

/** An access of machine mode with the privilege of another: MPP is set each time, because a trap in between changes it. */
function modified(operation: Operation): Operation {
  return (p) => {
    modifyPrivilege(p);
    operation(p);
  };
}

/** Accesses of all kinds, of machine mode with its own privilege or that of another, while entries change. */
function protectedOperations(turn: number): Operations {
  return [
    [3, modified((p) => access(p, p.translated, entry(ACCESSES, turn)))],
    [3, modified((p) => access(p, p.translated))],
    [3, (p) => access(p, isTranslated(p))],
    [2, modified((p) => amo(p, p.translated))],
    [1, modified((p) => reservation(p, p.translated))],
    [2, (p) => accessAroundBound(p, modifyPrivilege)],
    [1, lockedAccess],
    [1, changeProtection],
    [1, goSomewhere],
    [1, editTables],
    [1, control],
  ];
}

/** Whether addresses of the present mode go through the page tables. */
function isTranslated(p: Program): boolean {
  return p.translated && p.mode !== MACHINE;
}

/** To a mode that can be reached from here: lower or the same. */
function goSomewhere(p: Program): void {
  if (p.mode === USER || p.fetchFaults) return system(p);
  enter(
    p,
    p.random.pick(
      p.mode === MACHINE ? [MACHINE, SUPERVISOR, SUPERVISOR, USER] : [SUPERVISOR, USER],
    ),
  );
}

const FETCH_ACCESS_FAULT = 1n << 1n;

/** The case `number` of `seed`. */
export function generateCase(seed: number, number: number): Case {
  const random = new Random(seed, number);
  const name = entry(FAMILY_NAMES, number);
  const family = FAMILIES[name] as Family;
  const processor = family.processor ?? "prioritised";
  const mode = random.pick(family.modes);
  const translated = family.translated === "sometimes" ? random.oneIn(2) : family.translated;
  // Now and then the code crosses a page, but not where only one of the pages may be executed physically: a constant that
  // is loaded in part would be an address of the board.
  const codeOffset = family.protection === undefined && random.oneIn(3)
    ? PAGE_BYTES - 2 * random.between(1, 60)
    : 2 * random.below(64);
  const p = new Program(random, codeOffset, mode, translated);
  const status = initialStatus(random, mode);
  p.fenceIsRefused = (status >> 20n & 1n) === 1n;
  p.protection = family.protection;
  const protection = initialProtection(p);
  p.holes = random.oneIn(3) && p.protection === undefined;
  p.waitIsRefused = mode === USER || mode === SUPERVISOR && (status >> 21n & 1n) === 1n;
  const registers = initialRegisters(p);
  if (translated) initialTables(p);

  const operations = family.operations(Math.floor(number / FAMILY_NAMES.length));
  for (let count = random.between(...family.length); count > 0; count--) {
    random.weighted(operations)(p);
  }
  if (name === "fetch") jumpAway(p);
  if (p.protection !== undefined && random.oneIn(4)) jumpToLocked(p);
  p.code.fixed("ecall");
  p.executed("ecall");
  const csrs = initialCsrs(random, mode, translated, BigInt(p.baseOf(mode) + codeOffset), status);
  const bounded = protection === undefined ? {} : {
    ...protection,
    // The supervisor's handler may not be executable without the tables.
    medeleg: csrs.medeleg & ~FETCH_ACCESS_FAULT,
  };

  return {
    number,
    family: name,
    processor,
    mode,
    translated,
    names: p.names,
    code: p.code.bytes(),
    codeOffset,
    registers,
    floatRegisters: Array.from({ length: 32 }, () => floatOperand(random, "either")),
    csrs: {
      ...csrs,
      ...(processor !== "prioritised" ? { mie: 0n, mip: 0n } : {}),
      ...bounded,
    },
    patches: p.patches,
  };
}

function initialStatus(random: Random, mode: Mode): bigint {
  // SIE, SPIE, MPIE, SPP, SUM, MXR, TVM, TW, TSR; MIE stays off until the case has begun.
  const free = random.oneIn(3) ? 0x7c_01a2n : 0x0c_01a2n;
  const floatState = random.oneIn(6) ? 0n : 3n << 13n;
  return (random.bits64() & free) | BigInt(mode) << 11n | floatState | 0xan << 32n;
}

function initialRegisters(p: Program): bigint[] {
  const { random } = p;
  const registers = Array.from({ length: 31 }, () => random.operand());
  const pointers: readonly Register[] = [2, 8, 9 + random.below(7), random.between(16, 31)];
  for (const register of pointers) {
    const value = BigInt(DATA + random.between(64, DATA_PAGES * PAGE_BYTES / 8 - 128) * 8);
    registers[register - 1] = value;
    p.known.set(register, value);
  }
  return registers;
}

function initialTables(p: Program): void {
  const { random } = p;
  for (let window = 0; window < WINDOWS; window++) {
    p.patches.push([LEVEL_0B + 8 * window, windowEntry(p)]);
  }
  for (let page = 1; page <= SUPERPAGES; page++) {
    p.patches.push([LEVEL_1B + 8 * page, largeEntry(p, 1)]);
  }
  for (let page = 5; page <= 7; page++) p.patches.push([ROOT + 8 * page, largeEntry(p, 2)]);
  const user = random.oneIn(2) ? PTE.U : 0n;
  for (let page = 0; page < DATA_PAGES; page++) {
    const at = DATA + page * PAGE_BYTES;
    const bits = PTE.V | PTE.R | PTE.W | user | (random.oneIn(2) ? PTE.A | PTE.D : 0n);
    p.patches.push([LEVEL_0A + 8 * ((at - RAM_BASE) >> 12), pageTableEntry(at, bits)]);
  }
  if (random.oneIn(6)) {
    p.fetchFaults = true;
    const bits = PTE.V | PTE.R | PTE.W | (random.oneIn(2) ? PTE.U : 0n);
    p.patches.push([
      LEVEL_0A + 8 * ((CODE - RAM_BASE) / PAGE_BYTES + 1),
      pageTableEntry(CODE + PAGE_BYTES, bits & ~PTE.W),
    ]);
    p.patches.push([
      LEVEL_0B + 8 * 257,
      pageTableEntry(CODE + PAGE_BYTES, random.oneIn(2) ? bits : bits | PTE.X),
    ]);
  }
}

function initialCsrs(
  random: Random,
  mode: Mode,
  translated: boolean,
  mepc: bigint,
  mstatus: bigint,
): Record<CsrName, bigint> {
  // The supervisor's handler of the harness goes on to the machine's by a trap that must not be delegated.
  const byEbreak = random.oneIn(2);
  const delegable = byEbreak ? 0xb3f7n : 0xb1ffn;
  const interruptCause = random.oneIn(2);
  const pending = random.oneIn(2) ? random.bits64() & 0x222n : 0n;
  const values: Partial<Record<CsrName, bigint>> = {
    mtvec: BigInt(MACHINE_VECTOR + random.below(2)),
    medeleg: random.oneIn(2) ? 0n : random.bits64() & delegable,
    mideleg: random.bits64() & 0x222n,
    mie: random.oneIn(2) ? random.bits64() & 0xaaan : 0n,
    mip: mode === MACHINE || random.oneIn(2) ? pending : 0n,
    mcounteren: random.bits64() & 7n,
    scounteren: random.bits64() & 7n,
    stvec: BigInt((byEbreak ? SUPERVISOR_VECTOR_EBREAK : SUPERVISOR_VECTOR) + random.below(2)),
    sscratch: random.operand(),
    sepc: BigInt(CODE + CODE_BYTES),
    scause: BigInt(random.pick([0, 2, 5, 8, 13, 15])),
    stval: random.operand(),
    fcsr: random.bits64() & (random.oneIn(4) ? 0xffn : 0x7fn),
    mcause: interruptCause ? 1n << 63n | 5n : 2n,
    mtval: random.operand(),
    ...OPEN,
    satp: translated ? 8n << 60n | BigInt(ROOT) >> 12n : 0n,
    mepc,
    mstatus,
  };
  return Object.fromEntries(INITIAL_CSRS.map((name) => [name, values[name] ?? 0n])) as Record<
    CsrName,
    bigint
  >;
}
