/**
 * Generators for the unprivileged instructions: computation, memory, atomics, control flow, random words.
 *
 * @module
 */

import type { Register } from "./qemu_assembler.ts";
import {
  COMPRESSED,
  type Encoding,
  encodingOf,
  ENCODINGS,
  immediateI,
  immediateS,
  isReserved,
  recognise,
} from "./qemu_encoding.ts";
import {
  DATA,
  DATA_PAGES,
  GIGAPAGE,
  GIGAPAGES,
  PAGE_BYTES,
  RAM_BASE,
  RAM_BYTES,
  SUPERPAGE,
  SUPERPAGES,
  UPPER_WINDOW,
  WINDOW,
  WINDOWS,
} from "./qemu_layout.ts";
import { COMPRESSED_REGISTERS, type Program, WRITABLE } from "./qemu_program.ts";
import type { Random } from "./qemu_random.ts";

const ALL = [...ENCODINGS, ...COMPRESSED];
const COMPUTATION = ALL.filter(({ format }) =>
  ["R", "I", "shift6", "shift5", "U", "c.free", "float"].includes(format)
);
const MEMORY = ALL.filter(({ format }) =>
  ["load", "store", "c.load", "c.store", "c.loadsp", "c.storesp"].includes(format)
);
const ATOMIC = ALL.filter(({ format, name }) => format === "amo" && !name.startsWith("sc."));

/** Fields that the encoding leaves open, all random, except that `rd` is `destination`. */
function fill(random: Random, encoding: Encoding, destination: Register): number {
  if (encoding.format === "float") return floatWord(random, encoding, destination);
  if (encoding.format === "c.free") {
    return encoding.match | (random.bits() & 0xffff & ~encoding.mask);
  }
  return encoding.match | (random.bits() & ~encoding.mask & ~0xf80) | (destination << 7);
}

/** Mostly with the rounding mode of frm, and on few registers, so that results are operands again. */
function floatWord(random: Random, encoding: Encoding, destination: Register): number {
  const few = () => random.oneIn(4) ? random.below(32) : random.below(8);
  const rd = encoding.toFloat ? few() : destination;
  const rs1 = encoding.fromInteger ? random.below(32) : few();
  const rm = random.oneIn(2) ? 7 : random.below(8);
  const open = (few() << 27) | (few() << 20) | (rs1 << 15) | (rm << 12) | (rd << 7) |
    (random.below(4) << 25);
  return encoding.match | (open & ~encoding.mask);
}

/** The integer register that a computation writes; 0 when it is an f register. */
export function destinationOf(encoding: Encoding, word: number): Register {
  if (encoding.toFloat) return 0;
  if (encoding.format !== "c.free") return (word >> 7) & 31;
  if (encoding.name === "c.addi16sp") return 2;
  if (encoding.name === "c.addi4spn") return 8 + ((word >> 2) & 7);
  const threeBits = (word & 3) === 1 && (word & 0xe000) === 0x8000;
  return threeBits ? 8 + ((word >> 7) & 7) : (word >> 7) & 31;
}

/** One instruction that computes on registers. */
export function compute(p: Program, encoding?: Encoding): void {
  const { word, rd, name } = computationWord(p, encoding);
  emit(p, word);
  p.wrote(name, rd);
}

/** A random instruction that computes on registers, or one with this encoding. */
export function computationWord(
  p: Program,
  encoding?: Encoding,
): { word: number; rd: Register; name: string } {
  for (;;) {
    const chosen = encoding ?? p.random.pick(COMPUTATION);
    const word = fill(p.random, chosen, p.destination());
    if (recognise(word) !== chosen || p.withoutTraps && isReserved(chosen, word)) continue;
    const rd = destinationOf(chosen, word);
    if (p.known.has(rd) && !p.random.oneIn(8)) continue;
    return { word, rd, name: chosen.name };
  }
}

/** Every instruction that computes on registers, once. */
export const COMPUTATIONS: readonly Encoding[] = COMPUTATION;
/** Those on f registers. */
export const FLOAT_COMPUTATIONS: readonly Encoding[] = COMPUTATION.filter(({ format }) =>
  format === "float"
);

function emit(p: Program, word: number): void {
  if ((word & 3) === 3) p.code.word(word);
  else p.code.half(word);
}

