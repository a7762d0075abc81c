/**
 * Generators for physical memory protection: entries over the arena, whole pages or words, and accesses to pages that the
 * harness has locked.
 *
 * @module
 */

import { CSR, type CsrName, PROTECTION_CSRS } from "./qemu_layout.ts";
import {
  ARENA,
  ARENA_PAGES,
  CODE,
  CODE_BYTES,
  DATA,
  DATA_PAGES,
  LOCKED,
  PAGE_BYTES,
  ROOT,
  SUPERVISOR_VECTOR,
} from "./qemu_layout.ts";
import { AMOS } from "./qemu_operations.ts";
import { MACHINE, type Program } from "./qemu_program.ts";
import type { Random } from "./qemu_random.ts";

/** What the entries of a case are bounded by. */
export type Granularity = "pages" | "words";

/** The bits of a configuration. */
const R = 1, W = 2, X = 4, TOP = 0x08, FOUR_BYTES = 0x10, POWER_OF_TWO = 0x18, LOCK = 0x80;

const ALL_OF_MEMORY = (1n << 54n) - 1n;

/** The entries that the harness locks: the first page is readable, the second is nothing, the third executable. */
const LOCKED_ENTRIES = 4;
/** The registers that lock them. */
export const LOCKED_CSRS: readonly (readonly [CsrName, bigint])[] = [
  ["pmpaddr0", word(LOCKED)],
  ["pmpaddr1", word(LOCKED + PAGE_BYTES)],
  ["pmpaddr2", powerOfTwo(LOCKED + PAGE_BYTES, PAGE_BYTES)],
  ["pmpaddr3", powerOfTwo(LOCKED + 2 * PAGE_BYTES, PAGE_BYTES)],
  [
    "pmpcfg0",
    configuration([0, LOCK | TOP | R, LOCK | POWER_OF_TWO, LOCK | POWER_OF_TWO | X]),
  ],
];

/** Entries that a case has for itself. */
const ENTRIES = 16 - LOCKED_ENTRIES;

/** Most random entries of a case. */
const MOST = ENTRIES - 2;

interface Entry {
  readonly configuration: number;
  readonly address: bigint;
  readonly bounds: readonly number[];
}

/** An entry that is off; its address may be the bottom of the next one. */
const off = (address: bigint): Entry => ({ configuration: 0, address, bounds: [] });

/** All of memory for every mode. */
export const OPEN: Readonly<Partial<Record<CsrName, bigint>>> = {
  pmpaddr15: ALL_OF_MEMORY,
  pmpcfg2: configuration([0, 0, 0, 0, 0, 0, 0, POWER_OF_TWO | R | W | X]),
};

/** Random entries for a case, if it is to have some. */
export function initialProtection(p: Program): Partial<Record<CsrName, bigint>> | undefined {
  return p.protection === undefined ? undefined : newEntries(p, p.protection);
}

function newEntries(p: Program, granularity: Granularity): Partial<Record<CsrName, bigint>> {
  const list = entries(p.random, granularity);
  p.bounds = list.flatMap(({ bounds }) => bounds);
  return registers(list);
}

/** Machine mode replaces all entries but the locked ones. */
export function changeProtection(p: Program): void {
  if (p.mode !== MACHINE || p.protection === undefined) return;
  const values = newEntries(p, p.protection);
  for (const name of PROTECTION_CSRS) {
    const value = values[name];
    if (value === undefined) continue;
    const source = p.constant(value);
    p.code.csr("csrrw", 0, CSR[name], source);
  }
  p.code.r("sfence.vma", 0, 0, 0);
  p.executed("sfence.vma");
}

/**
 * Some loads and stores at and around the place where an entry's range begins or ends; `before` is done before each, which
 * may trap.
 */
export function accessAroundBound(p: Program, before: (p: Program) => void): void {
  const { random } = p;
  const bounds = p.bounds.filter((bound) => bound > DATA && bound < DATA + DATA_PAGES * PAGE_BYTES);
  if (bounds.length === 0) return;
  const bound = random.pick(bounds);
  for (let count = random.between(2, 4); count > 0; count--) {
    const size = random.pick([1, 4, 8]);
    const offset = size * random.between(-2, 1);
    if ((bound + offset) % PAGE_BYTES + size > PAGE_BYTES) continue;
    before(p);
    p.beforeAccess();
    const pointer = p.constant(BigInt(bound));
    if (random.oneIn(2)) {
      const name = { 1: "sb", 4: "sw", 8: "sd" }[size] as string;
      p.code.s(name, p.anyRegister(), pointer, offset);
      p.executed(name);
    } else {
      const name = { 1: "lb", 4: "lw", 8: "ld" }[size] as string;
      const rd = p.scratch(pointer);
      p.code.i(name, rd, pointer, offset);
      p.wrote(name, rd);
    }
  }
}

/** A load, store or AMO on the locked pages. */
export function lockedAccess(p: Program): void {
  const { random } = p;
  p.beforeAccess();
  const pointer = p.constant(BigInt(lockedPage(random) + 8 * random.below(512)));
  const name = random.pick(["lb", "lwu", "ld", "sb", "sd", "amo"]);
  const rd = p.destination();
  if (name === "amo") {
    const { name, match } = random.pick(AMOS);
    p.code.word(match | rd << 7 | pointer << 15 | p.anyRegister() << 20);
    p.wrote(name, rd);
  } else if (name.startsWith("s")) {
    p.code.s(name, p.anyRegister(), pointer, 0);
    p.executed(name);
  } else {
    p.code.i(name, rd, pointer, 0);
    p.wrote(name, rd);
  }
}

