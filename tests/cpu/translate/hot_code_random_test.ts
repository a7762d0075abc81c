/**
 * Random hot code in pages that are remapped, rewritten by stores and by DMA, fenced and interrupted meanwhile, also
 * code that crosses from one page to the next: the engine that translates is in the same state as the interpreter,
 * however early it translates, however little it keeps, and wherever a call of it ends (design invariants 2 and 9).
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { chooseEngine, DEFAULT_ENGINE, type EngineChoice } from "../../../lib/cpu/engine.ts";
import { encode, program } from "../assembly.ts";
import { DEVICE, OPEN_MEMORY, RAM, TestMachine } from "../test_machine.ts";

const PAGE = 4096;
/** Pages of code, of which each may be mapped at each of the virtual ones. */
const CODE_PAGES = 6;
const VIRTUAL = 0x4000_0000, VIRTUAL_PAGES = 4;
/** Code at the end of each page goes on in the next one, in the middle of an instruction. */
const TAIL = 0xf82, TAIL_WORDS = 31, HEAD = 2, HEAD_WORDS = 60;
const HANDLER = RAM + 0x8000, SUPERVISOR_HANDLER = RAM + 0x9000;
const ROOTS = [RAM + 0x1_0000, RAM + 0x1_3000] as const;
const MIDDLES = [RAM + 0x1_1000, RAM + 0x1_4000] as const;
const LEAVES = [RAM + 0x1_2000, RAM + 0x1_5000] as const;
const DATA = RAM + 0x2_0000;
const FLAG = { V: 1, R: 2, W: 4, X: 8, A: 64, D: 128 } as const;
const ALL = FLAG.V | FLAG.R | FLAG.W | FLAG.X | FLAG.A | FLAG.D;
const CSR = { sstatus: 0x100, mepc: 0x341, mcause: 0x342, satp: 0x180 } as const;
const SIE = 2, SUM = 1 << 18;
const EXTERNAL = 9;
const EPOCHS = 3, STEPS = 3_000;

/** Registers: results first, then what points somewhere. */
const RESULTS = { min: 5, max: 12 } as const;
const R = {
  data: 13,
  leaf: 14,
  code: 15,
  codeTail: 16,
  satp: 17,
  device: 19,
  targets: 20,
} as const;
const ENTRIES = 24, WORDS = 28, SUM_BIT = 31, LINK = 1;
/** What branches go by changes all the time (D. Knuth's MMIX generator), so that no loop goes on for ever. */
const CHANCE = 4, MULTIPLIER = 30;
const MULTIPLICATOR = 6364136223846793005n;

const entryOf = (address: number, flags: number) => BigInt(address / PAGE) << 10n | BigInt(flags);
const satpOf = (root: number) => 8n << 60n | BigInt(root / PAGE);
const codePage = (n: number) => RAM + n * PAGE;

const arrayOf = <Value>(count: number, of: fc.Arbitrary<Value>) =>
  fc.array(of, { minLength: count, maxLength: count });
const result = fc.integer(RESULTS);
const upTo = (max: number) => fc.integer({ min: 0, max });
const ahead = fc.integer({ min: 2, max: 9 }).map((words) => 4 * words);
const back = fc.integer({ min: -12, max: -2 }).map((words) => 4 * words);

