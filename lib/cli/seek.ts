/** `lockstep replay --to`: a log replayed to one of its moments, and how the machine stands there. */
import type { Position } from "../debug/position.ts";
import { momentOf } from "../debug/position_moment.ts";
import { registersText, standingText } from "../debug/standing_text.ts";
import { Timeline } from "../debug/timeline.ts";
import { UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
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
  const timeline = await Timeline.open(path, { note: reporter.note });
  try {
    await timeline.seek(await momentOf(timeline, position));
    const { machine, moment } = timeline;
    const text = standingText(machine, moment) + (registers ? registersText(machine) : "");
    await writeText(Deno.stdout, text);
    return ExitCode.done;
  } finally {
    timeline.close();
  }
}
