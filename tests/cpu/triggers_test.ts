/** Triggers stop the hart at the exact step, and change nothing that the guest could notice. */
import { assertEquals } from "@std/assert";
import type { Trigger, TriggerKind } from "../../lib/cpu/triggers.ts";
import { encode } from "./assembly.ts";
import { DEVICE, RAM, TestMachine } from "./test_machine.ts";

const addOne = encode("addi", { rd: 1, rs1: 1, imm: 1 });
const compressedAddOne = 0x0085;
const DATA = RAM + 0x8000;

function machineAt(address: number, ...words: readonly number[]): TestMachine {
  const machine = new TestMachine();
  machine.load(address, ...words);
  machine.hart.reset(address, 0n, 0n);
  machine.set({ x2: DATA });
  machine.hart.startEpoch();
  return machine;
}

function trigger(kind: TriggerKind, address: number, length = 1): Trigger {
  return { kind, address: BigInt(address), length };
}

/** Runs to `steps`, stopping wherever a trigger is pulled; answers steps done and pc of each stop. */
function stops(machine: TestMachine, triggers: readonly Trigger[], steps: number): number[][] {
  let from = -1;
  const places: number[][] = [];
  machine.hart.arm(triggers, ({ trigger, step }) => trigger.kind !== "execute" || step !== from);
  while (machine.hart.steps < steps) {
    from = machine.hart.steps;
    machine.hart.run(steps - from);
    if (machine.hart.triggered) places.push([machine.hart.steps, Number(machine.field("pc"))]);
  }
  return places;
}

/** The same program without triggers must come to the same end. */
function assertUnaltered(machine: TestMachine, address: number, ...words: readonly number[]): void {
  const plain = machineAt(address, ...words);
  plain.hart.run(machine.hart.steps);
  assertEquals(machine.digest(), plain.digest());
}

Deno.test("an armed instruction stops the hart before it, each time round", () => {
  const words = [addOne, addOne, encode("jal", { imm: -8 })];
  const machine = machineAt(RAM, ...words);
  assertEquals(stops(machine, [trigger("execute", RAM + 4)], 10), [
    [1, RAM + 4],
    [4, RAM + 4],
    [7, RAM + 4],
  ]);
  assertUnaltered(machine, RAM, ...words);
});

Deno.test("instructions are armed in the middle of sequences, at page ends, and where code was decoded", () => {
  const start = RAM + 0x1000 - 6;
  const words = [addOne, addOne, addOne, encode("jal", { imm: -12 })];
  const machine = machineAt(start, ...words);
  machine.hart.run(8);
  const armed = [start + 4, start + 8].map((address) => trigger("execute", address));
  assertEquals(stops(machine, armed, 12), [[9, start + 4], [10, start + 8]]);
  assertEquals(stops(machine, [], 20), []);
  assertUnaltered(machine, start, ...words);
});

Deno.test("an armed compressed instruction executes as itself", () => {
  const words = [compressedAddOne | compressedAddOne << 16, encode("jal", { imm: -4 })];
  const machine = machineAt(RAM, ...words);
  assertEquals(stops(machine, [trigger("execute", RAM + 2)], 6), [[1, RAM + 2], [4, RAM + 2]]);
  assertUnaltered(machine, RAM, ...words);
});

Deno.test("a listener that goes on hears of every pass, and the hart does not stop", () => {
  const machine = machineAt(RAM, addOne, encode("jal", { imm: -4 }));
  const steps: number[] = [];
  machine.hart.arm([trigger("execute", RAM)], ({ step }) => {
    steps.push(step);
    return false;
  });
  assertEquals(machine.hart.run(7), 7);
  assertEquals([steps, machine.hart.triggered], [[0, 2, 4, 6], false]);
});

