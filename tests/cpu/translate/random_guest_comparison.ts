/** A random guest on the interpreter and on the engine that translates, which is disturbed in ways that must not matter. */
import { assertEquals } from "@std/assert";
import { chooseEngine, DEFAULT_ENGINE, type EngineChoice } from "../../../lib/cpu/engine.ts";
import type { Trigger } from "../../../lib/cpu/triggers.ts";
import { Seeded } from "../../epoch/seeded.ts";
import { RAM, TestMachine } from "../test_machine.ts";
import { loadRandomGuest } from "./random_guest.ts";
import { DATA, DATA_PAGES, entry, FUNCTION_COUNT, PAGE, TIMER } from "./random_guest_layout.ts";

const EPOCHS = 12, MOST_STEPS = 8_000, MOST_HEAT = 50;
const WATCHED_BYTES = 1_000;
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
  const mostRegions = random.once(2) ? random.upTo(40) : 640;
  const translated = machineOn(
    { engine: "mixed", hotAt: random.upTo(MOST_HEAT), mostRegions },
    seed,
  );
  const both = [interpreted, translated] as const;
  const hits = [new Set<string>(), new Set<string>()] as const;
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
      if (random.once(4)) watch(both, random, hits);
    }
    assertEquals(translated.digest(), interpreted.digest(), `Seed ${seed}`);
    assertEquals(translated.accesses, interpreted.accesses, `Seed ${seed}`);
    assertEquals(hits[1], hits[0], `Seed ${seed}`);
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
  switch (random.between(0, 10)) {
    case 0:
      return hart.dropCaches();
    case 1:
      return hart.restore(hart.save());
  }
}

/** Lets both wait for the same, or for nothing more, and stop at some of it. A call tells anew of where it begins. */
function watch(machines: readonly TestMachine[], random: Seeded, hits: readonly Set<string>[]) {
  const triggers = Array.from({ length: random.between(0, 4) }, (): Trigger => {
    const kind = (["load", "store", "access", "execute"] as const)[random.between(0, 3)]!;
    const length = random.upTo(WATCHED_BYTES);
    const isCode = kind === "execute" || random.once(8);
    const at = isCode
      ? entry(random.between(0, FUNCTION_COUNT - 1)) + 2 * random.upTo(100)
      : DATA + random.between(0, DATA_PAGES - 1) * PAGE + random.between(-64, 64);
    return {
      ...{ kind, address: BigInt(at), length },
      memory: kind === "execute" ? [] : [{ address: at, length }],
    };
  });
  machines.forEach(({ hart }, n) =>
    hart.arm(triggers, ({ trigger: { kind }, step, by, accessed, byAddress, inMemory }) => {
      hits[n]!.add(`${kind} ${step} ${by} ${accessed} ${byAddress} ${inMemory}`);
      return kind !== "execute" && by === "hart" && step % 4 === 0;
    })
  );
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
