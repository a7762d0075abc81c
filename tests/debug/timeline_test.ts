/** Seeking is exact: whatever way leads to a step, the machine is that of a straight replay. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { parsePosition, PositionError } from "../../lib/debug/position.ts";
import { momentOf } from "../../lib/debug/position_moment.ts";
import { Timeline, type TimelineOptions } from "../../lib/debug/timeline.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { freshOptions, guestCases } from "../replay/guest_cases.ts";
import { logOf, recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";
import { type Standing, straightReplay } from "./straight_replay.ts";

/** Opens a log of these bytes, for `test`. */
async function withTimeline(
  log: Uint8Array,
  options: TimelineOptions,
  test: (timeline: Timeline) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/run.log`, log);
    const timeline = await Timeline.open(`${folder}/run.log`, options);
    try {
      await test(timeline);
    } finally {
      timeline.close();
    }
  });
}

function assertStands(timeline: Timeline, expected: Standing): void {
  const { machine, moment } = timeline;
  const { step, epoch } = moment;
  const { retired, time } = machine;
  assertEquals({ step, epoch, retired, time, digest: machine.snapshotDigest() }, expected);
}

for (const [name, which] of Object.entries(guestCases)) {
  Deno.test(`${name}: every point reached at random is the one of a straight replay`, async () => {
    const random = new Seeded(11);
    const { log, machine: { steps } } = await recordGuest(
      which.guest,
      freshOptions(which, {
        seed: 3,
        snapshotEverySteps: 3 * which.snapshotEverySteps,
        epochSteps: (random) => random.upTo(which.snapshotEverySteps),
      }),
    );
    const points = Array.from({ length: 24 }, () => random.upTo(steps));
    const neighbours = points.flatMap((step) => [step - 1, step, Math.min(step + 1, steps)]);
    const straight = await straightReplay(log, [0, steps - 1, steps, ...neighbours]);
    await withTimeline(log, { checkpointBytes: 8 << 20 }, async (timeline) => {
      assertEquals([timeline.start.step, timeline.end.step], [0, steps]);
      for (const step of [...points, 0, steps]) {
        await timeline.seek(timeline.momentAt(step)!);
        assertStands(timeline, straight.get(step)!);
        if (random.once(2)) timeline.keepCheckpoint();
        if (step === 0 || !random.once(2)) continue;
        assertEquals(await timeline.stepBack(), 1);
        assertStands(timeline, straight.get(step - 1)!);
        assertEquals(await timeline.stepForward(2), Math.min(2, steps - step + 1));
        assertStands(timeline, straight.get(Math.min(step + 1, steps))!);
      }
    });
    // From nowhere, the nearest key snapshot is entered.
    for (const step of points.slice(0, 6)) {
      await withTimeline(log, {}, async (timeline) => {
        await timeline.seek(timeline.momentAt(step)!);
        assertStands(timeline, straight.get(step)!);
      });
    }
  });
}

Deno.test("an epoch as long as the whole run is gone back in, from the middle of it", async () => {
  const { log, machine: { steps } } = await recordGuest("bench", {
    bootArguments: "scale=1",
    epochSteps: 2 ** 28,
  });
  const points = [steps - 1, steps - 2, steps - 3_000_000, steps - 3_000_001, 1_234_567];
  const straight = await straightReplay(log, points);
  await withTimeline(log, {}, async (timeline) => {
    for (const step of points) {
      await timeline.seek(timeline.momentAt(step)!);
      assertStands(timeline, straight.get(step)!);
    }
    await timeline.seek(timeline.momentAt(steps - 1)!);
    const near = timeline.nearestCheckpoint(timeline.moment)!;
    assert(steps - near.step < 4 << 20, `The nearest checkpoint is at ${near.step} of ${steps}`);
    assert(timeline.record !== undefined);
  });
});

Deno.test("positions by epoch, time and console text are exact", async () => {
  const { log, console, machine } = await recordGuest("clock", {
    epochSteps: (random) => random.upTo(5000),
  });
  const text = new TextDecoder().decode(console);
  await withTimeline(log, {}, async (timeline) => {
    const at = async (position: string) => {
      await timeline.seek(await momentOf(timeline, parsePosition(position)));
      return timeline.machine;
    };
    for (const epoch of [1, 7, 0, timeline.end.epoch]) {
      await at(`epoch:${epoch}`);
      assertEquals(timeline.moment, timeline.epochEnd(epoch));
    }
    for (const ticks of [0, 1, 12_345, 777_777, machine.time - 1, machine.time]) {
      assert((await at(`time:${ticks}ticks`)).time >= ticks);
      const { step } = timeline.moment;
      if (step === 0) continue;
      await timeline.stepBack();
      assert(timeline.machine.time < ticks, `Time ${ticks} is reached before step ${step}`);
    }
    for (const wanted of ["c", text.slice(3, 20), text.slice(-9)]) {
      const position = text.indexOf(wanted) + wanted.length;
      assertEquals(
        (await at(`console:${wanted.replaceAll("\n", "\\n")}`)).consolePosition,
        position,
      );
      await timeline.stepBack();
      assertEquals(timeline.machine.consolePosition, position - 1);
    }
    const end = `steps 0 to ${machine.steps}, epochs 0 to ${timeline.end.epoch}`;
    for (
      const beyond of [`${machine.steps + 1}`, "epoch:99999", "time:9999", "console:'no such'"]
    ) {
      const { message } = await assertRejects(() => at(beyond), PositionError);
      assert(message.includes(end), message);
    }
  });
});

Deno.test("a log that is cut while it is open is told to be, and serves up to there", () =>
  withFolder(async (folder) => {
    const { log } = await recordGuest("clock", { epochSteps: (random) => random.upTo(200) });
    const path = `${folder}/run.log`;
    await Deno.writeFile(path, log);
    const timeline = await Timeline.open(path);
    try {
      await timeline.seek(timeline.start);
      const before = timeline.moment;
      const digest = timeline.machine.snapshotDigest();
      // Some of it has been read ahead.
      await Deno.truncate(path, Math.floor(log.length / 3));
      await assertRejects(() => timeline.seek(timeline.end), LogError, "no longer there");
      await timeline.seek(before);
      assertEquals(timeline.machine.snapshotDigest(), digest);
    } finally {
      timeline.close();
    }
  }));

Deno.test("a time in an epoch that nearly stands still, and jumps to the end of time, is found at once", async () => {
  const { log } = await recordGuest("hello", { epochSteps: () => 100 });
  const records = recordsOf(log);
  const [first, second] = records.filter((record) => record.kind === "epoch");
  const altered = records.map((record) => {
    if (record.kind !== "epoch") return record;
    if (record === first) return { ...record, time: { ...record.time, rate: 1 } };
    return { ...record, time: { base: Number.MAX_SAFE_INTEGER, rate: 1 } };
  });
  await withTimeline(logOf(altered), {}, (timeline) => {
    const end = timeline.epochEnd(second!.epoch)!;
    for (const ticks of [2 ** 40, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER]) {
      assertEquals(timeline.momentAtTime(ticks), end);
    }
    return Promise.resolve();
  });
});
