/**
 * A trial whose kill may come before, while or just after the backup joins: either the backup goes on, or
 * it says why not, and nobody does.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { pause } from "../../lib/host/pause.ts";
import { Random } from "../peers/qemu_random.ts";
import { startPair, type Stream, STREAMS } from "./pair.ts";
import { Site } from "./site.ts";
import { assertBankGoesOn, assertFinishedSoundly } from "./verdict.ts";

/** A backup needs about half of this to start and to join, milliseconds. */
const LATEST_MILLISECONDS = 1000;

/** Why a backup may stay what it is, by its exit code. */
const REASONS = new Map([
  [
    67,
    /Not promoted: (The stream has ended .* before a whole snapshot|The primary was never seen)/,
  ],
  [68, /Left behind, join again: The membership record does not name this backup$/],
  [69, /Cannot connect to unix:p\.sock: (nobody listens there|there is no such socket)/],
]);

/** What is random about a trial. */
export interface EarlyTrial {
  readonly stream: Stream;
  /** From the start of both processes to the kill, milliseconds. */
  readonly delay: number;
}

/** The early trial number `index` of the campaign with this seed. */
export function drawEarlyTrial(seed: number, index: number): EarlyTrial {
  const delay = new Random(~seed, index).below(LATEST_MILLISECONDS);
  return { stream: STREAMS[index % STREAMS.length]!, delay };
}

/** A trial as a person reads it. */
export function earlyTrialText({ stream, delay }: EarlyTrial): string {
  return `${stream}, kill -9 ${delay} ms after the start`;
}

/** Runs a trial, and answers how the backup ended. */
export async function runEarlyTrial(trial: EarlyTrial): Promise<"promoted" | "not promoted"> {
  await using site = await Site.open();
  const boot = "burst transfers=2400";
  const { primary, backup } = await startPair(site, {
    stream: trial.stream,
    boot,
    diskLatency: 5,
  });
  await Promise.all([primary.processId(), backup.processId()]);
  await pause(trial.delay);
  const joined = primary.hasTold(/has joined: protected$/) && backup.hasTold(/Following run/);
  await primary.signal("SIGKILL");
  const code = await backup.ends();
  if (code === 0) {
    assertFinishedSoundly(site);
    return "promoted";
  }
  const story = `${earlyTrialText(trial)}\n${site.story()}`;
  assertMatch(backup.lines.at(-1)!, REASONS.get(code) ?? /^$/, story);
  // A file must also have grown since it was opened.
  assert(!joined || trial.stream === "tailed file", story);
  assertEquals(await primary.ends(), 137, story);
  await assertBankGoesOn(site);
  return "not promoted";
}
