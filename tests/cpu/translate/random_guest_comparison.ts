/** A random guest on the interpreter and on the engine that translates, which is disturbed in ways that must not matter. */
import { assertEquals } from "@std/assert";
import { chooseEngine, DEFAULT_ENGINE, type EngineChoice } from "../../../lib/cpu/engine.ts";
import type { Trigger } from "../../../lib/cpu/triggers.ts";
import { Seeded } from "../../epoch/seeded.ts";
import { RAM, TestMachine } from "../test_machine.ts";
import { loadRandomGuest } from "./random_guest.ts";
import { TIMER } from "./random_guest_layout.ts";

const EPOCHS = 12, MOST_STEPS = 8_000, MOST_HEAT = 50;
const KEPT_AT = 3, RESTORED_AT = 8;

function machineOn(engine: Partial<EngineChoice>, seed: number): TestMachine {
  chooseEngine(engine);
  try {
    const machine = new TestMachine(1 << 18);
    loadRandomGuest(machine, seed);
    return machine;
  } finally {
    chooseEngine(DEFAULT_ENGINE);
  }
}

/**
 * Runs the guest of a seed on both engines, in calls of different lengths, and compares them whenever they have done
 * the same number of steps.
 */
export function compareEngines(seed: number): void {
  const random = new Seeded(seed ^ 0x5eed);
  const interpreted = machineOn({ engine: "interpreter" }, seed);
  const translated = machineOn({ engine: "mixed", hotAt: random.upTo(MOST_HEAT) }, seed);
  const both = [interpreted, translated] as const;
  let kept: (() => void) | undefined;
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    let left = random.once(2) ? random.upTo(MOST_STEPS) : random.between(1, MOST_STEPS);
    while (left > 0) {
      const steps = interpreted.hart.run(Math.min(left, random.upTo(MOST_STEPS)));
      runInPieces(translated, steps, random);
      left = interpreted.hart.waiting ? 0 : left - steps;
      assertEquals(translated.hart.save(), interpreted.hart.save(), `Seed ${seed}`);
      if (random.once(2)) both.forEach(({ hart }) => hart.setInterrupt(TIMER, true));
      disturb(translated, random);
    }
    assertEquals(translated.digest(), interpreted.digest(), `Seed ${seed}`);
    assertEquals(translated.accesses, interpreted.accesses, `Seed ${seed}`);
    if (epoch === KEPT_AT) kept = keep(interpreted, both);
    if (epoch === RESTORED_AT) kept?.();
    both.forEach(({ hart }) => {
      hart.startEpoch();
      hart.wake();
    });
  }
}

function runInPieces({ hart }: TestMachine, steps: number, random: Seeded): void {
  while (steps > 0) {
    const done = hart.run(random.upTo(steps));
    if (done === 0) break;
    steps -= done;
  }
  assertEquals(steps, 0);
}

/** What nobody may notice. */
function disturb({ hart }: TestMachine, random: Seeded): void {
  switch (random.between(0, 20)) {
    case 0:
      return hart.dropCaches();
    case 1:
      return hart.restore(hart.save());
    case 2:
      return hart.arm(
        Array.from({ length: 4 }, (): Trigger => {
          const kind = (["load", "store", "execute"] as const)[random.between(0, 2)]!;
          const at = random.between(0x1_0000, 0x2_6000) & ~1;
          return {
            ...{ kind, address: BigInt(RAM + at), length: random.upTo(64) },
            memory: [{ address: RAM + at, length: 8 }],
          };
        }),
        () => false,
      );
    case 3:
      return hart.arm([], () => false);
  }
}

/** Keeps the state of one machine; the answer puts it into both. */
function keep({ hart, memory }: TestMachine, both: readonly TestMachine[]): () => void {
  const state = hart.save();
  const ram = memory.ram.slice();
  return () =>
    both.forEach((machine) => {
      machine.memory.write(RAM, ram);
      machine.hart.restore(state);
    });
}
