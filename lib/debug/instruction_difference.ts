/** The first instruction that two recordings do not execute alike. */
import type { FieldDifference } from "./field_difference.ts";
import {
  hartDifferences,
  HartDigester,
  type PageDifference,
  pageDifferences,
} from "./machine_difference.ts";
import type { SymbolTable } from "./symbol_table.ts";
import type { Timeline } from "./timeline.ts";
import { Tracer } from "./tracer.ts";

const CLOSE_STEPS = 2_000_000;
const STRIDE_STEPS = 1 << 16;
/** Steps that are compared one by one at once. */
const BLOCK_STEPS = 1 << 12;
/** Executed instructions that are shown before and after the different one. */
const AROUND = 6;

/** How to compare. */
export interface ComparisonOptions {
  /** Up to the end of this epoch they are known to be the same. */
  readonly lastEqualEpoch?: number | undefined;
  /** Names places in what is shown. */
  readonly symbols?: SymbolTable | undefined;
  /** Steps behind the beginning that are compared one by one (default two million). */
  readonly closeSteps?: number;
  /** Steps between two comparisons after that (default 65,536). */
  readonly strideSteps?: number;
}

/** Where two recordings part. */
export interface InstructionDifference {
  /** Steps taken before it, in both. */
  readonly step: number;
  /** The instructions that both have executed before it. */
  readonly before: string;
  /** It, and what each executes after it. */
  readonly after: readonly [string, string];
  /** Registers and CSRs that differ behind it. */
  readonly registers: readonly FieldDifference[];
  /** Pages of RAM that differ already before it. */
  readonly pages: readonly PageDifference[];
}

/** How far two recordings were compared. */
export interface Comparison {
  /** The first step that both have. */
  readonly from: number;
  /** The last step compared; before the first when they have none in common. */
  readonly to: number;
  /** Absent when all that both have is executed alike.  */
  readonly difference: InstructionDifference | undefined;
}

/**
 * Compares two recordings of the same machine as registers and CSRs tell: two million steps one by one, then
 * at every 65,536th step, and where these differ one by one again.
 */
export async function instructionDifference(
  timelines: readonly [Timeline, Timeline],
  options: ComparisonOptions = {},
): Promise<Comparison> {
  const { lastEqualEpoch, symbols } = options;
  const starts = timelines.map(({ start }) => start.step);
  const ends = timelines.map(({ end }) => end.step);
  const known = lastEqualEpoch === undefined ? undefined : timelines[0].epochEnd(lastEqualEpoch);
  const [from, to] = [Math.max(known?.step ?? 0, ...starts), Math.min(...ends)];
  if (from > to) return { from, to, difference: undefined };
  const found = await firstDifference(timelines, from, to, options);
  if (found === undefined) return { from, to, difference: undefined };
  return { from, to: found + 1, difference: await describe(timelines, found, symbols) };
}

/** The step before which they are the same, and behind which they are not. */
async function firstDifference(
  timelines: readonly [Timeline, Timeline],
  from: number,
  to: number,
  { closeSteps = CLOSE_STEPS, strideSteps = STRIDE_STEPS }: ComparisonOptions,
): Promise<number | undefined> {
  const close = Math.min(from + closeSteps, to);
  const found = await firstWithin(timelines, from, close);
  if (found !== undefined) return found;
  for (let equal = close; equal < to;) {
    for (const timeline of timelines) timeline.keepCheckpoint();
    const next = Math.min(equal + strideSteps, to);
    await goTo(timelines, next);
    const [first, second] = timelines.map(({ machine }) => new HartDigester(machine).digest());
    if (first !== second) return await firstWithin(timelines, equal, next);
    equal = next;
  }
  return undefined;
}

async function firstWithin(
  timelines: readonly [Timeline, Timeline],
  from: number,
  to: number,
): Promise<number | undefined> {
  for (let start = from; start < to; start += BLOCK_STEPS) {
    const end = Math.min(start + BLOCK_STEPS, to);
    const first = await digests(timelines[0], start, end);
    const second = await digests(timelines[1], start, end);
    const different = first.findIndex((digest, index) => digest !== second[index]);
    if (different >= 0) return start + different;
  }
  return undefined;
}

/** Digests behind each of the steps from one to another. */
async function digests(timeline: Timeline, from: number, to: number): Promise<Int32Array> {
  const found = new Int32Array(to - from);
  await timeline.seek(timeline.momentAt(from)!);
  const { machine } = timeline;
  machine.translating = false;
  const digester = new HartDigester(machine);
  await timeline.runBy(timeline.momentAt(to)!, (replica, steps) => {
    let step = machine.steps;
    const end = step + steps;
    do {
      replica.advance(1);
      // An epoch may have no steps at all.
      if (machine.steps === step) return;
      found[step - from] = digester.digest();
      step++;
    } while (step < end && replica.record);
  });
  machine.translating = true;
  return found;
}

async function describe(
  timelines: readonly [Timeline, Timeline],
  step: number,
  symbols: SymbolTable | undefined,
): Promise<InstructionDifference> {
  const [first, second] = timelines;
  const back = Math.max(first.start.step, step - AROUND);
  const before = await traced(first, back, step, symbols);
  await goTo(timelines, step);
  const pages = pageDifferences(first.machine, second.machine);
  await goTo(timelines, Math.min(step + 1, first.end.step, second.end.step));
  const registers = hartDifferences(first.machine, second.machine);
  const ahead = (timeline: Timeline) =>
    traced(timeline, step, Math.min(step + AROUND, timeline.end.step), symbols);
  return { step, before, after: [await ahead(first), await ahead(second)], registers, pages };
}

async function traced(
  timeline: Timeline,
  from: number,
  to: number,
  symbols: SymbolTable | undefined,
): Promise<string> {
  await timeline.seek(timeline.momentAt(from)!);
  const tracer = new Tracer(timeline.machine, symbols);
  let text = "";
  await timeline.runBy(
    timeline.momentAt(to)!,
    (replica, steps) => void (text += tracer.trace(replica, steps)),
  );
  return text;
}

async function goTo(timelines: readonly Timeline[], step: number): Promise<void> {
  for (const timeline of timelines) await timeline.seek(timeline.momentAt(step)!);
}