/** An address that `size` bytes are accessed at: mostly in data, often at the edge of a page, sometimes misaligned. */
export function address(p: Program, size: number, translated: boolean, mayMisalign = true): bigint {
  const { random } = p;
  const misaligned = mayMisalign && !p.holes && random.oneIn(4);
  const inPages = (pages: number): bigint => {
    const near = random.oneIn(2) ? random.between(1, Math.max(1, pages - 1)) * PAGE_BYTES : -1;
    let offset = near < 0
      ? random.between(16, pages * PAGE_BYTES - 24)
      : near + random.between(-12, 11);
    if (!misaligned || p.mustAlign(offset, size)) offset -= offset % size;
    return BigInt(offset);
  };
  const physical: readonly (readonly [number, () => bigint])[] = [
    [24, () => BigInt(DATA) + inPages(DATA_PAGES)],
    [p.holes ? 1 : 0, () => 2n * WINDOW + BigInt(random.below(4096) * 8)],
    [p.holes ? 1 : 0, () => BigInt(RAM_BASE + RAM_BYTES) + BigInt(random.between(0, 4) * 8)],
  ];
  const virtual: readonly (readonly [number, () => bigint])[] = [
    [24, () => WINDOW + inPages(WINDOWS)],
    [4, () => UPPER_WINDOW + inPages(WINDOWS)],
    [6, () => SUPERPAGE + BigInt(random.below(SUPERPAGES) << 21) + inData(inPages(DATA_PAGES))],
    [
      6,
      () => GIGAPAGE + BigInt(random.below(GIGAPAGES)) * 0x4000_0000n + inData(inPages(DATA_PAGES)),
    ],
    [2, () => (1n << BigInt(random.between(38, 63))) | (WINDOW + inPages(WINDOWS))],
    [1, () => BigInt.asUintN(64, UPPER_WINDOW ^ (1n << BigInt(random.between(38, 63))))],
    // Bits 38 to 0 lead to a window, bits 63 to 39 are all the other way.
    [1, () => -(1n << 39n) + (1n << 64n) + WINDOW + inPages(WINDOWS)],
    [1, () => (UPPER_WINDOW & ((1n << 39n) - 1n)) + inPages(WINDOWS)],
  ];
  return random.weighted(translated ? [...physical, ...virtual] : physical)();
}

function inData(offset: bigint): bigint {
  return BigInt(DATA - RAM_BASE) + offset;
}

/** One load or store. */
export function access(p: Program, translated: boolean, encoding = p.random.pick(MEMORY)): void {
  const { random } = p;
  p.beforeAccess();
  const size = encoding.size ?? 1;
  const target = address(p, size, translated);
  const { match, format, name } = encoding;
  const wrote = (rd: Register) => p.wrote(name, encoding.toFloat ? 0 : rd);
  if (format === "load" || format === "store") {
    const { register, offset } = p.base(target, -2048, 2047, 1, WRITABLE);
    if (format === "store") {
      const source = p.anyRegister();
      p.code.word(match | (register << 15) | (source << 20) | immediateS(offset));
      p.executed(name);
    } else {
      const rd = encoding.toFloat ? p.anyRegister() : p.destination();
      p.code.word(match | (register << 15) | (rd << 7) | immediateI(offset));
      wrote(rd);
    }
    return;
  }
  const limit = (size === 4 ? 31 : 31) * size;
  if (format === "c.load" || format === "c.store") {
    const { register, offset } = p.base(target, 0, limit, size, COMPRESSED_REGISTERS);
    const other = random.pick(COMPRESSED_REGISTERS);
    const field = size === 4
      ? ((offset >> 3) & 7) << 10 | ((offset >> 2) & 1) << 6 | ((offset >> 6) & 1) << 5
      : ((offset >> 3) & 7) << 10 | ((offset >> 6) & 3) << 5;
    p.code.half(match | field | ((register - 8) << 7) | ((other - 8) << 2));
    if (format === "c.load") wrote(other);
    else p.executed(name);
    return;
  }
  const { offset } = p.base(target, 0, 63 * size, size, [2]);
  if (format === "c.loadsp") {
    // With x0 the encoding is reserved.
    const rd = p.anyRegister();
    const field = size === 4
      ? ((offset >> 5) & 1) << 12 | ((offset >> 2) & 7) << 4 | ((offset >> 6) & 3) << 2
      : ((offset >> 5) & 1) << 12 | ((offset >> 3) & 3) << 5 | ((offset >> 6) & 7) << 2;
    p.code.half(match | field | (rd << 7));
    wrote(rd);
    return;
  }
  const field = size === 4
    ? ((offset >> 2) & 15) << 9 | ((offset >> 6) & 3) << 7
    : ((offset >> 3) & 7) << 10 | ((offset >> 6) & 7) << 7;
  p.code.half(match | field | (p.anyRegister() << 2));
  p.executed(name);
}

