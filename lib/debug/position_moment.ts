/** The moments of a recording that positions mean. */
import type { Machine } from "../board/machine.ts";
import { ConsoleSearch } from "./console_search.ts";
import type { SaidInEpoch } from "./index_records.ts";
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
 * Where `text` has been put out; undefined when it never is. What the index does not know of the console
 * is replayed.
 */
async function consoleMoment(
  timeline: Timeline,
  text: string,
  signal: AbortSignal | undefined,
): Promise<Moment | undefined> {
  let search = new ConsoleSearch(text);
  let { from, found } = await searchIndex(timeline, search);
  if (found && search.bytesAfter !== undefined) {
    const [low, high] = [timeline.epochEnd(found.epoch - 1), timeline.epochEnd(found.epoch)];
    if (low && high && await hasSaid(timeline, low, high, found.bytes, signal)) {
      return await endOfText(timeline, search.bytesAfter, low, high);
    }
    // The index is wrong.
    search = new ConsoleSearch(text);
    from = timeline.start;
  }
  await timeline.seek(from, signal);
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
  return await endOfText(timeline, search.bytesAfter, before, timeline.moment);
}

/** The epoch in which the index has the text, or else from where on it knows nothing. */
async function searchIndex(
  timeline: Timeline,
  search: ConsoleSearch,
): Promise<{ readonly found?: SaidInEpoch; readonly from: Moment }> {
  let from = timeline.start;
  const index = timeline.indexedConsole();
  if (!index) return { from };
  // A log that begins later has had output before.
  if (from.epoch > 0) await timeline.seek(from);
  let position = from.epoch > 0 ? timeline.machine.consolePosition : 0;
  for await (const { snapshot, records } of index) {
    for (const { from: start, epochs } of records) {
      // Something is missing in between, and what is behind it has no meaning.
      if (start !== position) return { from };
      position += epochs.reduce((sum, { bytes }) => sum + bytes.length, 0);
    }
    for (const found of records.flatMap(({ epochs }) => epochs)) {
      search.add(found.bytes);
      if (search.bytesAfter !== undefined) return { found, from };
    }
    from = { epoch: snapshot.epoch, step: snapshot.step };
  }
  return { from };
}

/** Whether this is what is put out between two moments; the timeline stands at the later one then. */
async function hasSaid(
  timeline: Timeline,
  low: Moment,
  high: Moment,
  expected: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  await timeline.seek(low, signal);
  timeline.keepCheckpoint();
  let matched = 0;
  let isSame = true;
  await timeline.runForward({
    ...(signal ? { signal } : {}),
    limit: high,
    console(bytes) {
      isSame &&= bytes.every((byte, at) => byte === expected[matched + at]);
      matched += bytes.length;
    },
    until: () => false,
  });
  signal?.throwIfAborted();
  return isSame && matched === expected.length;
}

/**
 * The moment behind the last byte of a text, with the timeline at `high`, where `bytesAfter` more bytes have
 * been put out; at `low` it had not been.
 */
async function endOfText(
  timeline: Timeline,
  bytesAfter: number,
  low: Moment,
  high: Moment,
): Promise<Moment> {
  const position = timeline.machine.consolePosition - bytesAfter;
  const hasCome = ({ consolePosition }: Machine) => consolePosition >= position;
  return await firstBetween(timeline, low, high, hasCome);
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
