/**
 * What key snapshots cost a guest that computes: without any, packed by the guest's own thread, and by
 * another one; and how long the guest stands still for one.
 *
 *     deno task bench snapshots
 */
import type { Machine } from "../../lib/board/machine.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { bareLive, bareMachine, streamInto } from "./bare_machine.ts";
import { median } from "./statistics.ts";
import { printTable } from "./text_table.ts";

const ROUNDS = 3;
const SECONDS = 4;
const MEBIBYTE = 2 ** 20;
const PAGE_BYTES = 4096;
const RAM_BYTES = 256 * MEBIBYTE;
/** Where RAM is filled from outside: the guest uses none of it. */
const FILLED = { from: 32 * MEBIBYTE, to: 96 * MEBIBYTE } as const;

const CASES = [
  { name: "none", options: {} },
  { name: "by the guest's thread", options: { snapshotEverySteps: 5e8 } },
  { name: "by another thread", options: { snapshotEverySteps: 5e8, snapshotThread: true } },
] as const;

interface Figures {
  readonly mips: number;
  /** The same for a second in which the guest's thread had a processor: others need some, too. */
  readonly threadMips: number;
  readonly megabytes: number;
  readonly pauseMilliseconds: number;
}

/** Measures all cases in turns and prints a table. */
export async function benchSnapshots(): Promise<void> {
  const found = new Map<string, Figures[]>(CASES.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, options } of CASES) found.get(name)!.push(await measure(options));
  }
  const middle = (name: string, of: (figures: Figures) => number) =>
    median(found.get(name)!.map(of));
  const threadAlone = middle("none", ({ threadMips }) => threadMips);
  printTable([
    ["snapshots", "MIPS", "per CPU second", "times slower", "last pause, ms", "log, MB/s"],
    ...CASES.map(({ name }) => {
      const mips = middle(name, (figures) => figures.threadMips);
      return [
        ...[name, middle(name, (figures) => figures.mips).toFixed(0)],
        ...[mips.toFixed(0), (threadAlone / mips).toFixed(2)],
        middle(name, ({ pauseMilliseconds }) => pauseMilliseconds).toFixed(1),
        (middle(name, ({ megabytes }) => megabytes) / SECONDS).toFixed(0),
      ];
    }),
  ]);
}

async function measure(options: Parameters<typeof bareLive>[1]): Promise<Figures> {
  const machine = bareMachine("bench", RAM_BYTES, "scale=100000");
  fill(machine);
  const live = bareLive(machine, options);
  let bytes = 0;
  live.logTo(streamInto(({ length }) => bytes += length));
  const ended = live.run();
  const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  // The first snapshot, and code that has not been translated, are another matter.
  await pause(1);
  const [before, began, bytesBefore] = [machine.steps, performance.now(), bytes];
  const processorBefore = processorSeconds();
  await pause(SECONDS);
  const millions = (machine.steps - before) / 1e6;
  const mips = 1000 * millions / (performance.now() - began);
  const threadMips = millions / (processorSeconds() - processorBefore);
  const megabytes = (bytes - bytesBefore) / 1e6;
  live.stop("detach");
  await ended;
  return {
    mips,
    threadMips,
    megabytes,
    pauseMilliseconds: live.figures.snapshotPauseTicks / 10_000,
  };
}

/** How long the guest's thread, this process's first, has had a processor. */
function processorSeconds(): number {
  const args = [`/proc/${Deno.pid}/task/${Deno.pid}/schedstat`];
  const { stdout } = new Deno.Command("cat", { args, stdout: "piped" }).outputSync();
  return Number(new TextDecoder().decode(stdout).split(" ")[0]) / 1e9;
}

/** Half of each page is noise, which packs to about half. */
function fill({ memory }: Machine): void {
  const page = new Uint8Array(PAGE_BYTES);
  for (let at = FILLED.from; at < FILLED.to; at += PAGE_BYTES) {
    crypto.getRandomValues(page.subarray(0, PAGE_BYTES / 2));
    memory.write(GuestMemory.ramBase + at, page);
  }
}