const arithmetic = fc.tuple(
  fc.constantFrom("add", "sub", "xor", "addw", "mul", "sltu", "sllw"),
  ...[result, result, result] as const,
).map(([name, rd, rs1, rs2]) => encode(name, { rd, rs1, rs2 }));
const counting = fc.tuple(result, fc.integer({ min: -3, max: 3 })).map(([rd, imm]) =>
  encode("addi", { rd, rs1: rd, imm })
);
const access = fc.tuple(
  fc.constantFrom("ld", "lbu", "lw", "sd", "sb", "sw", "amoadd.w", "lr.d", "sc.d"),
  ...[result, upTo(20)] as const,
).map(([name, register, imm]) => {
  const isAtomic = /^(amo|lr|sc)/.test(name);
  return encode(name, {
    rd: register,
    rs1: R.data,
    rs2: name === "lr.d" ? 0 : register,
    imm: isAtomic ? 0 : imm,
  });
});
const branch = fc.tuple(
  fc.constantFrom("beq", "bne", "blt", "bgeu"),
  ...[result, fc.oneof(result, fc.constant(0)), ahead] as const,
).map(([name, rs1, rs2, imm]) => encode(name, { rs1, rs2, imm }));
const loop = fc.tuple(
  fc.constantFrom("blt", "bge"),
  ...[fc.oneof(back, back, ahead), fc.integer({ min: 1, max: 2047 })] as const,
).map(([name, imm, addend]) => [
  encode("mul", { rd: CHANCE, rs1: CHANCE, rs2: MULTIPLIER }),
  encode("addi", { rd: CHANCE, rs1: CHANCE, imm: addend }),
  encode(name, { rs1: CHANCE, rs2: 0, imm }),
]);
const jump = fc.oneof(
  fc.tuple(fc.constantFrom(0, LINK), ahead).map(([rd, imm]) => encode("jal", { rd, imm })),
  fc.tuple(fc.constantFrom(0, LINK), upTo(VIRTUAL_PAGES - 1)).map(([rd, n]) =>
    encode("jalr", { rd, rs1: R.targets + n })
  ),
  // A way back that is one forth as well: a mere return would come back to the same place for ever.
  fc.constant(encode("jalr", { rd: LINK, rs1: LINK })),
);
/** What makes code or its place another one. */
const change = fc.oneof(
  fc.tuple(upTo(VIRTUAL_PAGES - 1), upTo(3)).map(([page, n]) =>
    encode("sd", { rs1: R.leaf, rs2: ENTRIES + n, imm: 8 * page })
  ),
  fc.tuple(fc.constantFrom(R.code, R.codeTail), upTo(1), upTo(20)).map(([rs1, n, at]) =>
    encode("sw", { rs1, rs2: WORDS + n, imm: 4 * at })
  ),
  fc.constantFrom(0, 1).map((n) => encode("csrrw", { csr: CSR.satp, rs1: R.satp + n })),
  fc.constantFrom(
    encode("lw", { rd: 5, rs1: R.device }),
    encode("lw", { rd: 6, rs1: R.device }),
    encode("sw", { rs1: R.device, rs2: 5 }),
  ),
);
const privileged = fc.oneof(
  fc.constant(encode("fence.i")),
  fc.constant(encode("sfence.vma")),
  fc.constantFrom("csrrsi", "csrrci").map((name) =>
    encode(name, { rd: 5, csr: CSR.sstatus, imm: SIE })
  ),
  fc.constantFrom("csrrs", "csrrc").map((name) =>
    encode(name, { rd: 6, csr: CSR.sstatus, rs1: SUM_BIT })
  ),
  fc.constant(encode("ebreak")),
);
const one = (arbitrary: fc.Arbitrary<number>) => arbitrary.map((word) => [word]);
const piece = fc.oneof(
  { weight: 20, arbitrary: one(arithmetic) },
  { weight: 6, arbitrary: one(counting) },
  { weight: 10, arbitrary: one(access) },
  { weight: 6, arbitrary: one(branch) },
  { weight: 8, arbitrary: loop },
  { weight: 2, arbitrary: one(jump) },
  { weight: 5, arbitrary: one(change) },
  { weight: 2, arbitrary: one(privileged) },
);
const code = (words: number) =>
  arrayOf(words, piece).map((pieces) => pieces.flat().slice(0, words));
const straight = fc.oneof(arithmetic, counting, access);

