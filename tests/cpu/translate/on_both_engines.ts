/** A program on the interpreter and on the engine that translates at once. */
import { assert, assertEquals } from "@std/assert";
import { chooseEngine, DEFAULT_ENGINE, type EngineChoice } from "../../../lib/cpu/engine.ts";
import { TestMachine } from "../test_machine.ts";

const engines: readonly EngineChoice[] = [
  { ...DEFAULT_ENGINE, engine: "interpreter" },
  { ...DEFAULT_ENGINE, engine: "mixed", hotAt: 1 },
];

/** One machine on each engine, made ready by `prepare`. */
export function onBothEngines(
  prepare: (machine: TestMachine) => void,
  ramBytes?: number,
): readonly [expected: TestMachine, found: TestMachine] {
  const machines = engines.map((engine) => {
    chooseEngine(engine);
    try {
      const machine = new TestMachine(ramBytes);
      prepare(machine);
      machine.hart.startEpoch();
      return machine;
    } finally {
      chooseEngine(DEFAULT_ENGINE);
    }
  });
  return machines as unknown as [TestMachine, TestMachine];
}

/** Runs both in slices of so many steps, and compares them after each. */
export function compareSlices(
  [expected, found]: readonly [TestMachine, TestMachine],
  slices: readonly number[],
  what: string,
): void {
  for (const steps of slices) {
    assertEquals(found.hart.run(steps), expected.hart.run(steps), what);
    assertEquals(found.hart.save(), expected.hart.save(), what);
    assertEquals(found.digest(), expected.digest(), what);
    assertEquals(found.accesses, expected.accesses, what);
  }
}

/** How many modules are made while `act` runs. */
export function modulesMade(act: () => void): number {
  const { Module } = WebAssembly;
  let made = 0;
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      made++;
    }
  };
  try {
    act();
  } finally {
    WebAssembly.Module = Module;
  }
  return made;
}

/** Does something that must lead to translated code. */
export function translating(act: () => void): void {
  assert(modulesMade(act) > 0, "Nothing was translated");
}
