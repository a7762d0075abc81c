/**
 * The guest's RAM before the run, with its cases, and what it says after the run.
 *
 * @module
 */

import type { Case } from "./qemu_cases.ts";
import { harness, supervisorPage } from "./qemu_harness.ts";
import {
  ARENA,
  ARENA_PAGES,
  CODE,
  CODE_BYTES,
  type CsrName,
  DATA,
  DATA_PAGES,
  DESCRIPTOR,
  DESCRIPTORS,
  FINAL_CSRS,
  INITIAL_CSRS,
  LEVEL_0A,
  LEVEL_0B,
  LEVEL_1A,
  LEVEL_1B,
  PAGE_BYTES,
  pageTableEntry,
  PTE,
  RAM_BASE,
  RESULT,
  RESULT_BYTES,
  ROOT,
  SUPERVISOR_VECTOR,
  TEMPLATE,
  TRAP_BYTES,
  TRAP_FIELDS,
  TRAPS,
  USABLE_BYTES,
  USER_CODE,
} from "./qemu_layout.ts";
import { Random } from "./qemu_random.ts";

/** A guest image: the first bytes of RAM, and where the results will be. */
export interface Image {
  readonly bytes: Uint8Array;
  readonly results: number;
}

/** One trap as the harness recorded it. */
export type Trap = Readonly<Record<(typeof TRAP_FIELDS)[number], bigint>>;

/** What a case left. */
export interface Result {
  readonly traps: readonly Trap[];
  readonly registers: readonly bigint[];
  readonly floatRegisters: readonly bigint[];
  readonly csrs: Readonly<Partial<Record<CsrName, bigint>>>;
  /** A hash of each page of the arena: code, tables, data. */
  readonly hashes: readonly bigint[];
}

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Builds the image that runs `cases` in order. */
export function buildImage(seed: number, cases: readonly Case[]): Image {
  const descriptors = cases.map(describe);
  const total = descriptors.reduce((sum, descriptor) => sum + descriptor.length, 0);
  const results = align(DESCRIPTORS + total, PAGE_BYTES);
  if (results + cases.length * RESULT_BYTES > RAM_BASE + USABLE_BYTES) {
    throw new RangeError(`${cases.length} cases do not fit into the guest's RAM`);
  }
  const bytes = new Uint8Array(results - RAM_BASE);
  bytes.set(harness(cases.length, results), 0);
  bytes.set(supervisorPage(), SUPERVISOR_VECTOR - RAM_BASE);
  bytes.set(arenaTemplate(seed), TEMPLATE - RAM_BASE);
  let at = DESCRIPTORS - RAM_BASE;
  for (const descriptor of descriptors) {
    bytes.set(descriptor, at);
    at += descriptor.length;
  }
  return { bytes, results };
}

/** Bytes of the results of `cases` cases. */
export function resultBytes(cases: number): number {
  return cases * RESULT_BYTES;
}

function describe(item: Case): Uint8Array {
  const codeAt = DESCRIPTOR.variable + 16 * item.patches.length;
  const bytes = new Uint8Array(align(codeAt + item.code.length, 8));
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: bigint) => view.setBigUint64(at, BigInt.asUintN(64, value), true);
  if (item.codeOffset + item.code.length > CODE_BYTES) {
    throw new RangeError(`Case ${item.number} has ${item.code.length} bytes of code, too many`);
  }
  put(DESCRIPTOR.bytes, BigInt(bytes.length));
  put(DESCRIPTOR.codeOffset, BigInt(item.codeOffset));
  put(DESCRIPTOR.endOffset, BigInt(item.codeOffset + item.code.length - 4));
  put(DESCRIPTOR.codeBytes, BigInt(item.code.length));
  put(DESCRIPTOR.patches, BigInt(item.patches.length));
  INITIAL_CSRS.forEach((name, index) => put(DESCRIPTOR.csrs + 8 * index, item.csrs[name]));
  item.registers.forEach((value, index) => put(DESCRIPTOR.registers + 8 * index, value));
  item.floatRegisters.forEach((value, index) => put(DESCRIPTOR.floatRegisters + 8 * index, value));
  item.patches.forEach(([address, value], index) => {
    put(DESCRIPTOR.variable + 16 * index, BigInt(address));
    put(DESCRIPTOR.variable + 16 * index + 8, value);
  });
  bytes.set(item.code, codeAt);
  return bytes;
}