const page = fc.record({
  head: code(HEAD_WORDS),
  tail: code(TAIL_WORDS),
  /** Where the head ends up. */
  next: fc.tuple(fc.constantFrom(0, LINK), upTo(VIRTUAL_PAGES - 1)),
  /** The instruction across the end of the page, whose upper half is the next page's. */
  across: fc.tuple(result, result, fc.integer({ min: -8, max: 8 })),
});
const cases = fc.record({
  pages: arrayOf(CODE_PAGES, page),
  /** What is mapped at first. */
  mapping: arrayOf(2 * VIRTUAL_PAGES, upTo(CODE_PAGES - 1)),
  entries: arrayOf(
    4,
    fc.tuple(upTo(CODE_PAGES - 1), fc.constantFrom(ALL, ALL, ALL, ALL & ~FLAG.X, 0)),
  ),
  words: arrayOf(2, straight),
  values: arrayOf(8, fc.integer({ min: -5, max: 40 })),
  slices: arrayOf(12, fc.integer({ min: 1, max: 400 })),
  hotAt: fc.integer({ min: 1, max: 12 }),
  mostRegions: fc.constantFrom(1, 2, 5, 4096),
});
type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never;

/** After a fetch that went wrong goes to the first page, which is mapped again, else on behind the instruction. */
const HANDLING = [
  encode("csrrs", { rd: 2, csr: CSR.mcause }),
  encode("addi", { rd: 3, imm: 12 }),
  encode("beq", { rs1: 2, rs2: 3, imm: 24 }),
  encode("addi", { rd: 3, imm: 2 }),
  encode("beq", { rs1: 2, rs2: 3, imm: 16 }),
  encode("csrrs", { rd: 2, csr: CSR.mepc }),
  encode("addi", { rd: 2, rs1: 2, imm: 4 }),
  encode("jal", { imm: 16 }),
  encode("sd", { rs1: R.leaf, rs2: ENTRIES }),
  encode("csrrw", { csr: CSR.satp, rs1: R.satp }),
  encode("addi", { rd: 2, rs1: R.targets }),
  encode("csrrw", { csr: CSR.mepc, rs1: 2 }),
  encode("mret"),
];
const INTERRUPTED = [encode("sw", { rs1: R.device, rs2: 0 }), encode("sret")];

