/**
 * One trial of the campaign: a teller with a backup, whose primary is killed with SIGKILL at a random
 * moment of the session; the backup goes on, and the auditor looks at what is left.
 */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../peers/qemu_random.ts";
import type { Part } from "./part.ts";
import { DEVICES, Site } from "./site.ts";

/** The streams between primary and backup. */
export const STREAMS = ["shell pipe", "exec: child", "unix: socket", "tailed file"] as const;

/** One of them. */
export type Stream = typeof STREAMS[number];

/** What is random about a trial. */
export interface Trial {
  readonly stream: Stream;
  /** The teller's boot arguments. */
  readonly boot: string;
  /** Of each disk operation, milliseconds; half before it is performed, half after. */
  readonly diskLatency: number;
  /** The kill comes after this receipt … */
  readonly receipt: number;
  /** … and so many milliseconds. */
  readonly delay: number;
}

/** What a kill has hit. */
export interface Hit {
  /** Operations answered with an uncertain interrupt. */
  readonly uncertain: number;
  /** Operations performed again. */
  readonly again: number;
  /** Requests that the guest's driver has retried after a unit attention. */
  readonly retries: number;
}

/** A session, and how much of it is left for the promoted machine at least. */
const SESSIONS = [
  { boot: "burst transfers=960", transfers: 960, spare: 64 },
  { boot: "burst transfers=480 batch=4", transfers: 480, spare: 32 },
  { boot: "transfers=120 pace=1", transfers: 120, spare: 8 },
] as const;

/** The trial number `index` of the campaign with this seed. */
export function drawTrial(seed: number, index: number): Trial {
  const random = new Random(seed, index);
  const { boot, transfers, spare } = random.pick(SESSIONS);
  return {
    stream: STREAMS[index % STREAMS.length]!,
    boot,
    diskLatency: random.between(1, 6),
    receipt: random.below(transfers - spare),
    delay: random.below(12_000) / 1000,
  };
}

/** A trial as a person reads it. */
export function trialText({ stream, boot, diskLatency, receipt, delay }: Trial): string {
  return `${stream}, teller "${boot}", disk latency ${diskLatency} ms, ` +
    `kill -9 ${delay.toFixed(3)} ms after receipt ${receipt}`;
}

/** Runs a trial; throws when the bank is not as one uninterrupted machine would have left it. */
export async function runTrial(trial: Trial): Promise<Hit> {
  await using site = await Site.open();
  const { primary, backup } = await startPair(site, trial);
  await primary.tells(/has joined: protected/);
  await backup.tells(/Following run/);
  await site.receipt(trial.receipt);
  spin(trial.delay);
  await primary.signal("SIGKILL");
  const code = await backup.ends();
  const story = `${trialText(trial)}\n${site.story()}`;
  assertEquals(code, 0, story);
  assertEquals(await primary.ends(), 137, story);
  const promoted = await backup.tells(/Promoted: .*, (\d+) operations? uncertain(?:, (\d+) )?/);
  const { findings, finished } = site.audit();
  assertEquals(findings, [], story);
  assert(finished, story);
  const { term, members } = await site.record();
  assertEquals({ term, members }, { term: 2, members: [] }, story);
  return {
    uncertain: Number(promoted[1]),
    again: Number(promoted[2] ?? 0),
    retries: site.consoleText().match(/unit attention: retrying/g)?.length ?? 0,
  };
}

async function startPair(
  site: Site,
  { stream, boot, diskLatency }: Trial,
): Promise<{ primary: Part; backup: Part }> {
  const devices = `${DEVICES} --disk-latency ${diskLatency}`;
  const machine = `as primary lockstep primary teller ${devices} --append '${boot}'`;
  const backup = (from: string) => `as backup lockstep backup ${from} ${devices}`;
  switch (stream) {
    case "shell pipe":
      site.start(`${machine} -o - | ${backup("-")}`);
      break;
    case "exec: child":
      site.start(`${machine} --to "exec:${backup("-")}"`);
      break;
    case "unix: socket":
      site.start(`${machine} --listen unix:p.sock`);
      await site.part("primary").tells(/can join at/);
      site.start(backup("unix:p.sock"));
      break;
    case "tailed file":
      site.start(`${machine} -o run.log`);
      // The primary counts on the file's reader as soon as the kernel has its snapshot.
      await site.part("primary").tells(/has joined/);
      // The end of a file says nothing: only silence is a stall.
      site.start(backup("run.log --silence 300"));
      break;
  }
  return { primary: site.part("primary"), backup: site.part("backup") };
}

/** Timers are no finer than a millisecond, a disk operation's parts are. */
function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}
