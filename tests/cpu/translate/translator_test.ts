/** When code is translated, and how much of it is kept. */
import { assert, assertEquals } from "@std/assert";
import { chooseEngine, DEFAULT_ENGINE, type EngineChoice } from "../../../lib/cpu/engine.ts";
import { encode } from "../assembly.ts";
import { RAM, TestMachine } from "../test_machine.ts";
import { modulesMade } from "./on_both_engines.ts";

/** Three times round a loop of two instructions. */
const loop = [
  encode("addi", { rd: 5, rs1: 0, imm: 3 }),
  encode("addi", { rd: 5, rs1: 5, imm: -1 }),
  encode("bne", { rs1: 5, rs2: 0, imm: -4 }),
];

/** A machine that is about to execute these instructions. */
function machineOn(engine: Partial<EngineChoice>, ...words: readonly number[]): TestMachine {
  chooseEngine(engine);
  try {
    const machine = new TestMachine();
    machine.load(RAM, ...words);
    machine.hart.reset(RAM, 0n, 0n);
    machine.hart.startEpoch();
    return machine;
  } finally {
    chooseEngine(DEFAULT_ENGINE);
  }
}

const backToStart = encode("jal", { imm: -4 * loop.length });

Deno.test("code is translated once it is hot, by the mixed engine only", () => {
  const run = (engine: Partial<EngineChoice>) => {
    const machine = machineOn(engine, ...loop, backToStart);
    return modulesMade(() => {
      for (let slice = 0; slice < 20; slice++) machine.hart.run(100);
    });
  };
  assertEquals(run({ engine: "interpreter" }), 0);
  assertEquals(run({ engine: "mixed", hotAt: 10_000 }), 0);
  const made = run({ engine: "mixed", hotAt: 50 });
  assert(made >= 1 && made <= 2, `${made}`);
});

Deno.test("code is translated while a debugger waits, and what it waits for is told of at every pass", () => {
  const DATA = RAM + 0x8000;
  const program = [
    encode("ld", { rd: 6, rs1: 2, imm: 8 }),
    encode("addi", { rd: 6, rs1: 6, imm: 1 }),
    encode("sd", { rs1: 2, rs2: 6, imm: 8 }),
    encode("sd", { rs1: 2, rs2: 6 }),
    encode("jal", { imm: -16 }),
  ];
  const PASSES = 2000;
  const armed = [
    { kind: "execute", address: BigInt(RAM + 4), length: 1 },
    { kind: "store", address: BigInt(DATA), length: 8 },
  ] as const;
  const found = [{ engine: "interpreter" }, { engine: "mixed", hotAt: 50 }] as const;
  const [interpreted, mixed] = found.map((engine) => {
    const machine = machineOn(engine, ...program);
    machine.set({ x2: DATA });
    const hits: string[] = [];
    machine.hart.arm(armed, ({ trigger, step }) => {
      hits.push(`${trigger.kind} ${step}`);
      return false;
    });
    const made = modulesMade(() => machine.hart.run(program.length * PASSES / 2));
    machine.hart.run(program.length * PASSES / 2);
    return { made, hits, digest: machine.digest() };
  });
  assert(mixed!.made >= 1);
  assertEquals(mixed!.hits.length, 2 * PASSES);
  assertEquals(mixed!.hits, interpreted!.hits);
  assertEquals(mixed!.digest, interpreted!.digest);
});

Deno.test("where the host has no room for code the guest is interpreted, and translated again later", () => {
  const [interpreted, mixed] = [{ engine: "interpreter" }, { engine: "mixed", hotAt: 50 }].map(
    (engine) => machineOn(engine as Partial<EngineChoice>, ...loop, backToStart),
  );
  const runBoth = () => {
    for (let slice = 0; slice < 20; slice++) {
      for (const machine of [interpreted!, mixed!]) machine.hart.run(1000);
      assertEquals(mixed!.digest(), interpreted!.digest());
    }
  };
  const { Instance } = WebAssembly;
  let refused = 0;
  const refusing = class {
    constructor() {
      refused++;
      throw new RangeError("WebAssembly.Instance(): Out of memory");
    }
  };
  WebAssembly.Instance = refusing as unknown as typeof Instance;
  try {
    runBoth();
  } finally {
    WebAssembly.Instance = Instance;
  }
  assert(refused > 0);
  assert(modulesMade(runBoth) > 0);
});

