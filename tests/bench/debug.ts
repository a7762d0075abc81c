/**
 * How long a debugger waits for a step back and for the search of a whole recording, here and, through the
 * same gdb, on QEMU's record/replay, which can do it on bare metal.
 *
 *     deno task bench debug          # the guest `bench`, beside QEMU, and a boot of Debian's Linux
 *     deno task bench debug FILE     # any log, such as one of a boot of Linux
 */
import { Debugger } from "../../lib/debug/debugger.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { shellLine } from "../cli/lockstep_process.ts";
import { inMilliseconds, row, spreadPoints, timed } from "./debug_rows.ts";
import { isInstalled, QEMU } from "./installed.ts";
import { recordLinux } from "./linux_recording.ts";
import { median } from "./statistics.ts";
import { measureWhoWrote } from "./who_wrote.ts";

const POINTS = 10;
const BACK_STEPS = 5;
const GOAL_MILLISECONDS = 200;
/** In no page that anybody maps. */
const NOWHERE = 0x7ff_ffff_f000n;
/** The tenth part of what `bench` does by default. */
const SCALE = "scale=10";
const elf = new URL("../../fixtures/bench.elf", import.meta.url).pathname;

/** Measures a log without gdb; answers whether the goal is reached. */
async function measure(path: string): Promise<boolean> {
  let timeline: Timeline | undefined;
  row("open", inMilliseconds(await timed(async () => timeline = await Timeline.open(path))));
  const opened = timeline!;
  const { start, end } = opened;
  const steps = end.step - start.step;
  row("steps", `${(steps / 1e6).toFixed(1)} M`);
  await opened.seek(start);
  const straight = await timed(() => opened.runForward({ until: () => false }));
  row("replay, start to end", inMilliseconds(straight));
  const moving = new Debugger(opened);
  moving.triggers = [{ kind: "access", address: NOWHERE, length: 8 }];
  await opened.seek(start);
  row("continue to the end, watching", inMilliseconds(await timed(() => moving.continueForward())));
  row("reverse-continue, all of it", inMilliseconds(await timed(() => moving.continueBack())));
  moving.triggers = [];
  const first: number[] = [];
  const further: number[] = [];
  for (const part of spreadPoints(POINTS)) {
    await moving.seek(opened.momentAt(start.step + Math.floor(part * steps))!);
    first.push(await timed(() => moving.stepBack()));
    for (let step = 1; step < BACK_STEPS; step++) {
      further.push(await timed(() => moving.stepBack()));
    }
  }
  const longest = Math.max(...first, ...further);
  row("reverse-stepi, the first where nobody has been, median", inMilliseconds(median(first)));
  row("reverse-stepi, further ones, median", inMilliseconds(median(further)));
  row(`reverse-stepi, longest (goal: ${GOAL_MILLISECONDS} ms)`, inMilliseconds(longest));
  await measureWhoWrote(opened);
  opened.close();
  return longest < GOAL_MILLISECONDS;
}

/** How long gdb waits for a step back near the end of `bench`, for one more, and for who wrote what stands since the start. */
async function throughGdb(target: string, folder: string): Promise<readonly string[]> {
  const clock = (command: string) =>
    `python import time; t = time.time(); gdb.execute("${command}"); print("took", time.time() - t)`;
  const commands = [`target remote ${target}`, "hbreak power_off", "continue"];
  const timed = [
    ...["reverse-stepi", "reverse-stepi"].map(clock),
    ...["watch *(long*)&boot_arguments", clock("reverse-continue")],
  ];
  const { stdout } = await new Deno.Command("gdb-multiarch", {
    args: ["-q", "-batch", "-nx", elf, ...[...commands, ...timed].flatMap((line) => ["-ex", line])],
    cwd: folder,
    stdin: "null",
    stderr: "null",
  }).output();
  return Array.from(
    new TextDecoder().decode(stdout).matchAll(/^took ([0-9.]+)$/gm),
    ([, seconds]) => inMilliseconds(1000 * Number(seconds)),
  );
}

function qemuArguments(mode: "record" | "replay"): string[] {
  return [
    ...["-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none", "-serial", "null"],
    // Its snapshots need a disk that can hold them.
    ...["-kernel", elf, "-append", SCALE, "-drive", "file=qemu.qcow2,if=none,id=snapshots"],
    ...["-icount", `shift=0,rr=${mode},rrfile=qemu.log,rrsnapshot=init`],
    ...(mode === "record" ? [] : [
      ...["-S", "-gdb", "chardev:gdb"],
      ...["-chardev", "socket,path=qemu.socket,server=on,wait=off,id=gdb"],
    ]),
  ];
}

async function qemuSteps(folder: string): Promise<readonly string[]> {
  const run = (command: string, args: readonly string[]) =>
    new Deno.Command(command, {
      ...{ args: [...args], cwd: folder, stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
  await run("qemu-img", ["create", "-f", "qcow2", "qemu.qcow2", "1M"]).status;
  await run(QEMU, qemuArguments("record")).status;
  const replay = run(QEMU, qemuArguments("replay"));
  try {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return await throughGdb(`${folder}/qemu.socket`, folder);
  } finally {
    try {
      replay.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await replay.status;
  }
}

/** Measures the guest `bench`, or a log, and prints a table. */
export async function benchDebug(path: string | undefined): Promise<void> {
  if (path !== undefined) {
    if (!await measure(path)) Deno.exitCode = 1;
    return;
  }
  const folder = await Deno.makeTempDir({ prefix: "lockstep-bench-" });
  try {
    const log = `${folder}/bench.log`;
    await new Deno.Command("sh", {
      args: ["-c", shellLine(["record", "bench", "--append", SCALE, "--quiet", "-o", log])],
      stdin: "null",
      stdout: "null",
    }).output();
    if (!await measure(log)) Deno.exitCode = 1;
    if (await isInstalled("gdb-multiarch")) await compareInGdb(log, folder);
    console.log("Debian's Linux, from reset to power-off:");
    if (!await measure(await recordLinux(folder, "check"))) Deno.exitCode = 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a person at gdb waits for, here and with QEMU. */
async function compareInGdb(log: string, folder: string): Promise<void> {
  const tell = (who: string, took: readonly string[]) => {
    row(`gdb, reverse-stepi at the end: ${who}`, took[0] ?? "failed");
    row(`gdb, another: ${who}`, took[1] ?? "failed");
    row(`gdb, who last wrote a word of the start: ${who}`, took[2] ?? "failed");
  };
  tell("lockstep", await throughGdb(`| ${shellLine(["debug", log])}`, folder));
  if (await isInstalled(QEMU) && await isInstalled("qemu-img")) tell(QEMU, await qemuSteps(folder));
}
