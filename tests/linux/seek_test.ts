/** Any point of a Linux recording is reached exactly, by an index and without. */
import { assert, assertEquals } from "@std/assert";
import { makeIndex } from "../../lib/debug/indexing.ts";
import { parsePosition } from "../../lib/debug/position.ts";
import { momentOf } from "../../lib/debug/position_moment.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { straightReplay } from "../debug/straight_replay.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { lockstep } from "../cli/lockstep_process.ts";
import { freshDisk, linuxTest } from "./linux_guest.ts";
import { linuxWords } from "./linux_machine.ts";

linuxTest(
  "points of a Linux recording are those of a straight replay, forwards, backwards and by an index",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/linux.log`;
      const recorded = await lockstep(linuxWords("record", {
        append: "quiet lockstep.script=sqlite lockstep.rounds=2",
        disks: [await freshDisk(folder)],
        words: ["-o", path],
      }));
      assertEquals(recorded.code, 0, recorded.stderr);
      const plain = await Timeline.open(path, { index: false });
      const { step: end } = plain.end;
      const random = new Seeded(17);
      const points = [...Array.from({ length: 3 }, () => random.upTo(end)), end];
      const neighbours = points.flatMap((step) => [step - 1, step]);
      const straight = await straightReplay(await Deno.readFile(path), neighbours);
      const assertAt = (timeline: Timeline) => {
        const { machine, moment } = timeline;
        const { epoch, digest } = straight.get(moment.step)!;
        assertEquals(moment.epoch, epoch);
        assertEquals(machine.snapshotDigest(), digest, `At step ${moment.step}`);
      };
      const visit = async (timeline: Timeline, steps: readonly number[]) => {
        for (const step of steps) {
          await timeline.seek(timeline.momentAt(step)!);
          assertAt(timeline);
          assertEquals(await timeline.stepBack(), 1);
          assertAt(timeline);
        }
      };
      await visit(plain, points.toSorted((a, b) => a - b));
      await visit(plain, points.slice(0, 1));
      const shown = await momentOf(plain, parsePosition("console:'receipt 2'"));
      await plain.seek(plain.momentAt(shown.step - 1)!);
      const before = plain.machine.consolePosition;
      await plain.stepForward();
      assertEquals(plain.machine.consolePosition, before + 1);
      plain.close();

      const every = { everySteps: Math.floor(end / 5), epochSteps: 0, limitBytes: 2 ** 30 };
      const made = await makeIndex(path, { ...every, note() {}, progress() {} });
      assert(made.snapshots >= 3, `Only ${made.snapshots} snapshots`);
      const note = (text: string) => {
        throw new Error(text);
      };
      for (const step of points.slice(1)) {
        const timeline = await Timeline.open(path, { note });
        await visit(timeline, [step]);
        timeline.close();
      }
    }),
);
