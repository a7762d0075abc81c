/** Engines are told apart by nothing but the clock (design invariant 2): each records what the other replays. */
import { assert, assertEquals } from "@std/assert";
import { chooseEngine, DEFAULT_ENGINE, type EngineChoice } from "../../lib/cpu/engine.ts";
import { Seeded } from "../epoch/seeded.ts";
import { freshOptions, type GuestCase, guestCases } from "./guest_cases.ts";
import { play } from "./playing.ts";
import { recordGuest, type Recording } from "./recording.ts";
import { assertSameMachine } from "./same_machine.ts";

/** A digest of all RAM every few epochs. */
const policy = { ramDigestSteps: 200_000 };
const interpreter: EngineChoice = { ...DEFAULT_ENGINE, engine: "interpreter" };
const mixed = (hotAt: number): EngineChoice => ({ engine: "mixed", hotAt });

async function on<Value>(engine: EngineChoice, act: () => Promise<Value>): Promise<Value> {
  chooseEngine(engine);
  try {
    return await act();
  } finally {
    chooseEngine(DEFAULT_ENGINE);
  }
}

function record(which: GuestCase, dropCachesOnceIn?: number): Promise<Recording> {
  return recordGuest(
    which.guest,
    freshOptions(which, {
      policy,
      seed: 5,
      epochSteps: (random) => random.upTo(which.guest === "trap-loop" ? 20_000 : 400_000),
      ...(dropCachesOnceIn === undefined ? {} : { dropCachesOnceIn }),
    }),
  );
}

for (const [name, which] of Object.entries(guestCases)) {
  Deno.test(`${name} gives the same log to the byte on every engine, however early it translates`, async () => {
    const random = new Seeded(name.length);
    const expected = await on(interpreter, () => record(which));
    for (const hotAt of [1, random.upTo(50), random.upTo(1000)]) {
      const found = await on(mixed(hotAt), () => record(which, hotAt === 1 ? undefined : 3));
      assertEquals(found.live.figures, expected.live.figures);
      assertEquals(found.log.length, expected.log.length);
      assert(found.log.every((byte, at) => byte === expected.log[at]), "The logs differ");
    }
    for (const engine of [interpreter, mixed(1 + random.upTo(20))]) {
      const played = await on(
        engine,
        () =>
          play(expected.log, { random: new Seeded(3), sliceSteps: 60_000, dropCachesOnceIn: 5 }),
      );
      assertSameMachine(played.machine, expected.machine, `at the end, on ${engine.engine}`);
    }
  });
}
