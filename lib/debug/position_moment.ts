/** The moments of a recording that positions mean. */
import type { Machine } from "../board/machine.ts";
import { ConsoleSearch } from "./console_search.ts";
import type { Moment } from "./moment.ts";
import { type Position, PositionError, positionText, secondsText } from "./position.ts";
import type { Timeline } from "./timeline.ts";

/**
 * The moment that a position means. A console position is searched for by replaying, and is where the
 * timeline stands afterwards.
 *
 * @throws {PositionError} when the recording does not have it; says what it has
 */
export async function momentOf(
  timeline: Timeline,
  position: Position,
  signal?: AbortSignal,
): Promise<Moment> {
  const moment = await lookUp(timeline, position, signal);
  if (moment) return moment;
  const { start, end, endTicks } = timeline;
  throw new PositionError(
    `The log does not reach ${positionText(position)}: it has steps ${start.step} to ` +
      `${end.step}, epochs ${start.epoch} to ${end.epoch}, and ends at ${secondsText(endTicks)} s`,
  );
}

async function lookUp(
  timeline: Timeline,
  position: Position,
  signal: AbortSignal | undefined,
): Promise<Moment | undefined> {
  switch (position.kind) {
    case "step":
      return timeline.momentAt(position.step);
    case "epoch":
      return timeline.epochEnd(position.epoch);
    case "time":
      return timeline.momentAtTime(position.ticks);
    case "console":
      return await consoleMoment(timeline, position.text, signal);
  }
}

/**
 * Replays from the start until `text` has been put out, and stands there then; undefined when it never is.
 */
async function consoleMoment(
  timeline: Timeline,
  text: string,
  signal: AbortSignal | undefined,
): Promise<Moment | undefined> {
  const search = new ConsoleSearch(text);
  await timeline.seek(timeline.start, signal);
  let before = timeline.moment;
  const run = await timeline.runForward({
    ...(signal ? { signal } : {}),
    console: (bytes) => search.add(bytes),
    until() {
      if (search.bytesAfter !== undefined) return true;
      if (!timeline.record) before = timeline.moment;
      return false;
    },
  });
  signal?.throwIfAborted();
  if (run !== "found" || search.bytesAfter === undefined) return undefined;
  const position = timeline.machine.consolePosition - search.bytesAfter;
  const hasCome = ({ consolePosition }: Machine) => consolePosition >= position;
  return await firstBetween(timeline, before, timeline.moment, hasCome);
}

/** The first moment after `low`, at which it does not hold, at which something holds that does at `high`. */
async function firstBetween(
  timeline: Timeline,
  low: Moment,
  high: Moment,
  holds: (machine: Machine) => boolean,
): Promise<Moment> {
  let [from, to] = [low.step, high.step];
  await timeline.seek(low);
  timeline.keepCheckpoint();
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    await timeline.seek(timeline.momentAt(middle)!);
    if (holds(timeline.machine)) {
      to = middle;
    } else {
      from = middle;
      timeline.keepCheckpoint();
    }
  }
  const found = timeline.momentAt(to)!;
  await timeline.seek(found);
  return found;
}
