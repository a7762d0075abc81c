/** How long Debian's Linux takes here and on QEMU, and how much memory. */
import { TextLineStream } from "@std/streams";
import { freshDisk } from "../linux/linux_guest.ts";
import { mostResidentBytes } from "./footprint.ts";
import {
  figureFinding,
  type Finding,
  findingLines,
  ratioFinding,
  type Round,
  type TimedRun,
} from "./goal_report.ts";
import type { RatioGoal } from "./goals.ts";
import { isInstalled, QEMU } from "./installed.ts";
import { contestants, type Load, loads, RAM_MEBIBYTES } from "./linux_contestants.ts";
import type { CommandLine } from "./lockstep_command.ts";
import { median } from "./statistics.ts";

const DEFAULT_ROUNDS = 5;
/** Lines at which memory is looked at: after the last one the process may have left. */
const LATE = /check: all is well|Power down/;
const goals: readonly RatioGoal[] = [
  {
    ...{ title: "boot, recording, against QEMU rr=record", here: "record", peer: "qemu record" },
    ...{ without: ["sqlite"], wanted: { slowerAtMost: 1 } },
  },
  {
    ...{ title: "sqlite, recording, against QEMU rr=record", here: "record", peer: "qemu record" },
    ...{ without: ["boot"], wanted: { fasterAtLeast: 1.2 } },
  },
];

/** What a run took. */
interface LinuxRun {
  readonly seconds: number;
  readonly residentBytes: number;
}

/** Measures all contestants and prints a table. */
export async function benchLinux(rounds = `${DEFAULT_ROUNDS}`): Promise<void> {
  const hasQemu = await isInstalled(QEMU);
  if (!hasQemu) console.log(`${QEMU} is not installed: no ratios`);
  const names = Object.keys(contestants).filter((name) => hasQemu || !name.startsWith("qemu"));
  const found: ReadonlyMap<string, LinuxRun>[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    console.error(`round ${round + 1} of ${rounds}`);
    const runs = new Map<string, LinuxRun>();
    for (const load of loads) {
      for (const name of names) runs.set(keyOf(name, load), await measure(name, load));
    }
    found.push(runs);
  }
  report(names, found);
}

const keyOf = (name: string, load: Load) => `${name} ${load.name}`;

async function measure(name: string, load: Load): Promise<LinuxRun> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-bench-" });
  try {
    return await run(contestants[name]!(load.append, await freshDisk(folder), folder), load);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run([program, ...args]: CommandLine, load: Load): Promise<LinuxRun> {
  let from = performance.now();
  const streams = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(program, { args, ...streams }).spawn();
  const said = new Response(child.stderr).text();
  let to: number | undefined;
  let residentBytes = 0;
  let shown = "";
  const text = child.stdout.pipeThrough(new TextDecoderStream());
  const lines: ReadableStream<string> = text.pipeThrough(new TextLineStream());
  for await (const line of lines) {
    if (load.from?.test(line)) from = performance.now();
    if (load.to?.test(line)) to = performance.now();
    if (LATE.test(line)) {
      residentBytes = Math.max(residentBytes, mostResidentBytes(child.pid));
    }
    shown += `${line}\n`;
  }
  const { code } = await child.status;
  to ??= performance.now();
  const told = await said;
  if (code !== 0 || !shown.includes("check: all is well")) {
    throw new Error(`${program} ${args.join(" ")} failed with exit code ${code}\n${shown}${told}`);
  }
  return { seconds: (to - from) / 1e3, residentBytes };
}

function report(names: readonly string[], found: readonly ReadonlyMap<string, LinuxRun>[]): void {
  const values = (name: string, load: Load, of: keyof LinuxRun) =>
    found.map((runs) => runs.get(keyOf(name, load))![of]);
  const row = (first: string, cells: readonly string[]) =>
    console.log(first.padEnd(52) + cells.map((cell) => cell.padStart(13)).join(""));
  row("", names);
  for (const load of loads) {
    const seconds = (name: string) => median(values(name, load, "seconds")).toFixed(2);
    row(`${load.what}, s`, names.map(seconds));
  }
  for (const load of loads) {
    const megabytes = (name: string) =>
      (median(values(name, load, "residentBytes")) / 1e6).toFixed(0);
    row(`most memory, ${load.name}, MB`, names.map(megabytes));
  }
  console.log();
  const rounds = found.map((runs): Round =>
    new Map(names.map((name): [string, TimedRun] => {
      const phases = loads.map((load) => [load.name, runs.get(keyOf(name, load))!] as const);
      return [name, { phases: new Map(phases), seconds: 0 }];
    }))
  );
  const memory = loads.map((load) => {
    const beyond = (bytes: number) => (bytes - RAM_MEBIBYTES * 2 ** 20) / 1e6;
    const title = `${load.name}, recording: memory beyond guest RAM`;
    const goal = { title, unit: "MB", below: 150 };
    return figureFinding(goal, values("record", load, "residentBytes").map(beyond));
  });
  const findings = [...goals.map((goal) => ratioFinding(goal, rounds)), ...memory];
  const lines = findingLines(findings.filter((one): one is Finding => one !== undefined));
  for (const line of lines) console.log(line);
}
