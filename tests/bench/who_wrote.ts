/**
 * How long "who last wrote this address?" takes: to watch it and go back from the end of a recording, for a word
 * that nobody has written for long, so that most of the recording is searched; and how long all of it is searched for writes
 * to a word in a page that the guest accesses all the time, each of which has to be told from the others.
 */
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { Debugger } from "../../lib/debug/debugger.ts";
import { physicalAddress } from "../../lib/debug/guest_memory_view.ts";
import type { Timeline } from "../../lib/debug/timeline.ts";
import { inSeconds, row, timed, timedProcessor } from "./debug_rows.ts";

const PAGE_BYTES = 4096, WORD_BYTES = 8;
const SUPERVISOR = 1n;
/** Registers as they are kept, x1 first. */
const STACK_POINTER = 1;
/** Parts of the recording at which it is looked. */
const LOOKS = Array.from({ length: 99 }, (_, index) => 0.01 * (index + 1));

/** A look at the machine in S-mode. */
interface Look {
  readonly step: number;
  readonly stack: bigint;
}

/** Measures it on a recording of an operating system; nothing where none has been seen at work. */
export async function measureWhoWrote(timeline: Timeline): Promise<void> {
  const looks: Look[] = [];
  const { start, end } = timeline;
  const at = (part: number) => start.step + Math.floor(part * (end.step - start.step));
  for (const step of LOOKS.map(at)) {
    await timeline.seek(timeline.momentAt(step)!);
    const { registers, fields } = timeline.machine.hartState();
    const stack = registers[STACK_POINTER]!;
    if (fields["privilege"] === SUPERVISOR && stack >> 63n === 1n) looks.push({ step, stack });
  }
  const pageOf = ({ stack }: Look) => stack - stack % BigInt(PAGE_BYTES);
  const page = mostOften(looks.map(pageOf));
  if (page === undefined) return;
  await searchBusy(timeline, page + BigInt(PAGE_BYTES / 2));
  const early = await earlyWord(timeline, [at(0.1), at(0.3), end.step]);
  if (early !== undefined) await ask(timeline, early);
}

/** Looks for every write to a word, from the start to the end. */
async function searchBusy(timeline: Timeline, address: bigint): Promise<void> {
  await timeline.seek(timeline.start);
  let writes = 0;
  timeline.machine.arm([{ kind: "store", address, length: WORD_BYTES }], () => {
    writes++;
    return false;
  });
  const { took, processor } = await timedTwice(() => timeline.runForward({ until: () => false }));
  timeline.machine.arm([], () => false);
  row(`search of all for writes to a word of the busiest stack (${writes})`, inSeconds(took));
  row("  of the processors' time", inSeconds(processor));
}

/** Asks at the end. */
async function ask(timeline: Timeline, address: bigint): Promise<void> {
  const { step: end } = timeline.end;
  await timeline.seek(timeline.end);
  const moving = new Debugger(timeline);
  moving.triggers = [{ kind: "store", address, length: WORD_BYTES }];
  const { took, processor } = await timedTwice(() => moving.continueBack());
  const searched = ((end - timeline.moment.step) / 1e9).toFixed(2);
  row(`who last wrote a word? Found ${searched} G steps back`, inSeconds(took));
  row("  of the processors' time", inSeconds(processor));
}

async function timedTwice(action: () => Promise<unknown>) {
  let took = 0;
  const processor = await timedProcessor(async () => {
    took = await timed(action);
  });
  return { took, processor };
}

/** A word that changes between the first two of these steps and no more, in a page that a register points to. */
async function earlyWord(
  timeline: Timeline,
  steps: readonly [number, number, number],
): Promise<bigint | undefined> {
  await timeline.seek(timeline.momentAt(steps[1])!);
  const { registers } = timeline.machine.hartState();
  const pages = registers.filter((value) => value >> 63n === 1n)
    .map((value) => value - value % BigInt(PAGE_BYTES));
  for (const page of new Set(pages)) {
    const [early, late, last] = [
      await pageAt(timeline, page, steps[0]),
      await pageAt(timeline, page, steps[1]),
      await pageAt(timeline, page, steps[2]),
    ];
    const word = late?.findIndex((value, index) =>
      value !== 0n && early && value !== early[index] && value === last?.[index]
    ) ?? -1;
    if (word >= 0) {
      return page + BigInt(WORD_BYTES * word);
    }
  }
  return undefined;
}

async function pageAt(timeline: Timeline, page: bigint, step: number) {
  await timeline.seek(timeline.momentAt(step)!);
  return contentOf(timeline, page);
}

/** The words of a page, if it is mapped to RAM. */
function contentOf({ machine }: Timeline, page: bigint): readonly bigint[] | undefined {
  const physical = physicalAddress(machine, page);
  if (physical === undefined || !machine.memory.contains(physical, PAGE_BYTES)) return undefined;
  const offset = physical - GuestMemory.ramBase;
  return [...new BigUint64Array(machine.memory.ram.slice(offset, offset + PAGE_BYTES).buffer)];
}

function mostOften(values: readonly bigint[]): bigint | undefined {
  const counts = new Map<bigint, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}
