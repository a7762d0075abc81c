/** A log entered at any of its key snapshots leads to the same machine (design section 3). */
import { assert, assertEquals } from "@std/assert";
import { replay } from "../../lib/replica/replaying.ts";
import { Seeded } from "../epoch/seeded.ts";
import { checkGuest, freshOptions, guestCases } from "./guest_cases.ts";
import { play, streamOf } from "./playing.ts";
import { recordGuest } from "./recording.ts";
import { assertSameMachine } from "./same_machine.ts";

for (const [name, which] of Object.entries(guestCases)) {
  Deno.test(`${name} ends as the same machine, entered at every key snapshot of its log`, async () => {
    const { snapshotEverySteps } = which;
    const recording = await recordGuest(
      which.guest,
      freshOptions(which, {
        snapshotEverySteps,
        epochSteps: (random) => random.upTo(snapshotEverySteps),
        seed: 5,
      }),
    );
    checkGuest(which, recording);
    const straight = await play(recording.log);
    assertSameMachine(straight.machine, recording.machine, "played from the start");
    assert(straight.snapshots >= 4, `Only ${straight.snapshots} snapshots`);

    const entries: number[] = [];
    for (let fromSnapshot = 0; fromSnapshot < straight.snapshots; fromSnapshot++) {
      const played = await play(recording.log, {
        random: new Seeded(fromSnapshot),
        sliceSteps: snapshotEverySteps,
        dropCachesOnceIn: 10,
        fromSnapshot,
      });
      assertSameMachine(played.machine, recording.machine, `entered at snapshot ${fromSnapshot}`);
      assertEquals(played.console, recording.console.slice(played.consoleStart));
      entries.push(played.epochs);
    }
    assertEquals(entries.toSorted((a, b) => b - a), entries);
    assertEquals(new Set(entries).size, entries.length, "Two snapshots stand at one place");

    const last = straight.snapshots - 1;
    const summary = await replay(streamOf(recording.log), { fromSnapshot: last });
    assertEquals(summary.end, recording.end);
    assertEquals(summary.epochs, entries[last]);
  });
}