/** Every load and store, once. */
export const ACCESSES: readonly Encoding[] = MEMORY;
/** Every AMO, once. */
export const AMOS: readonly Encoding[] = ATOMIC;

/** One AMO. */
export function amo(p: Program, translated: boolean, encoding = p.random.pick(ATOMIC)): void {
  if (p.holes) return access(p, translated);
  p.beforeAccess();
  const at = p.base(address(p, encoding.size ?? 8, translated), 0, 0, 1, WRITABLE).register;
  atomic(p, encoding.name, p.destination(), at, p.anyRegister());
}

function atomic(p: Program, name: string, rd: Register, rs1: Register, rs2: Register): void {
  const ordering = p.random.below(4) << 25;
  p.code.word(encodingOf(name).match | ordering | (rd << 7) | (rs1 << 15) | (rs2 << 20));
  p.wrote(name, rd);
}

/** LR and SC: matching, to another address, twice, alone, of another width, with loads, stores or traps between. */
export function reservation(p: Program, translated: boolean): void {
  const { random } = p;
  p.beforeAccess();
  const size = random.oneIn(2) ? 4 : 8;
  const suffix = size === 4 ? "w" : "d";
  const target = address(p, 8, translated, random.oneIn(8));
  const register = p.scratch();
  p.set(register, target);
  if (p.holes || target % BigInt(size) !== 0n) return atomic(p, `lr.${suffix}`, 0, register, 0);
  // The registers that hold the addresses must survive until the SC.
  const aside = (): Register => {
    const rd = p.destination();
    return p.known.has(rd) ? 0 : rd;
  };
  if (!random.oneIn(8)) atomic(p, `lr.${suffix}`, aside(), register, 0);
  // With MPRV the LR may have trapped, and nothing but the SC that then fails may follow.
  const further = p.privilegeIsModified ? 0 : 1;
  random.weighted<() => void>([
    [5, () => {}],
    [2, () => compute(p)],
    [2 * further, () => storeBeside(p, register, target)],
    [1, () => p.code.fixed("ecall")],
    [1, () => p.code.half(0)],
    [1, () => atomic(p, `sc.${suffix}`, aside(), register, p.anyRegister())],
    [further, () => {
      const other = p.scratch(register);
      p.set(other, BigInt.asUintN(64, target ^ BigInt(random.pick([size, 8, 16, 64, 4096]))));
      if (random.oneIn(2)) atomic(p, `lr.${suffix}`, aside(), other, 0);
      else atomic(p, `sc.${suffix}`, aside(), other, p.anyRegister());
    }],
  ])();
  if (p.known.get(register) !== BigInt.asUintN(64, target)) return;
  atomic(p, `sc.${suffix}`, aside(), register, p.anyRegister());
  if (random.oneIn(3) && p.known.has(register)) {
    atomic(p, `sc.${suffix}`, aside(), register, p.anyRegister());
  }
}

/** A store between LR and SC that does not touch the reserved bytes (one that does: see the table of differences). */
function storeBeside(p: Program, register: Register, target: bigint): void {
  const offset = p.random.pick([-16, -8, 8, 16, 24]);
  const name = p.random.pick(["sb", "sh", "sw", "sd"]);
  if (target % 8n !== 0n) return;
  p.code.s(name, p.anyRegister(), register, offset);
  p.executed(name);
}

const BRANCHES = ["beq", "bne", "blt", "bge", "bltu", "bgeu"];

