import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { sequences } from "../../lib/cpu/idioms.ts";
import { operations } from "../../lib/cpu/operations.ts";
import { instructionNamed } from "../../lib/isa/decoder.ts";
import { encode } from "./assembly.ts";
import { RAM, TestMachine } from "./test_machine.ts";

/** Registers that hold small numbers, and one that points into RAM. */
const POINTER = 8;
const register = fc.integer({ min: 5, max: 10 });
/** Immediates that keep loads, stores and branches inside RAM, misaligned ones among them. */
const small = fc.integer({ min: -8, max: 8 });

function instruction(name: string, seed: readonly number[]): number {
  const [rd, rs1, rs2, imm] = seed as [number, number, number, number];
  const { format } = instructionNamed(name);
  const relative = format === "B" || format === "J";
  const memory = /^[ls][bhwd]u?$/.test(name);
  return encode(name, {
    rd,
    rs1: memory ? POINTER : rs1,
    rs2,
    imm: relative ? 8 + 4 * (imm & 3) : format === "U" ? imm << 12 : imm,
  });
}

Deno.test("a sequence in one handler does what its instructions do one by one", () => {
  const operands = fc.tuple(register, register, register, small);
  const whole = new TestMachine(1 << 16);
  const single = new TestMachine(1 << 16);
  fc.assert(
    fc.property(
      fc.constantFrom(...sequences),
      fc.array(operands, { minLength: 2, maxLength: 2 }),
      fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 6, maxLength: 6 }),
      ({ names }, seeds, values) => {
        const words = names.map((name, index) => instruction(name, seeds[index]!));
        const machines = [whole, single].map((machine) => {
          machine.memory.clear();
          machine.load(RAM, ...words);
          machine.hart.reset(RAM, 0n, 0n);
          const registers = values.map((value, index) => [`x${5 + index}`, value] as const);
          machine.set({ ...Object.fromEntries(registers), x8: RAM + 0x7fc, mtvec: RAM + 0x400 });
          machine.hart.startEpoch();
          return machine;
        });
        const before = whole.hart.steps;
        for (const machine of machines) machine.set({ steps: before, trapsTaken: 0 });
        assertEquals(whole.hart.run(names.length), names.length);
        names.forEach(() => assertEquals(single.hart.run(1), 1));
        assertEquals(whole.digest(), single.digest(), names.join(" "));
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("every sequence has an operation in each size of its instructions", () => {
  const known = new Set(
    operations.map(({ parts, forwards }) =>
      [...parts.map(({ instruction }) => instruction.name), ...forwards].join(" ")
    ),
  );
  for (const { names, forwards } of sequences) {
    assert(known.has([...names, ...forwards].join(" ")), names.join(" "));
  }
  assertEquals(
    new Set(sequences.map((sequence) => JSON.stringify(sequence))).size,
    sequences.length,
  );
});

Deno.test("a step budget ends between the instructions of a sequence", () => {
  const machine = new TestMachine();
  machine.load(RAM, ...Array(64).fill(encode("addi", { rd: 5, rs1: 5, imm: 1 })));
  machine.hart.reset(RAM, 0n, 0n);
  for (const steps of [1, 2, 3, 5, 8, 13]) {
    const before = machine.x(5);
    assertEquals(machine.hart.run(steps), steps);
    assertEquals(machine.x(5), before + BigInt(steps));
  }
});

Deno.test("a store that changes the second instruction of its own sequence takes effect", () => {
  const machine = new TestMachine();
  machine.load(RAM, encode("sd", { rs1: 6, rs2: 7 }), encode("sd", { rs1: 8, rs2: 9 }));
  machine.hart.reset(RAM, 0n, 0n);
  machine.set({ x6: RAM + 8, x8: RAM + 0x100, x9: 7 });
  machine.hart.run(2);
  assertEquals(machine.word(RAM + 0x100), 7n);
  const addi = BigInt(encode("addi", { rd: 5, imm: 3 }));
  machine.set({ pc: RAM, x6: RAM + 4, x7: addi, x9: 8 });
  machine.hart.run(2);
  assertEquals([machine.x(5), machine.word(RAM + 0x100)], [3n, 7n]);
});
