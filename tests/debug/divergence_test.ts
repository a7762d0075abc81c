/** A log that its machine does not follow is gone through up to there, and back again. */
import { assertEquals, assertRejects } from "@std/assert";
import { Timeline } from "../../lib/debug/timeline.ts";
import { DivergenceError } from "../../lib/epoch/divergence.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { logOf, recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";

Deno.test("behind a divergence nothing is shown, and everything before it is still reached", () =>
  withFolder(async (folder) => {
    const { log } = await recordGuest("paging", {
      ...{ bootArguments: "rounds=2", ramBytes: 8 << 20, epochSteps: 10_000 },
    });
    const records = recordsOf(log);
    const last = records.findLast((record) => record.kind === "epoch")!;
    const wrong = last.epoch - 5;
    const path = `${folder}/run.log`;
    await Deno.writeFile(
      path,
      logOf(
        records.map((record) =>
          record.kind === "epoch" && record.epoch === wrong
            ? { ...record, digest: { ...record.digest, state: record.digest.state ^ 1n } }
            : record
        ),
      ),
    );
    const timeline = await Timeline.open(path);
    try {
      const good = timeline.epochEnd(wrong - 1)!;
      await timeline.seek(good);
      const digest = timeline.machine.snapshotDigest();
      for (const moment of [timeline.end, timeline.epochEnd(wrong)!]) {
        await assertRejects(() => timeline.seek(moment), DivergenceError, `epoch ${wrong}`);
        await timeline.seek(good);
        assertEquals(timeline.machine.snapshotDigest(), digest);
      }
      // The epoch itself can be looked into: it diverges at its end only.
      assertEquals(await timeline.stepForward(100), 100);
      assertEquals(await timeline.stepBack(100), 100);
      assertEquals(timeline.machine.snapshotDigest(), digest);
    } finally {
      timeline.close();
    }
  }));
