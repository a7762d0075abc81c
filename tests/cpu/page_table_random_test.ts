/** Random code on random page tables that it edits meanwhile, with caches warm and cold (design invariant 9). */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { encode } from "./assembly.ts";
import { DEVICE, RAM, TestMachine } from "./test_machine.ts";

const PAGE = 4096;
const CODE = RAM;
/** Where no address of the code leads. */
const HANDLER = RAM + 0x8000;
/** Two roots, then tables of any level; the last one may only be read. */
const ROOTS = [RAM + 0x1_0000, RAM + 0x1_1000] as const;
const TABLES = [0x1_2000, 0x1_3000, 0x1_4000, 0x1_5000].map((offset) => RAM + offset);
const READ_ONLY = TABLES.at(-1)!;
const DATA = [0x2_0000, 0x2_1000].map((offset) => RAM + offset);
/** Entries of each table that addresses use. */
const INDICES = [0, 1, 3, 511] as const;
/** The entry of a root that maps RAM one to one, where code and tables are reached. */
const SAME = 2;
const FLAG = { V: 1, R: 2, W: 4, X: 8, U: 16, G: 32, A: 64, D: 128 } as const;
const SUM_AND_MXR = 3 << 18;
const CSR = { sstatus: 0x100, mstatus: 0x300, mepc: 0x341, satp: 0x180 } as const;
const STEPS = 500;
const EPOCHS = 2;

const entryOf = (address: number, flags: number) => BigInt(address / PAGE) << 10n | BigInt(flags);
const satpOf = (root: number) => 8n << 60n | BigInt(root / PAGE);

const arrayOf = <Value>(count: number, of: fc.Arbitrary<Value>) =>
  fc.array(of, { minLength: count, maxLength: count });
const { V, R, W, X, U, G, A, D } = FLAG;
/** Mostly flags with which everything goes. */
const leafFlags = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(V | R | W | X | A | D, V | R | W | X) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constantFrom(R, R | W, X, R | X, R | W | X, W),
      fc.constantFrom(0, U, A, A | D, U | A | D, G | A),
    ).map(([permissions, more]) => V | permissions | more),
  },
);
const leaf = fc.tuple(
  fc.oneof(
    { weight: 10, arbitrary: fc.constantFrom(...DATA, ...TABLES, ...ROOTS) },
    { weight: 1, arbitrary: fc.constantFrom(CODE, DEVICE, RAM + (1 << 20)) },
  ),
  leafFlags,
).map(([address, flags]) => entryOf(address, flags));
const pointer = fc.constantFrom(...TABLES, ...ROOTS).map((address) => entryOf(address, V));
const nothing = fc.constant(0n);
/** What is stored into tables. */
const entry = fc.oneof(
  { weight: 2, arbitrary: pointer },
  { weight: 8, arbitrary: leaf },
  { weight: 1, arbitrary: nothing },
);
/** What stands in them at first: mostly tables of their level. */
const upper = (tables: readonly number[]) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...tables).map((address) => entryOf(address, V)) },
    { weight: 1, arbitrary: entry },
  );
const entries = fc.tuple(
  arrayOf(8, upper(TABLES.slice(0, 2))),
  arrayOf(8, upper(TABLES.slice(2))),
  arrayOf(8, fc.oneof({ weight: 6, arbitrary: leaf }, { weight: 1, arbitrary: entry })),
).map((parts) => parts.flat());

/** An address by its indices; canonical. */
function virtual(two: number, one: number, zero: number, offset: number): bigint {
  const low = BigInt(two) << 30n | BigInt(one) << 21n | BigInt(zero) << 12n | BigInt(offset);
  return BigInt.asUintN(64, BigInt.asIntN(39, low));
}
const index = fc.constantFrom(...INDICES);
const offset = fc.constantFrom(0, 0, 8, 8, 24, 24, 0xff8, 0xff8, 0xffc, 0x801);
const anywhere = fc.tuple(index, index, index, offset).map((parts) => virtual(...parts));
/** An entry that may be in use, where code and tables are mapped one to one. */
const ofTable = fc.tuple(
  fc.constantFrom(...TABLES, ...TABLES, ...ROOTS),
  index,
  fc.constantFrom(0, 0, 0, 4),
).map(
  ([table, entry, within]) => BigInt(table + 8 * entry + within),
);

const ADDRESSES = 5;
const VALUES = 17;
const LAST = 28;
/** Where the last jump came from. */
const LINK = 29;
const addressRegister = fc.integer({ min: ADDRESSES, max: VALUES - 1 });
const valueRegister = fc.integer({ min: VALUES, max: LAST });
/** Hold a root each, for satp, and the bits of sstatus. */
const STATUS_BITS = 1;
const ROOT_REGISTERS = [30, 31] as const;

