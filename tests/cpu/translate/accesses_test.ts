/** Generated loops of accesses: over page ends, with faults, devices, changing page tables and modes. */
import fc from "fast-check";
import { encode } from "../assembly.ts";
import { DEVICE, OPEN_MEMORY, RAM, type TestMachine } from "../test_machine.ts";
import { compareSlices, onBothEngines, translating } from "./on_both_engines.ts";

const PAGE = 4096;
const HANDLER = RAM + PAGE;
const ROOT = RAM + 0x1_0000, MIDDLE = RAM + 0x1_1000, DATA_TABLE = RAM + 0x1_2000;
const RAM_TABLE = RAM + 0x1_3000, RAM_MIDDLE = RAM + 0x1_4000;
const DATA = RAM + 0x2_0000, DATA_PAGES = 8;
/** Where S-mode sees the data. */
const MAPPED = 0x4000_0000;
/** What lies at the same address for M-mode and for S-mode, in different pages. */
const STACK = RAM + 0x4_0000;
const SV39 = 8n << 60n;
const CSR = { mcause: 0x342, mepc: 0x341 } as const;
const IN_SUPERVISOR_MODE = 1n, FLOAT_ON = 0xa_0000_6000n;
const V = 1, R = 2, W = 4, X = 8, A = 64, D = 128;
const STEPS_BEFORE_TRANSLATION = 300;

const entry = (page: number, flags: number) => BigInt(page) / 4096n << 10n | BigInt(flags | V);
const table = (machine: TestMachine, at: number, entries: readonly (readonly [number, bigint])[]) =>
  entries.forEach(([index, value]) => machine.setWord(at + 8 * index, value));

const base = fc.integer({ min: 8, max: 11 });
const loads = ["lb", "lbu", "lh", "lhu", "lw", "lwu", "ld", "fld", "flw"];
const stores = ["sb", "sh", "sw", "sd", "fsd", "fsw"];
const atomics = ["lr.w", "lr.d", "sc.w", "sc.d", "amoadd.w", "amoxor.d", "amomax.w"];
const offset = fc.integer({ min: -3, max: 3 }).chain((n) => fc.constantFrom(8 * n, 8 * n, n));
const value = fc.integer({ min: 12, max: 15 });

const access = fc.oneof(
  fc.record({ name: fc.constantFrom(...loads), rd: value, rs1: base, imm: offset }),
  fc.record({ name: fc.constantFrom(...stores), rs2: value, rs1: base, imm: offset }),
  fc.record({ name: fc.constantFrom(...atomics), rd: value, rs2: value, rs1: base }),
  fc.record({ name: fc.constantFrom("ld", "lw"), rd: value, rs1: fc.constant(2), imm: offset }),
  fc.record({ name: fc.constantFrom("sd", "sw"), rs2: value, rs1: fc.constant(2), imm: offset }),
);
const step = fc.constantFrom(8, -8, 16, 24, 1, 520, -2048);
const increment = base.chain((rd) => step.map((imm) => ({ name: "addi", rd, rs1: rd, imm })));
const sum = fc.tuple(value, base).map(([rd, rs1]) => ({ name: "add", rd, rs1, rs2: rd }));
/** Changes the entry that maps a page of the data, in place. */
const remap = fc.constant({ name: "amoxor.d", rd: 0, rs1: 16, rs2: 17 });
const instruction = fc.oneof(
  { weight: 12, arbitrary: access },
  { weight: 3, arbitrary: increment },
  { weight: 1, arbitrary: sum },
  { weight: 1, arbitrary: remap },
);

const flags = fc.constantFrom(R | W, R | W | A | D, R | W | A | D, R | A, R, X | A, 0);
const start = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.nat(DATA_PAGES - 1).chain((page) =>
      fc.integer({ min: -24, max: 24 }).map((near) => MAPPED + page * PAGE + near)
    ),
  },
  { weight: 1, arbitrary: fc.constant(DEVICE) },
);

const scenario = fc.record({
  body: fc.array(instruction, { minLength: 3, maxLength: 24 }),
  pages: fc.array(flags, { minLength: DATA_PAGES, maxLength: DATA_PAGES }),
  bases: fc.array(start, { minLength: 4, maxLength: 4 }),
  remapped: fc.nat(DATA_PAGES - 1),
  remapping: fc.constantFrom(W, V, R | W, 1 << 10),
  slices: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 4, maxLength: 8 }),
});

/** Skips the instruction that trapped, and uses the stack meanwhile. */
const handler = [
  encode("csrrs", { rd: 30, csr: CSR.mepc }),
  encode("addi", { rd: 30, rs1: 30, imm: 4 }),
  encode("csrrw", { rs1: 30, csr: CSR.mepc }),
  encode("csrrs", { rd: 29, csr: CSR.mcause }),
  encode("ld", { rd: 28, rs1: 2 }),
  encode("add", { rd: 28, rs1: 28, rs2: 29 }),
  encode("sd", { rs1: 2, rs2: 28 }),
  encode("mret"),
];

Deno.test("translated accesses do what interpreted ones do, whatever they meet", () => {
  translating(() => {
    fc.assert(
      fc.property(scenario, ({ body, pages, bases, remapped, remapping, slices }) => {
        const words = body.map(({ name, ...operands }) => encode(name, operands));
        const loop = [
          ...words,
          encode("addi", { rd: 5, rs1: 5, imm: -1 }),
          encode("bne", { rs1: 5, imm: -4 * (words.length + 1) }),
          encode("jal"),
        ];
        const machines = onBothEngines((machine) => {
          machine.load(RAM, ...loop);
          machine.load(HANDLER, ...handler);
          table(machine, ROOT, [
            [0, entry(0, R | W | A | D)],
            [1, entry(MIDDLE, 0)],
            [2, entry(RAM_MIDDLE, 0)],
          ]);
          table(machine, MIDDLE, [[0, entry(DATA_TABLE, 0)]]);
          table(machine, RAM_MIDDLE, [[0, entry(RAM_TABLE, 0)]]);
          // Neighbours are not neighbours in RAM.
          const place = (page: number) => DATA + (page * 3 % DATA_PAGES) * PAGE;
          table(machine, DATA_TABLE, pages.map((flags, page) => [page, entry(place(page), flags)]));
          const all = R | W | X | A | D;
          table(
            machine,
            RAM_TABLE,
            Array.from({ length: 0x80 }, (_, page) => [page, entry(RAM + page * PAGE, all)]),
          );
          table(machine, RAM_TABLE, [[0x40, entry(STACK + PAGE, all)]]);
          machine.hart.reset(RAM, 0n, 0n);
          machine.set({
            ...OPEN_MEMORY,
            privilege: IN_SUPERVISOR_MODE,
            mstatus: FLOAT_ON,
            satp: SV39 | BigInt(ROOT) >> 12n,
            mtvec: HANDLER,
            x2: STACK,
            x5: 1000,
            ...Object.fromEntries(bases.map((base, index) => [`x${8 + index}`, base])),
            x13: 0x1234_5678_9abc_def0n,
            x15: 8,
            x16: DATA_TABLE + 8 * remapped,
            x17: remapping,
          });
        }, 1 << 19);
        compareSlices(machines, [STEPS_BEFORE_TRANSLATION, ...slices], JSON.stringify(body));
      }),
      { numRuns: 150, endOnFailure: true },
    );
  });
});
