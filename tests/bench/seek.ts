/**
 * How long it takes to reach random points of a recording that has an index: each time from opening the log on,
 * with nothing in memory.
 *
 *     deno task bench seek [LOG]     # a log, or a recording of Linux of several billion steps, which takes minutes
 */
import { DEFAULT_INDEX, makeIndex } from "../../lib/debug/indexing.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { inMilliseconds, row, spreadPoints, timed, timedProcessor } from "./debug_rows.ts";
import { recordLinux } from "./linux_recording.ts";
import { median } from "./statistics.ts";

const POINTS = 30;
const GOAL_MILLISECONDS = 2000;
/** Transactions of sqlite3, about 3.5 M steps each. */
const TRANSACTIONS = 1500;

/** Measures a log, or records Linux for it, and prints a table. */
export async function benchSeek(path: string | undefined): Promise<void> {
  if (path !== undefined) return await measureSeeks(path);
  const folder = await Deno.makeTempDir({ prefix: "lockstep-bench-" });
  try {
    await measureSeeks(await recordLinux(folder, `sqlite lockstep.rounds=${TRANSACTIONS}`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function measureSeeks(path: string): Promise<void> {
  const index = await makeIndex(path, { ...DEFAULT_INDEX, note() {}, progress() {} });
  row("steps", `${(index.end / 1e9).toFixed(2)} G`);
  row("snapshots in the index", `${index.snapshots}`);
  row("size of the index", `${(index.bytes / 1e6).toFixed(0)} MB`);
  const all: number[] = [];
  const processor: number[] = [];
  for (const part of spreadPoints(POINTS)) {
    const go = async () => {
      const timeline = await Timeline.open(path);
      const { start, end } = timeline;
      const step = start.step + Math.floor(part * (end.step - start.step));
      await timeline.seek(timeline.momentAt(step)!);
      timeline.close();
    };
    processor.push(await timedProcessor(async () => void all.push(await timed(go))));
  }
  const longest = Math.max(...all);
  row("opening and going to a point, median", inMilliseconds(median(all)));
  row(`the longest of ${POINTS} (goal: ${GOAL_MILLISECONDS} ms)`, inMilliseconds(longest));
  row("of the processors' time, median", inMilliseconds(median(processor)));
  row("of the processors' time, the longest", inMilliseconds(Math.max(...processor)));
  if (longest >= GOAL_MILLISECONDS) Deno.exitCode = 1;
}