Deno.test("loads and stores stop the hart after them, by kind and by every byte they touch", () => {
  const words = [
    encode("sd", { rs1: 2, rs2: 1, imm: 0 }),
    encode("lw", { rd: 3, rs1: 2, imm: 4 }),
    encode("lb", { rd: 3, rs1: 2, imm: 8 }),
    encode("amoadd.w", { rd: 3, rs1: 2, rs2: 1 }),
    encode("jal", { imm: -16 }),
  ];
  const stepsOf = (kind: TriggerKind, address: number, length = 1) => {
    const machine = machineAt(RAM, ...words);
    const found = stops(machine, [trigger(kind, address, length)], 5).map(([step]) => step);
    assertUnaltered(machine, RAM, ...words);
    return found;
  };
  assertEquals(stepsOf("store", DATA), [1, 4]);
  assertEquals(stepsOf("load", DATA), [4]);
  assertEquals(stepsOf("load", DATA + 7), [2]);
  assertEquals(stepsOf("access", DATA + 7), [1, 2]);
  assertEquals(stepsOf("access", DATA + 4, 8), [1, 2, 3]);
  assertEquals(stepsOf("access", DATA + 9, 100), []);
});

Deno.test("misaligned accesses, LR and SC, and devices are watched", () => {
  const words = [
    encode("sd", { rs1: 4, rs2: 1, imm: -3 }),
    encode("lr.w", { rd: 3, rs1: 2 }),
    encode("sc.w", { rd: 3, rs1: 2, rs2: 1 }),
    encode("sc.w", { rd: 3, rs1: 2, rs2: 1 }),
    encode("lw", { rd: 3, rs1: 5, imm: 0 }),
  ];
  const stepsOf = (kind: TriggerKind, address: number) => {
    const machine = machineAt(RAM, ...words);
    machine.set({ x4: DATA + 0x1000, x5: DEVICE });
    return stops(machine, [trigger(kind, address)], 5).map(([step]) => step);
  };
  assertEquals(stepsOf("store", DATA + 0x1000 - 3), [1]);
  assertEquals(stepsOf("store", DATA + 0x1000 + 4), [1]);
  assertEquals(stepsOf("access", DATA), [2, 3]);
  assertEquals(stepsOf("load", DEVICE), [5]);
});

Deno.test("a page that was in the TLB is watched from then on, and any more when disarmed", () => {
  const words = [encode("ld", { rd: 3, rs1: 2, imm: 0 }), encode("jal", { imm: -4 })];
  const machine = machineAt(RAM, ...words);
  machine.hart.run(10);
  assertEquals(stops(machine, [trigger("load", DATA)], 14).length, 2);
  assertEquals(stops(machine, [], 20).length, 0);
  assertUnaltered(machine, RAM, ...words);
});

Deno.test("armed code that the guest rewrites stays armed, and executes what it has become", () => {
  const addTwo = encode("addi", { rd: 1, rs1: 1, imm: 2 });
  const words = [
    encode("sw", { rs1: 4, rs2: 3, imm: 12 }),
    encode("xor", { rd: 3, rs1: 3, rs2: 5 }),
    addOne,
    addOne,
    encode("jal", { imm: -16 }),
  ];
  const start = (): TestMachine => {
    const machine = machineAt(RAM, ...words);
    machine.set({ x3: addTwo, x4: RAM, x5: addOne ^ addTwo });
    return machine;
  };
  for (const armed of [[RAM + 12], [RAM + 8, RAM + 12], [RAM + 14, RAM + 12], [RAM + 10]]) {
    const machine = start();
    const places = stops(machine, armed.map((address) => trigger("execute", address)), 23);
    const passes = [0, 5, 10, 15, 20];
    const expected = armed.filter((address) => address % 4 === 0).map((at) => (at - RAM) / 4);
    assertEquals(
      places,
      passes.flatMap((pass) => expected.map((index) => [pass + index, RAM + 4 * index]))
        .filter(([step]) => step! < 23),
    );
    const plain = start();
    plain.hart.run(machine.hart.steps);
    assertEquals(machine.digest(), plain.digest());
  }
});
