/** `lockstep replay --to`: a log replayed to one of its moments, and how the machine stands there. */
import type { Position } from "../debug/position.ts";
import { momentOf } from "../debug/position_moment.ts";
import { registersText, standingText } from "../debug/standing_text.ts";
import { Timeline } from "../debug/timeline.ts";
import { UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { ProgressBar } from "./progress_bar.ts";
import { type Reporter, writeText } from "./reporter.ts";

/**
 * Goes to a position and tells what is there.
 *
 * @param registers Whether all registers are told, too.
 */
export async function seekAndTell(
  path: string,
  position: Position,
  registers: boolean,
  reporter: Reporter,
): Promise<number> {
  if (path === "-") throw new UsageError("--to needs a log in a file, not standard input");
  const bar = new ProgressBar(Deno.stderr);
  const note = (text: string) => {
    bar.hide();
    reporter.note(text);
  };
  const progress = (part: number) => bar.show(part, "of the log read");
  const timeline = await Timeline.open(path, { note, progress });
  const watch = setInterval(() => show(timeline, bar), 200);
  try {
    await timeline.seek(await momentOf(timeline, position));
    bar.hide();
    const { machine, moment } = timeline;
    const text = standingText(machine, moment) + (registers ? registersText(machine) : "");
    await writeText(Deno.stdout, text);
    return ExitCode.done;
  } finally {
    clearInterval(watch);
    bar.hide();
    timeline.close();
  }
}

function show(timeline: Timeline, bar: ProgressBar): void {
  if (!timeline.isStanding) return;
  const { moment: { step }, start, end } = timeline;
  const part = (step - start.step) / Math.max(1, end.step - start.step);
  bar.show(part, `step ${step} of ${end.step}`);
}