const access = fc.tuple(
  fc.constantFrom("ld", "lw", "lbu", "sd", "sd", "sd", "sw", "sb", "amoswap.d", "amoor.w", "lr.d"),
  addressRegister,
  valueRegister,
).map(([name, rs1, rs2]) => encode(name, /^[la]/.test(name) ? { rd: 3, rs1, rs2 } : { rs1, rs2 }));
const conditional = fc.tuple(addressRegister, valueRegister).map(([rs1, rs2]) =>
  encode("sc.d", { rd: 3, rs1, rs2 })
);
const instruction = fc.oneof(
  { weight: 20, arbitrary: access },
  { weight: 1, arbitrary: conditional },
  {
    weight: 2,
    arbitrary: addressRegister.map((rs1) => encode("jalr", { rd: LINK, rs1 })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("csrrs", "csrrc").map((name) =>
      encode(name, { csr: CSR.sstatus, rs1: STATUS_BITS })
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...ROOT_REGISTERS).map((rs1) =>
      encode("csrrw", { csr: CSR.satp, rs1 })
    ),
  },
);

/** Goes on behind the instruction that has trapped, or where the code has jumped away. */
const HANDLING = [
  encode("csrrs", { rd: 2, csr: CSR.mepc }),
  encode("addi", { rd: 2, rs1: 2, imm: 4 }),
  encode("srli", { rd: 4, rs1: 2, imm: 12 }),
  encode("auipc", { rd: 3 }),
  encode("srli", { rd: 3, rs1: 3, imm: 12 }),
  encode("addi", { rd: 3, rs1: 3, imm: (CODE - HANDLER) / PAGE }),
  encode("beq", { rs1: 3, rs2: 4, imm: 8 }),
  encode("addi", { rd: 2, rs1: LINK }),
  encode("csrrw", { csr: CSR.mepc, rs1: 2 }),
  encode("mret"),
];

const cases = fc.record({
  privilege: fc.constantFrom(0, 1, 1, 1),
  protects: fc.constantFrom(false, false, true),
  entries,
  addresses: fc.tuple(arrayOf(8, anywhere), arrayOf(4, ofTable)).map((parts) => parts.flat()),
  values: arrayOf(12, entry),
  words: fc.array(instruction, { minLength: 20, maxLength: 60 }),
  slices: arrayOf(10, fc.integer({ min: 1, max: 60 })),
});
type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never;

function machineOf({ privilege, protects, entries, addresses, values, words }: Case): TestMachine {
  const machine = new TestMachine();
  machine.load(CODE, ...words, encode("jal", { imm: -4 * words.length }));
  machine.load(HANDLER, ...HANDLING);
  machine.hart.reset(CODE, 0n, 0n);
  [...ROOTS, ...TABLES].forEach((table, number) =>
    INDICES.forEach((index, nth) => machine.setWord(table + 8 * index, entries[4 * number + nth]!))
  );
  const user = privilege === 0 ? U : 0;
  const all = entryOf(RAM, V | R | W | X | A | D | user);
  for (const root of ROOTS) machine.setWord(root + 8 * SAME, all);
  // A device that edits an entry whenever it is touched.
  machine.onAccess = ({ steps }) => {
    const table = TABLES[steps % TABLES.length]!;
    machine.setWord(table + 8 * (steps % 2), values[steps % values.length]!);
  };
  const registers = [
    ...addresses.map((value, n) => [`x${ADDRESSES + n}`, value]),
    ...values.map((value, n) => [`x${VALUES + n}`, value]),
    ...ROOTS.map((root, n) => [`x${ROOT_REGISTERS[n]}`, satpOf(root)]),
    [`x${LINK}`, CODE],
    [`x${STATUS_BITS}`, SUM_AND_MXR],
  ];
  machine.set({
    ...{ privilege, mtvec: HANDLER, satp: satpOf(ROOTS[0]) },
    // What decides about the read-only table, then everything.
    ...{
      pmpaddr0: (BigInt(READ_ONLY) >> 2n) | 0x1ffn,
      pmpaddr1: (1n << 54n) - 1n,
      pmpcfg0: protects ? 0x1f19 : 0x1f1f,
    },
    ...Object.fromEntries(registers),
  });
  machine.hart.startEpoch();
  return machine;
}

/** Runs epochs, and answers the digests at their ends; `run` takes the given number of steps. */
function digests(machine: TestMachine, run: (machine: TestMachine, steps: number) => void) {
  return Array.from({ length: EPOCHS }, () => {
    run(machine, STEPS);
    const digest = machine.digest();
    machine.hart.startEpoch();
    return [...digest, machine.accesses.length];
  });
}

Deno.test("any code that edits its own page tables sees the same memory with caches warm and cold", () => {
  let retired = 0;
  let steps = 0;
  fc.assert(
    fc.property(cases, (one) => {
      const warm = machineOf(one);
      const expected = digests(warm, ({ hart }, left) => assertEquals(hart.run(left), left));
      const cold = digests(machineOf(one), ({ hart }, left) => {
        for (; left > 0; left--) {
          hart.run(1);
          hart.dropCaches();
        }
      });
      assertEquals(cold, expected);
      const sliced = digests(machineOf(one), ({ hart }, left) => {
        for (let n = 0; left > 0; n++) {
          left -= hart.run(Math.min(left, one.slices[n % one.slices.length]!));
          if (n % 3 === 0) hart.dropCaches();
        }
      });
      assertEquals(sliced, expected);
      retired += warm.hart.retired;
      steps += warm.hart.steps;
    }),
    { numRuns: 60 },
  );
  assert(retired > steps / 2, `${retired} of ${steps} steps have retired an instruction`);
});
