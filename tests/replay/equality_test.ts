/** Record → replay equality for every guest (design invariants 2 and 8). */
import { assert, assertEquals } from "@std/assert";
import { replay } from "../../lib/replica/replaying.ts";
import { Seeded } from "../epoch/seeded.ts";
import { checkGuest, freshOptions, type GuestCase, guestCases } from "./guest_cases.ts";
import { play, streamOf } from "./playing.ts";
import { recordGuest, type Recording, type RecordingOptions } from "./recording.ts";
import { assertSameMachine } from "./same_machine.ts";

/** Steps in an epoch at most; those of trap-loop cost a hundred times as much as others. */
const lengths: Readonly<Record<string, (guest: string) => RecordingOptions>> = {
  "of 1,000 steps": () => ({ epochSteps: 1000 }),
  "of 50,000 steps": (guest) => ({ epochSteps: guest === "trap-loop" ? 5000 : 50_000 }),
  "of 1,000,000 steps": (guest) =>
    guest === "trap-loop"
      ? { epochSteps: 1_000_000, stopAfterEpochs: 2 }
      : { epochSteps: 1_000_000 },
  "of random lengths": (guest) => ({
    epochSteps: (random) => random.upTo(guest === "trap-loop" ? 20_000 : 400_000),
    seed: 11,
  }),
};

/** Full digests often enough that a wrong byte anywhere is found near the place. */
const policy = { ramDigestSteps: 200_000 };

async function record(which: GuestCase, more: RecordingOptions): Promise<Recording> {
  const recording = await recordGuest(which.guest, freshOptions(which, { policy, ...more }));
  checkGuest(which, recording);
  return recording;
}

async function assertReplaysEqual(recording: Recording, random: Seeded): Promise<void> {
  const parts: Uint8Array[] = [];
  let position = 0;
  const summary = await replay(streamOf(recording.log, random), {
    console(bytes, at) {
      assertEquals(at, position);
      position += bytes.length;
      parts.push(bytes);
    },
  });
  assertEquals(
    new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()),
    recording.console,
  );
  assertEquals(summary.end, recording.end);
  assertEquals(summary.ending.kind, "clean");
  assertEquals(summary.epochs, recording.live.figures.epoch);
  assertEquals(summary.steps, recording.machine.steps);
  assert(summary.digests > summary.epochs);
}

Deno.test("every built guest is among the cases", async () => {
  const built = [];
  for await (const { name } of Deno.readDir(new URL("../../fixtures/", import.meta.url))) {
    if (name.endsWith(".elf")) built.push(name.slice(0, -4));
  }
  const tested = new Set(Object.values(guestCases).map(({ guest }) => guest));
  assertEquals([...tested].toSorted(), built.toSorted());
});

for (const [name, which] of Object.entries(guestCases)) {
  for (const [length, optionsFor] of Object.entries(lengths)) {
    Deno.test(`${name} in epochs ${length} replays equal, whatever slices and chunks`, async () => {
      const recording = await record(which, optionsFor(which.guest));
      await assertReplaysEqual(recording, new Seeded(1));
      const played = await play(recording.log, {
        random: new Seeded(2),
        sliceSteps: 60_000,
        dropCachesOnceIn: 3,
      });
      assertEquals(played.console, recording.console);
      assertEquals(played.epochs, recording.live.figures.epoch);
      assertSameMachine(played.machine, recording.machine, "at the end");
    });
  }

  Deno.test(`${name} gives the same log to the byte, when caches are lost while it is recorded`, async () => {
    const options = lengths["of random lengths"]!(which.guest);
    const recording = await record(which, options);
    const again = await record(which, { ...options, dropCachesOnceIn: 2 });
    assertEquals(again.live.figures, recording.live.figures);
    assert(again.log.every((byte, index) => byte === recording.log[index]), "The logs differ");
    assertEquals(again.log.length, recording.log.length);
  });
}