Deno.test("more hot code than is kept runs on, and right", () => {
  const LOOPS = 6000;
  const words = Array.from({ length: LOOPS }, () => loop).flat();
  const jump = [encode("auipc", { rd: 6, imm: -0x12000 }), encode("jalr", { rs1: 6 })];
  const whole = [...words, ...jump];
  // The way back is a whole number of pages.
  while ((whole.length - 2) * 4 !== 0x12000) whole.splice(words.length, 0, encode("addi"));
  const machines = [{ engine: "interpreter" }, { engine: "mixed", hotAt: 1 }] as const;
  const [expected, found] = machines.map((engine) => machineOn(engine, ...whole));
  for (let slice = 0; slice < 150; slice++) {
    for (const machine of [expected!, found!]) assertEquals(machine.hart.run(1777), 1777);
    assertEquals(found!.digest(), expected!.digest());
  }
});

Deno.test("code that rewrites itself all the time is given up, and stays right", () => {
  // Each time round stores the second instruction anew, which counts.
  const program = [
    encode("addi", { rd: 7, rs1: 7, imm: 1 }),
    encode("sw", { rs1: 8, rs2: 9 }),
    encode("jal", { imm: -8 }),
  ];
  const machine = machineOn({ engine: "mixed", hotAt: 2 }, ...program);
  machine.set({ x8: RAM + 8, x9: program[2]! });
  const made = modulesMade(() => {
    for (let slice = 0; slice < 1000; slice++) assertEquals(machine.hart.run(300), 300);
  });
  assertEquals(machine.x(7), 100_000n);
  assert(made < 40, `${made}`);
});

Deno.test("where more is hot than is kept, less and less is translated in vain", () => {
  const LOOPS = 300;
  const words = Array.from({ length: LOOPS }, () => loop).flat();
  const program = [...words, encode("jal", { imm: -4 * words.length })];
  const machine = machineOn({ engine: "mixed", hotAt: 5, mostRegions: 8 }, ...program);
  const madeInPasses = () =>
    modulesMade(() => {
      for (let pass = 0; pass < 60; pass++) machine.hart.run(7 * LOOPS);
    });
  const [first, , , , last] = Array.from({ length: 5 }, madeInPasses);
  assert(first! > 20, `${first}`);
  assert(last! < first! / 4, `${first} at first, ${last} at last`);
});

Deno.test("hot code that crosses from page to page does the same translated", () => {
  const PAGE = 4096;
  // A loop of compressed and other instructions, one of which lies across the end of a page.
  const body = [
    encode("addi", { rd: 6, rs1: 6, imm: 3 }),
    encode("xor", { rd: 7, rs1: 7, rs2: 6 }),
    encode("sd", { rs1: 8, rs2: 7 }),
    encode("ld", { rd: 9, rs1: 8 }),
  ];
  for (const before of [2, 6, 10, 14]) {
    const words = [...body, ...body, ...body];
    const program = [...words, encode("jal", { imm: -4 * words.length })];
    const start = RAM + PAGE - before;
    const [expected, found] = ([{ engine: "interpreter" }, { engine: "mixed", hotAt: 1 }] as const)
      .map((engine) => {
        const machine = machineOn(engine);
        machine.load(start, ...program);
        machine.set({ pc: start, x8: RAM + 8 * PAGE });
        return machine;
      });
    for (let slice = 1; slice < 60; slice++) {
      for (const machine of [expected!, found!]) assertEquals(machine.hart.run(slice), slice);
      assertEquals(found!.digest(), expected!.digest());
    }
  }
});
