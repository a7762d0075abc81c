/** A log that its machine does not follow is gone through up to there, and back again. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { MachineState } from "../../lib/board/machine_state.ts";
import { LogWalk } from "../../lib/debug/log_walk.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { DivergenceError } from "../../lib/epoch/divergence.ts";
import { LogError } from "../../lib/log/log_error.ts";
import type { ReplaySummary } from "../../lib/replica/replaying.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { logOf, recordsOf } from "../replay/log_editing.ts";
import { streamOf } from "../replay/playing.ts";
import { recordGuest } from "../replay/recording.ts";
import { straightReplay } from "./straight_replay.ts";

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

Deno.test("snapshots in a log that lie, or miss pages, are told in a line, and their places reached all the same", () =>
  withFolder(async (folder) => {
    const { log } = await recordGuest("paging", {
      ...{ bootArguments: "rounds=2", ramBytes: 8 << 20 },
      ...{ epochSteps: 10_000, snapshotEverySteps: 100_000 },
    });
    const records = recordsOf(log);
    const commits = records.filter((record) => record.kind === "snapshot-commit");
    const wrong = commits[2]!;
    const pages = records.findLastIndex((record, index) =>
      record.kind === "snapshot-pages" && index < records.indexOf(wrong)
    );
    const step = Math.floor((wrong.steps + commits[3]!.steps) / 2);
    const { digest } = (await straightReplay(log, [step])).get(step)!;
    for (
      const [what, altered] of [
        ["its digest", { ...wrong, digest: wrong.digest ^ 1n }],
        ["its state", { ...wrong, state: commits[1]!.state }],
        ["no state", { ...wrong, state: {} as MachineState }],
        ["pages", undefined],
      ] as const
    ) {
      const path = `${folder}/run.log`;
      const lying = altered
        ? records.map((record) => record === wrong ? altered : record)
        : records.toSpliced(pages, 1);
      await Deno.writeFile(path, logOf(lying));
      const notes: string[] = [];
      const timeline = await Timeline.open(path, { note: (text) => void notes.push(text) });
      try {
        for (const moment of [timeline.end, timeline.momentAt(step)!]) await timeline.seek(moment);
        assertEquals(timeline.machine.snapshotDigest(), digest, what);
        await timeline.stepBack();
        await timeline.stepForward();
        assertEquals(timeline.machine.snapshotDigest(), digest, what);
        assertEquals(notes.length, 1, what);
        assertMatch(notes[0]!, /^The log's snapshot behind epoch \d+ is ignored: /);
      } finally {
        timeline.close();
      }
      await assertRejects(
        () => verified(logOf(lying)),
        what === "no state" ? LogError : DivergenceError,
      );
    }
    assertEquals((await verified(log))!.end!.reason, "power-off");
  }));

/** Replays a log, and restores all of its snapshots. */
async function verified(log: Uint8Array): Promise<ReplaySummary | undefined> {
  const walk = new LogWalk(streamOf(log), true, true);
  await Array.fromAsync(walk);
  return walk.summary;
}