/** A forward branch or jump over a few computations, or a loop. */
export function control(p: Program): void {
  const { random } = p;
  const body = () => {
    for (let count = random.between(1, 3); count > 0; count--) compute(p);
  };
  random.weighted<() => void>([
    [6, () => {
      const name = random.pick(BRANCHES);
      const rs1 = p.anyRegister();
      const rs2 = random.oneIn(4) ? rs1 : p.anyRegister();
      p.executed(name);
      p.shadow((label) => p.code.branch(name, rs1, rs2, label), body);
    }],
    [3, () => {
      const name = random.pick(["c.beqz", "c.bnez"]);
      const rs1 = random.pick(COMPRESSED_REGISTERS);
      p.executed(name);
      p.shadow((label) => p.code.compressedBranch(name, rs1, label), body);
    }],
    [1, () => {
      p.executed("c.j");
      p.shadow((label) => p.code.compressedJump(label), body);
    }],
    [1, () => {
      const rd = p.destination();
      p.wrote("jal", rd);
      p.shadow((label) => p.code.jal(rd, label), body);
    }],
    [2, () => jumpToRegister(p)],
    [2, () => loop(p)],
  ])();
}

/** `jalr`, `c.jr` or `c.jalr` a few bytes forward of an `auipc`. */
function jumpToRegister(p: Program): void {
  const { random } = p;
  const register = p.scratch();
  const start = p.code.length;
  const name = random.pick(["jalr", "c.jr", "c.jalr"]);
  p.code.u("auipc", register, 0);
  p.wrote("auipc", register);
  const holes = random.between(0, 3);
  // Between the jump and its target stand illegal instructions.
  const odd = random.below(2);
  if (name === "jalr") {
    const rd = p.destination();
    p.code.i("jalr", rd, register, p.code.length - start + 4 + 2 * holes + odd);
    p.wrote(name, rd);
  } else {
    p.code.i("addi", register, register, p.code.length - start + 6 + 2 * holes + odd);
    p.code.half(encodingOf(name).match | (register << 7));
    p.wrote(name, name === "c.jalr" ? 1 : 0);
  }
  for (let hole = 0; hole < holes; hole++) p.code.half(0);
}

/** A loop of a few rounds. */
function loop(p: Program): void {
  const counter = p.random.pick(COMPRESSED_REGISTERS);
  p.set(counter, BigInt(p.random.between(1, 5)));
  const label = p.freshLabel();
  p.code.label(label);
  for (let count = p.random.between(1, 3); count > 0; count--) {
    const encoding = p.random.pick(COMPUTATION);
    const word = fill(p.random, encoding, p.scratch(counter));
    const rd = destinationOf(encoding, word);
    if (recognise(word) !== encoding || rd === counter) continue;
    if (p.withoutTraps && isReserved(encoding, word)) continue;
    emit(p, word);
    p.wrote(encoding.name, rd);
  }
  p.code.i("addi", counter, counter, -1);
  p.known.delete(counter);
  if (p.random.oneIn(2)) p.code.compressedBranch("c.bnez", counter, label);
  else p.code.branch("bne", counter, 0, label);
}

/**
 * A random word, or a valid one with a few bits flipped. Words that would jump or touch memory or CSRs are made by the other
 * generators, with operands that are under control.
 */
export function randomWord(p: Program): void {
  const { random } = p;
  for (;;) {
    let word = random.bits() | 0;
    if (random.oneIn(2)) {
      word = random.pick(ALL).match | (random.bits() & random.bits() & 0x01ff_8f80);
      for (let flips = random.between(1, 3); flips > 0; flips--) word ^= 1 << random.below(32);
    }
    if (random.oneIn(3)) word &= 0xffff;
    if (random.oneIn(8)) word = random.pick([0, -1, 0xffff, 0x7f, 0x1f, 0x3f, 0x8002]);
    if ((word & 3) !== 3) word &= 0xffff;
    const encoding = recognise(word);
    if (
      encoding === undefined || word === 0x8002 || COMPUTATION.includes(encoding) ||
      encoding.format === "fence"
    ) {
      const rd = encoding === undefined || !COMPUTATION.includes(encoding)
        ? -1
        : destinationOf(encoding, word);
      if (rd >= 0 && p.known.has(rd)) p.known.delete(rd);
      emit(p, word);
      return;
    }
  }
}
