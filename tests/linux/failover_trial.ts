/**
 * One trial of the Linux campaign: a guest that writes and fsyncs to ext4 has a backup, and its primary is
 * killed with SIGKILL at a random moment. The backup goes on, and the workload must never notice.
 */
import { assert, assertEquals } from "@std/assert";
import { protectedPair, type Stream, STREAMS } from "../campaign/pair.ts";
import { Site } from "../campaign/site.ts";
import { until } from "../campaign/until.ts";
import { Random } from "../peers/qemu_random.ts";
import { assertSoundDisk } from "./disk_check.ts";
import { freshDisk, linuxGuest } from "./linux_guest.ts";
import { WITHOUT_CIPHER_TESTS } from "./linux_machine.ts";
import { assertTransactionsKept } from "./transactions.ts";

/** A load of the guest: a script of its initial file system that prints a numbered line after each fsync. */
interface Workload {
  readonly script: "sqlite" | "files";
  readonly rounds: number;
  readonly receipt: RegExp;
}

const WORKLOADS: readonly Workload[] = [
  { script: "sqlite", rounds: 80, receipt: /^receipt (\d+)\r?$/gm },
  { script: "files", rounds: 60, receipt: /^file (\d+)\r?$/gm },
];

/** What is random about a trial. */
export interface LinuxTrial {
  readonly stream: Stream;
  readonly workload: Workload;
  readonly bus: "scsi" | "blk";
  /** Of each disk operation, milliseconds; half before it is performed, half after. */
  readonly diskLatency: number;
  /** The kill comes after this receipt … */
  readonly receipt: number;
  /** … and so many milliseconds. */
  readonly delay: number;
}

/** What a kill has hit. */
export interface LinuxHit {
  /** Operations answered with an uncertain interrupt, each of which Linux has retried. */
  readonly uncertain: number;
  /** Operations performed again by the hypervisor. */
  readonly again: number;
}

/** The trial number `index` of the campaign with this seed. A third of them has virtio-blk. */
export function drawLinuxTrial(seed: number, index: number): LinuxTrial {
  const random = new Random(seed, index);
  const workload = WORKLOADS[index % WORKLOADS.length]!;
  return {
    stream: STREAMS[Math.floor(index / WORKLOADS.length) % STREAMS.length]!,
    workload,
    bus: index % 3 === 2 ? "blk" : "scsi",
    diskLatency: random.between(2, 8),
    receipt: random.between(1, Math.floor(workload.rounds * 0.8)),
    delay: random.below(60_000) / 1000,
  };
}

/** A trial as a person reads it. */
export function linuxTrialText(trial: LinuxTrial): string {
  const { stream, workload, bus, diskLatency, receipt, delay } = trial;
  return `${stream}, Linux "${workload.script}" on virtio-${bus}, disk latency ${diskLatency} ms, ` +
    `kill -9 ${delay.toFixed(3)} ms after receipt ${receipt}`;
}

/** Runs a trial; throws when anything is not as one uninterrupted machine would have left it. */
export async function runLinuxTrial(trial: LinuxTrial): Promise<LinuxHit> {
  const { workload, bus } = trial;
  await using site = await Site.open();
  const disk = await freshDisk(site.folder, "linux.img");
  const { kernel, initrd } = linuxGuest();
  const { primary, backup } = await protectedPair(site, {
    stream: trial.stream,
    guest: `--kernel ${kernel} --initrd ${initrd} --ram 128`,
    devices: `--disk linux.img,bus=${bus} --console console`,
    // Warnings are shown, so that the console has what the kernel says of the failover.
    boot:
      `${WITHOUT_CIPHER_TESTS} loglevel=5 lockstep.script=${workload.script} lockstep.rounds=${workload.rounds}`,
    diskLatency: trial.diskLatency,
  });
  const receipts = () => [...kernelLinesOut(site.consoleText()).matchAll(workload.receipt)].length;
  // A receipt that the backup has not seen yet; a reader of a file is sure then that its primary lives.
  const receipt = Math.max(trial.receipt, receipts() + 1);
  await until(() => receipts() >= receipt, () => `receipt ${receipt}\n${site.story()}`);
  const end = performance.now() + trial.delay;
  while (performance.now() < end);
  const inTime = await primary.reaches("SIGKILL");
  assertEquals([await primary.ends(), await backup.ends()], [inTime ? 137 : 0, 0], site.story());

  const console = site.consoleText();
  const story = `${linuxTrialText(trial)}\n${site.story()}`;
  assert(console.includes("check: all is well"), story);
  assertEquals(console.match(/.*(I\/O error|EXT4-fs (error|warning)|Call Trace).*/), null, story);
  const told = [...kernelLinesOut(console).matchAll(workload.receipt)].map(([, number]) =>
    Number(number)
  );
  assertEquals(told, Array.from({ length: workload.rounds }, (_, index) => index + 1), story);
  await assertSoundDisk(disk);
  if (workload.script === "sqlite") await assertTransactionsKept(disk, workload.rounds);
  if (!inTime) return { uncertain: 0, again: 0 };

  const promoted = await backup.tells(/Promoted: .*, (\d+) operations? uncertain(?:, (\d+) )?/);
  const hit = { uncertain: Number(promoted[1]), again: Number(promoted[2] ?? 0) };
  if (bus === "blk") assertEquals(hit.uncertain, 0, story);
  assertRetried(backup.lines, hit, story);
  // One at the boot of a SCSI disk, one for each unit attention.
  const resets = console.match(/Power-on or device reset occurred/g)?.length ?? 0;
  if (bus === "scsi") assertEquals(resets, 1 + hit.uncertain, story);
  return hit;
}

/** The event log names each uncertain operation and its retry, and each one that was performed again. */
function assertRetried(lines: readonly string[], hit: LinuxHit, story: string): void {
  const told = (what: RegExp) =>
    lines.map((line) => what.exec(line)?.[1]).filter((number) => number !== undefined).sort();
  const uncertain = told(/(Operation \d+), .*: uncertain$/);
  assertEquals(uncertain.length, hit.uncertain, story);
  assertEquals(told(/(Operation \d+), .*: retried as operation \d+$/), uncertain, story);
  assertEquals(told(/(Operation \d+), .*: performed again$/).length, hit.again, story);
}

/** The kernel's own lines may come in the middle of another: without them the other is whole again. */
function kernelLinesOut(console: string): string {
  return console.replace(/\[ *\d+\.\d{6}\] [^\n]*\n/g, "");
}
