/**
 * How fast the guest `bench` runs here and on QEMU, in the same minutes on the same machine.
 *
 * Each phase is timed from outside, by when its line of console output arrives; instructions are those that
 * Lockstep counts, so both sides are measured in the same unit. Rounds alternate between the contestants
 * and medians are reported, because a shared machine is noisy.
 *
 *     deno task bench [ROUNDS]
 *     deno task bench join     # instead: how long a guest stands still when a backup joins
 *     deno task bench keys     # instead: how long the echo of a key takes
 *     deno task bench debug    # instead: how long a debugger waits for a step back
 */
import { TextLineStream } from "@std/streams";
import { benchDebug } from "./debug.ts";
import { benchJoin } from "./join.ts";
import { benchKeys } from "./keys.ts";

interface Contestant {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** What must be reached, as a geometric mean over the phases. */
interface Goal {
  readonly here: string;
  readonly peer: string;
  readonly ratio: number;
}

const goals: readonly Goal[] = [
  { here: "run", peer: "interpreter", ratio: 1.5 },
  { here: "run", peer: "qemu", ratio: 0.4 },
  { here: "record", peer: "qemu rr=record", ratio: 0.6 },
];

const QEMU = "qemu-system-riscv64";
const DEFAULT_ROUNDS = 3;
const elf = new URL("../../fixtures/bench.elf", import.meta.url).pathname;
const cli = new URL("../../cli.ts", import.meta.url).pathname;

/** Seconds and instructions of each phase. */
type Timing = Map<string, { readonly seconds: number; readonly instructions: number }>;

function contestants(folder: string, peer: boolean): readonly Contestant[] {
  const lockstep = ["run", "--no-prompt", "--allow-read", `--allow-write=${folder}`, cli];
  const virt = ["-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none"];
  const qemu = [...virt, "-serial", "stdio", "-kernel", elf];
  const recording = `shift=0,rr=record,rrfile=${folder}/qemu.log`;
  const run = [...lockstep, "run", "bench", "--quiet"];
  const here = [
    { name: "run", command: Deno.execPath(), args: run },
    {
      name: "interpreter",
      command: Deno.execPath(),
      args: [...run, "--engine", "interpreter"],
    },
    {
      name: "record",
      command: Deno.execPath(),
      args: [...lockstep, "record", "bench", "--quiet", "-o", `${folder}/bench.log`],
    },
  ];
  return !peer ? here : [
    ...here,
    { name: "qemu", command: QEMU, args: qemu },
    { name: "qemu rr=record", command: QEMU, args: [...qemu, "-icount", recording] },
  ];
}

async function time({ command, args, name }: Contestant): Promise<Timing> {
  const child = new Deno.Command(command, { args: [...args], stdin: "null", stdout: "piped" })
    .spawn();
  const timing: Timing = new Map();
  let before = performance.now();
  const text = child.stdout.pipeThrough(new TextDecoderStream());
  const lines: ReadableStream<string> = text.pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const now = performance.now();
    const [, phase, instructions] = /^phase (\w+) instructions (\d+) /.exec(line) ?? [];
    if (phase !== undefined) {
      timing.set(phase, {
        seconds: (now - before) / 1_000,
        instructions: Number(instructions),
      });
    }
    before = now;
  }
  const { code } = await child.status;
  if (code !== 0 || timing.size === 0) throw new Error(`${name} failed with exit code ${code}`);
  return timing;
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const geometricMean = (values: readonly number[]) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

async function hasPeer(): Promise<boolean> {
  try {
    return (await new Deno.Command(QEMU, { args: ["--version"], stdout: "null" }).output()).success;
  } catch {
    return false;
  }
}

/** Million instructions per second: for each contestant, for each phase. */
async function measure(rounds: number, peer: boolean): Promise<Map<string, Map<string, number>>> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-bench-" });
  try {
    const timings = new Map<string, Timing[]>();
    for (let round = 0; round < rounds; round++) {
      for (const contestant of contestants(folder, peer)) {
        const timing = await time(contestant);
        timings.set(contestant.name, [...timings.get(contestant.name) ?? [], timing]);
        for await (const { name } of Deno.readDir(folder)) await Deno.remove(`${folder}/${name}`);
      }
    }
    const counted = timings.get("run")![0]!;
    return new Map(Array.from(timings, ([name, all]) => {
      const speeds = Array.from(counted, ([phase, { instructions }]): [string, number] => {
        const seconds = median(all.map((timing) => timing.get(phase)!.seconds));
        return [phase, instructions / seconds / 1e6];
      });
      return [name, new Map(speeds)];
    }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function report(speeds: Map<string, Map<string, number>>): boolean {
  const names = [...speeds.keys()];
  const width = 16;
  const row = (first: string, cells: readonly string[]) =>
    console.log(first.padEnd(12) + cells.map((cell) => cell.padStart(width)).join(""));
  row("MIPS", names);
  for (const phase of speeds.get("run")!.keys()) {
    row(phase, names.map((name) => speeds.get(name)!.get(phase)!.toFixed(0)));
  }
  const means = new Map(
    names.map((name) => [name, geometricMean([...speeds.get(name)!.values()])]),
  );
  row("geom. mean", names.map((name) => means.get(name)!.toFixed(0)));
  let reached = true;
  for (const { here, peer, ratio } of goals) {
    if (!means.has(peer)) continue;
    const found = means.get(here)! / means.get(peer)!;
    reached &&= found >= ratio;
    console.log(`${here} / ${peer} = ${found.toFixed(2)} (goal: at least ${ratio})`);
  }
  return reached;
}

async function benchSpeed(rounds: number): Promise<void> {
  const peer = await hasPeer();
  if (!peer) console.log(`${QEMU} is not installed: no ratios`);
  if (!report(await measure(rounds, peer))) Deno.exitCode = 1;
}

if (Deno.args[0] === "join") await benchJoin();
else if (Deno.args[0] === "keys") await benchKeys();
else if (Deno.args[0] === "debug") await benchDebug(Deno.args[1]);
else await benchSpeed(Number(Deno.args[0] ?? DEFAULT_ROUNDS));
