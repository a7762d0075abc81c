/**
 * One trial of the campaign: a teller with a backup, whose primary is killed with SIGKILL at a random
 * moment of the session; the backup goes on, and the auditor looks at what is left.
 */
import { assertEquals } from "@std/assert";
import { Random } from "../peers/qemu_random.ts";
import { protectedPair, type Stream, STREAMS } from "./pair.ts";
import { Site } from "./site.ts";
import { assertFinishedSoundly } from "./verdict.ts";

/** What is random about a trial. */
export interface Trial {
  readonly stream: Stream;
  /** How the disk is attached: where promotions are told, or where they go unnoticed. */
  readonly bus: "scsi" | "blk";
  /** The teller's boot arguments. */
  readonly boot: string;
  /** Of each disk operation, milliseconds; half before it is performed, half after. */
  readonly diskLatency: number;
  /** The kill comes after this receipt … */
  readonly receipt: number;
  /** … and so many milliseconds. */
  readonly delay: number;
}

/** What a kill has hit; nothing, when it came after the end of the session. */
export interface Hit {
  /** Operations answered with an uncertain interrupt, each of which the guest's driver has retried. */
  readonly uncertain: number;
  /** Operations performed again. */
  readonly again: number;
}

/** The teller's boot arguments, and the receipts at which it is killed. */
const SESSIONS = [
  { boot: "burst transfers=1200", receipts: 900 },
  { boot: "burst transfers=600 batch=4", receipts: 450 },
  { boot: "transfers=120 pace=1", receipts: 90 },
] as const;

/** The trial number `index` of the campaign with this seed. */
export function drawTrial(seed: number, index: number): Trial {
  const random = new Random(seed, index);
  const { boot, receipts } = random.pick(SESSIONS);
  return {
    stream: STREAMS[index % STREAMS.length]!,
    // Each stream meets each bus within twelve trials.
    bus: index % 3 === 2 ? "blk" : "scsi",
    boot,
    diskLatency: random.between(1, 6),
    receipt: random.below(receipts),
    delay: random.below(12_000) / 1000,
  };
}

/** A trial as a person reads it. */
export function trialText({ stream, bus, boot, diskLatency, receipt, delay }: Trial): string {
  return `${stream}, virtio-${bus}, teller "${boot}", disk latency ${diskLatency} ms, ` +
    `kill -9 ${delay.toFixed(3)} ms after receipt ${receipt}`;
}

/** Runs a trial; throws when the bank is not as one uninterrupted machine would have left it. */
export async function runTrial(trial: Trial): Promise<Hit> {
  await using site = await Site.open();
  const { primary, backup } = await protectedPair(site, trial);
  // A receipt that it has not seen yet: the reader of a file is sure then that its primary lives.
  await site.receipt(Math.max(trial.receipt, site.receipts() + 1));
  spin(trial.delay);
  const inTime = await primary.reaches("SIGKILL");
  const codes = [await primary.ends(), await backup.ends()];
  const story = `${trialText(trial)}\n${site.story()}`;
  assertEquals(codes, [inTime ? 137 : 0, 0], story);
  assertFinishedSoundly(site);
  if (!inTime) return { uncertain: 0, again: 0 };
  const promoted = await backup.tells(/Promoted: .*, (\d+) operations? uncertain(?:, (\d+) )?/);
  const { term, members } = await site.record();
  assertEquals({ term, members }, { term: 2, members: [] }, story);
  const uncertain = Number(promoted[1]);
  const retries = site.consoleText().match(/unit attention: retrying/g)?.length ?? 0;
  assertEquals(retries, uncertain, story);
  if (trial.bus === "blk") assertEquals(uncertain, 0, story);
  return { uncertain, again: Number(promoted[2] ?? 0) };
}

/** Timers are no finer than a millisecond, a disk operation's parts are. */
function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}
