/**
 * How long a guest stands still when a backup joins, by the size of its RAM and how much of it holds
 * something; and how much memory the primary's process needs for it.
 *
 *     deno task bench join
 *
 * Each measurement is a process of its own, whose memory is that measurement's. The guest waits; its RAM is
 * filled from outside, half of each page with noise, which packs to about half.
 */
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { bareLive, bareMachine, streamInto } from "./bare_machine.ts";

const MEBIBYTE = 2 ** 20;
const PAGE_BYTES = 4096;

/** MiB of RAM, and how many of them hold something. */
const CASES = [[128, 16], [128, 128], [1024, 64], [1024, 1024]] as const;

/** What a join took. */
export interface JoinFigures {
  readonly pauseMilliseconds: number;
  /** Longest time in which the process did nothing else while the snapshot was packed and shipped. */
  readonly stopMilliseconds: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly residentBytes: number;
}

/** Runs all cases and prints a table. */
export async function benchJoin(): Promise<void> {
  const row = (...cells: readonly string[]) =>
    console.log(cells.map((cell) => cell.padStart(13)).join(""));
  row("RAM MiB", "used MiB", "pause ms", "longest ms", "join s", "shipped MB", "resident/RAM");
  for (const [ramMib, usedMib] of CASES) {
    const figures = await measureJoin(ramMib, usedMib);
    row(
      ...[`${ramMib}`, `${usedMib}`, figures.pauseMilliseconds.toFixed(1)],
      ...[figures.stopMilliseconds.toFixed(1), figures.seconds.toFixed(2)],
      ...[(figures.bytes / 1e6).toFixed(1)],
      (figures.residentBytes / (ramMib * MEBIBYTE)).toFixed(2),
    );
  }
}

/** Lets a backup join a machine with so much RAM, so much of it in use; in a process of its own. */
export async function measureJoin(ramMib: number, usedMib: number): Promise<JoinFigures> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", "--allow-read", import.meta.filename!]
      .concat(`${ramMib}`, `${usedMib}`),
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`The case ${ramMib} MiB failed`);
  return JSON.parse(new TextDecoder().decode(stdout)) as JoinFigures;
}

async function measure(ramMib: number, usedMib: number): Promise<JoinFigures> {
  const base = Deno.memoryUsage().rss;
  const machine = bareMachine("echo", ramMib * MEBIBYTE);
  fill(machine.memory, usedMib);
  const live = bareLive(machine, { snapshotThread: true });
  const ended = live.run();
  await live.expectReaders();
  const reader = new Reader();
  const stops = new LongestStop();
  const began = performance.now();
  live.logTo(reader.stream);
  await reader.quiet();
  const seconds = (performance.now() - began) / 1000 - Reader.quietSeconds;
  const stopMilliseconds = stops.end();
  const residentBytes = Deno.memoryUsage().rss - base;
  live.stop("detach");
  await ended;
  return {
    pauseMilliseconds: live.figures.snapshotPauseTicks / 10_000,
    ...{ stopMilliseconds, seconds, bytes: reader.bytes, residentBytes },
  };
}

/** Takes a log, and knows when its snapshot is over. */
class Reader {
  static readonly quietSeconds = 0.5;
  bytes = 0;
  #heard = performance.now();
  readonly stream = streamInto(({ length }) => {
    this.bytes += length;
    this.#heard = performance.now();
  });

  async quiet(): Promise<void> {
    while (this.bytes === 0 || performance.now() - this.#heard < 1000 * Reader.quietSeconds) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

/** The longest time between two turns of the event loop. */
export class LongestStop {
  #last = performance.now();
  #longest = 0;
  readonly #timer = setInterval(() => this.#look(), 1);

  /** Milliseconds; it looks no more. */
  end(): number {
    clearInterval(this.#timer);
    return this.#longest;
  }

  #look(): void {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#last);
    this.#last = now;
  }
}

/** Puts noise into half of each of the last pages. */
export function fill(memory: GuestMemory, usedMib: number): void {
  const page = new Uint8Array(PAGE_BYTES);
  const firstPage = memory.ramBytes / PAGE_BYTES - usedMib * MEBIBYTE / PAGE_BYTES;
  // The guest's own pages, at the start of RAM, stay as they are.
  for (let number = Math.max(512, firstPage); number < memory.ramBytes / PAGE_BYTES; number++) {
    crypto.getRandomValues(page.subarray(0, PAGE_BYTES / 2));
    memory.write(GuestMemory.ramBase + number * PAGE_BYTES, page);
  }
}

if (import.meta.main) {
  const [ramMib, usedMib] = Deno.args.map(Number) as [number, number];
  console.log(JSON.stringify(await measure(ramMib, usedMib)));
}