/** The arena before each case: no code, page tables of the fixed mappings, random data. */
function arenaTemplate(seed: number): Uint8Array {
  const bytes = new Uint8Array(ARENA_PAGES * PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  const put = (table: number, index: number, entry: bigint) =>
    view.setBigUint64(table - ARENA + 8 * index, entry, true);
  put(ROOT, 2, pageTableEntry(LEVEL_1A, PTE.V));
  put(ROOT, 4, pageTableEntry(LEVEL_1B, PTE.V));
  put(ROOT, 511, pageTableEntry(LEVEL_1B, PTE.V));
  put(LEVEL_1A, 0, pageTableEntry(LEVEL_0A, PTE.V));
  put(LEVEL_1B, 0, pageTableEntry(LEVEL_0B, PTE.V));
  const identical = (address: number, bits: bigint) =>
    put(LEVEL_0A, (address - RAM_BASE) / PAGE_BYTES, pageTableEntry(address, bits));
  const executable = PTE.V | PTE.R | PTE.X | PTE.A | PTE.D;
  const writable = PTE.V | PTE.R | PTE.W | PTE.A | PTE.D;
  identical(SUPERVISOR_VECTOR, executable);
  for (let page = 0; page < CODE_BYTES; page += PAGE_BYTES) {
    identical(CODE + page, executable);
    put(
      LEVEL_0B,
      ((USER_CODE + page) >>> 12) & 511,
      pageTableEntry(CODE + page, executable | PTE.U),
    );
  }
  for (let table = ROOT; table <= LEVEL_0B; table += PAGE_BYTES) identical(table, writable);
  for (let page = 0; page < DATA_PAGES; page++) identical(DATA + page * PAGE_BYTES, writable);
  const random = new Random(seed, -1);
  for (let at = DATA - ARENA; at < bytes.length; at += 8) {
    view.setBigUint64(at, random.oneIn(4) ? random.operand() : random.bits64(), true);
  }
  return bytes;
}

/** Reads the results of `cases` cases from what the guest wrote. */
export function readResults(bytes: Uint8Array, cases: number): Result[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: cases }, (_, index): Result => {
    const base = index * RESULT_BYTES;
    const get = (at: number) => view.getBigUint64(base + at, true);
    const count = Math.min(Number(get(RESULT.traps)), TRAPS);
    return {
      traps: Array.from({ length: count }, (_, trap) => {
        const at = RESULT.trace + trap * TRAP_BYTES;
        return Object.fromEntries(
          TRAP_FIELDS.map((field, index) => [field, get(at + 8 * index)]),
        ) as Trap;
      }),
      registers: Array.from({ length: 32 }, (_, number) => get(RESULT.registers + 8 * number)),
      floatRegisters: Array.from(
        { length: 32 },
        (_, number) => get(RESULT.floatRegisters + 8 * number),
      ),
      csrs: Object.fromEntries(
        FINAL_CSRS.map((name, index) => [name, get(RESULT.csrs + 8 * index)]),
      ),
      hashes: Array.from({ length: ARENA_PAGES }, (_, page) => get(RESULT.hashes + 8 * page)),
    };
  });
}

/** The instruction words of a case's code with their offsets. */
export function* wordsOf(
  code: Uint8Array,
): Generator<{ offset: number; word: number; bytes: 2 | 4 }> {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let offset = 0; offset + 2 <= code.length;) {
    const half = view.getUint16(offset, true);
    const long = (half & 3) === 3 && offset + 4 <= code.length;
    yield { offset, word: long ? view.getInt32(offset, true) : half, bytes: long ? 4 : 2 };
    offset += long ? 4 : 2;
  }
}
