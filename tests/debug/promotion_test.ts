/** Seeking across a failover: the log of a machine that was promoted is gone through both ways. */
import { assert, assertEquals } from "@std/assert";
import { makeIndex } from "../../lib/debug/indexing.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { epochsOf } from "../replay/log_editing.ts";
import { promotedLog } from "./promoted_log.ts";
import { straightReplay } from "./straight_replay.ts";

Deno.test("points before, at and behind a promotion are those of a straight replay, with an index and without", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const log = await promotedLog(58);
    await Deno.writeFile(path, log);
    const promotion = epochsOf(log).find(({ term }) => term !== undefined)!;
    const timeline = await Timeline.open(path, { index: false });
    const before = timeline.epochEnd(promotion.epoch - 1)!;
    const after = timeline.epochEnd(promotion.epoch)!;
    assertEquals([promotion.steps, after.step], [0, before.step]);

    await timeline.seek(before);
    const lastOfTerm = timeline.machine.snapshotDigest();
    await timeline.seek(after);
    assert(timeline.machine.snapshotDigest() !== lastOfTerm, "The promotion has changed nothing");
    await timeline.seek(before);
    assertEquals(timeline.machine.snapshotDigest(), lastOfTerm);

    const random = new Seeded(4);
    const { step: end } = timeline.end;
    const near = [-2, -1, 0, 1, 2].map((offset) => after.step + offset);
    const points = [...near, ...Array.from({ length: 6 }, () => random.upTo(end))];
    const straight = await straightReplay(log, points);
    const assertAll = async (timeline: Timeline) => {
      for (const step of [...points, ...points.toReversed()]) {
        await timeline.seek(timeline.momentAt(step)!);
        const { epoch, digest } = straight.get(step)!;
        assertEquals(timeline.moment, { epoch, step });
        assertEquals(timeline.machine.snapshotDigest(), digest);
      }
    };
    await assertAll(timeline);
    timeline.close();

    const quiet = { epochSteps: 0, limitBytes: 1 << 30, note() {}, progress() {} };
    const { snapshots } = await makeIndex(path, { ...quiet, everySteps: Math.floor(end / 40) });
    assert(snapshots > 10, `Only ${snapshots} snapshots`);
    const indexed = await Timeline.open(path);
    await assertAll(indexed);
    indexed.close();
  }));