function machineOf({ pages, mapping, entries, words, values }: Case): TestMachine {
  const machine = new TestMachine();
  pages.forEach(({ head, tail, next, across }, n) => {
    const [rd, rs1, imm] = across;
    const crossing = program(encode("addi", { rd, rs1, imm }));
    const target = encode("jalr", { rd: next[0], rs1: R.targets + next[1] });
    machine.memory.write(codePage(n) + TAIL, program(...tail));
    machine.memory.write(codePage(n) + PAGE - 2, crossing.subarray(0, 2));
    machine.memory.write(codePage(n), crossing.subarray(2));
    machine.memory.write(codePage(n) + HEAD, program(...head, target));
  });
  machine.load(HANDLER, ...HANDLING);
  machine.load(SUPERVISOR_HANDLER, ...INTERRUPTED);
  machine.hart.reset(RAM, 0n, 0n);
  ROOTS.forEach((root, n) => {
    machine.setWord(root, entryOf(0, ALL));
    machine.setWord(root + 8, entryOf(MIDDLES[n]!, FLAG.V));
    machine.setWord(root + 16, entryOf(RAM, ALL));
    machine.setWord(MIDDLES[n]!, entryOf(LEAVES[n]!, FLAG.V));
    for (let at = 0; at < VIRTUAL_PAGES; at++) {
      machine.setWord(LEAVES[n]! + 8 * at, entryOf(codePage(mapping[4 * n + at]!), ALL));
    }
  });
  machine.onAccess = ({ value, steps }) => {
    if (value !== undefined) machine.hart.setInterrupt(EXTERNAL, false);
    else if (steps % 5 === 0) machine.hart.setInterrupt(EXTERNAL, true);
    else if (steps % 5 === 1) machine.hart.requestStop();
    else if (steps % 5 === 2) {
      // A device writes into code: from the middle of one page to the middle of the next.
      const at = codePage(steps % (CODE_PAGES - 1)) + TAIL + 4 * (steps % 16);
      machine.memory.write(at, program(...words, ...words));
    } else if (steps % 5 === 3) {
      const mapped = entryOf(codePage(steps % CODE_PAGES), ALL);
      machine.setWord(LEAVES[steps & 1]! + 8 * (steps % VIRTUAL_PAGES), mapped);
    }
  };
  const registers = [
    ...values.map((value, n) => [`x${RESULTS.min + n}`, BigInt.asUintN(64, BigInt(value))]),
    ...entries.map(([n, flags], at) => [
      `x${ENTRIES + at}`,
      at === 0 ? entryOf(codePage(n), ALL) : entryOf(codePage(n), flags),
    ]),
    ...words.map((word, n) => [`x${WORDS + n}`, word]),
    ...ROOTS.map((root, n) => [`x${R.satp + n}`, satpOf(root)]),
    ...Array.from(
      { length: VIRTUAL_PAGES },
      (_, n) => [`x${R.targets + n}`, VIRTUAL + n * PAGE + TAIL],
    ),
  ];
  machine.set({
    ...OPEN_MEMORY,
    ...{ privilege: 1, pc: VIRTUAL + TAIL, satp: satpOf(ROOTS[0]) },
    ...{ mtvec: HANDLER, stvec: SUPERVISOR_HANDLER, mideleg: 1 << EXTERNAL, mie: 1 << EXTERNAL },
    ...{ [`x${CHANCE}`]: 1, [`x${MULTIPLIER}`]: MULTIPLICATOR },
    ...{ [`x${LINK}`]: VIRTUAL + PAGE + HEAD, [`x${SUM_BIT}`]: SUM },
    ...{ [`x${R.data}`]: DATA, [`x${R.leaf}`]: LEAVES[0], [`x${R.device}`]: DEVICE },
    ...{ [`x${R.code}`]: codePage(1) + HEAD, [`x${R.codeTail}`]: codePage(0) + TAIL },
    ...Object.fromEntries(registers),
  });
  machine.hart.startEpoch();
  return machine;
}

/** The digests at the ends of epochs on an engine that is called for these numbers of steps in turn. */
function digestsOn(engine: EngineChoice, one: Case, slices: readonly number[], drops: boolean) {
  chooseEngine(engine);
  try {
    const machine = machineOf(one);
    const { hart } = machine;
    let calls = 0;
    const digests = Array.from({ length: EPOCHS }, () => {
      for (let left = STEPS; left > 0; calls++) {
        left -= hart.run(Math.min(left, slices[calls % slices.length]!));
        if (drops && calls % 7 === 0) hart.dropCaches();
      }
      const digest = machine.digest();
      hart.startEpoch();
      return [...digest, machine.accesses.length];
    });
    return { digests, retired: hart.retired, steps: hart.steps };
  } finally {
    chooseEngine(DEFAULT_ENGINE);
  }
}

Deno.test("hot code that is remapped, rewritten, fenced and interrupted does the same translated", () => {
  let retired = 0;
  let steps = 0;
  fc.assert(
    fc.property(cases, (one) => {
      const interpreted = digestsOn(
        { ...DEFAULT_ENGINE, engine: "interpreter" },
        one,
        [STEPS],
        false,
      );
      const { hotAt, mostRegions, slices } = one;
      for (const drops of [false, true]) {
        const engine: EngineChoice = { engine: "mixed", hotAt: drops ? 1 : hotAt, mostRegions };
        assertEquals(digestsOn(engine, one, slices, drops).digests, interpreted.digests);
      }
      retired += interpreted.retired;
      steps += interpreted.steps;
    }),
    { numRuns: 60 },
  );
  assert(retired > steps / 2, `${retired} of ${steps} steps have retired an instruction`);
});