/** A jump into the locked pages, which hold no instruction. The case ends there. */
export function jumpToLocked(p: Program): void {
  const pointer = p.constant(BigInt(lockedPage(p.random) + 2 * p.random.below(2048)));
  p.code.i("jalr", 0, pointer, 0);
  p.executed("jalr");
}

function lockedPage(random: Random): number {
  return LOCKED + PAGE_BYTES * random.below(3);
}

/** The registers that hold these entries behind the locked ones. */
function registers(list: readonly Entry[]): Partial<Record<CsrName, bigint>> {
  const all = [...Array<Entry>(LOCKED_ENTRIES).fill(off(0n)), ...list];
  const result: Partial<Record<CsrName, bigint>> = {
    pmpcfg0: configuration(all.slice(0, 8).map((entry) => entry.configuration)),
    pmpcfg2: configuration(all.slice(8).map((entry) => entry.configuration)),
  };
  all.forEach(({ address }, index) => result[`pmpaddr${index}` as CsrName] = address);
  return result;
}

/** The supervisor's handler, then random entries, then one for all the rest. */
function entries(random: Random, granularity: Granularity): Entry[] {
  const list: Entry[] = [{
    configuration: POWER_OF_TWO | R | X,
    address: powerOfTwo(SUPERVISOR_VECTOR, PAGE_BYTES),
    bounds: [],
  }];
  const count = random.between(0, MOST);
  while (list.length < count) list.push(...ranged(random, granularity));
  while (list.length <= MOST) list.push(off(random.bits64() >> 10n));
  const rest = random.oneIn(8) ? permissions(random, granularity, 0, Infinity) : R | W | X;
  return [
    ...list.slice(0, MOST + 1),
    { configuration: POWER_OF_TWO | rest, address: ALL_OF_MEMORY, bounds: [] },
  ];
}

/** An entry, or the two that a range between any two addresses takes. */
function ranged(random: Random, granularity: Granularity): Entry[] {
  const unit = granularity === "pages" ? PAGE_BYTES : 4;
  const at = somewhere(random, unit);
  const allowed = (from: number, to: number) => permissions(random, granularity, from, to);
  return random.weighted<() => Entry[]>([
    [granularity === "words" ? 2 : 0, () => [{
      configuration: FOUR_BYTES | allowed(at, at + 4),
      address: word(at),
      bounds: [at, at + 4],
    }]],
    [3, () => {
      const size = granularity === "pages"
        ? PAGE_BYTES << random.below(4)
        : 8 << random.pick([0, 1, 2, 3, random.below(11)]);
      const base = at - at % size;
      return [{
        configuration: POWER_OF_TWO | allowed(base, base + size),
        address: powerOfTwo(base, size),
        bounds: [base, base + size],
      }];
    }],
    [3, () => {
      // Not always in order: then nothing matches.
      const [from, to] = random.oneIn(8)
        ? [somewhere(random, unit), at]
        : [at, at + unit * random.between(1, granularity === "pages" ? 4 : random.pick([4, 600]))];
      return [
        off(word(from)),
        { configuration: TOP | allowed(from, to), address: word(to), bounds: [from, to] },
      ];
    }],
  ])();
}

/** A multiple of `unit` in the arena, mostly in data. */
function somewhere(random: Random, unit: number): number {
  const [base, pages] = random.weighted<[number, number]>([
    [6, [DATA, DATA_PAGES]],
    [1, [ARENA, ARENA_PAGES]],
    [1, [CODE, CODE_BYTES / PAGE_BYTES]],
  ]);
  // Accesses like edges of pages.
  return unit < PAGE_BYTES && random.oneIn(2)
    ? base + PAGE_BYTES * random.below(pages) + unit * random.between(-4, 4)
    : base + unit * random.below(pages * PAGE_BYTES / unit);
}

/**
 * Permissions for a range that the peer enforces like us: see the differences for tables that the walker may read but not
 * write, and for pages of code that may be executed in part.
 */
function permissions(random: Random, granularity: Granularity, from: number, to: number): number {
  const overlaps = (start: number, end: number) => from < end && to > start;
  let choice = [0, R, R | W, X, R | X, R | W | X, R | W | X];
  if (overlaps(ROOT, DATA)) choice = choice.filter((bits) => (bits & (R | W)) !== R);
  const code = overlaps(CODE, CODE + CODE_BYTES);
  if (code && (granularity === "words" || !random.oneIn(4))) {
    choice = choice.filter((bits) => (bits & X) !== 0);
  }
  return random.pick(choice);
}

function word(address: number): bigint {
  return BigInt(address) >> 2n;
}

function powerOfTwo(base: number, size: number): bigint {
  return word(base) | BigInt(size / 8 - 1);
}

function configuration(entries: readonly number[]): bigint {
  return entries.reduce((all, bits, index) => all | BigInt(bits) << BigInt(8 * index), 0n);
}
