/**
 * What a debugger at a backup costs the primary: how long the backup's acknowledgements take, and how fast a guest
 * that waits for each of them goes. In turn without a debugger, with one that is attached and looks at the
 * moment at which it came, and with one that follows the machine. Then, for how long a backup does not execute when
 * a debugger attaches, and for how long it does nothing else, such as acknowledging.
 *
 *     deno task bench live-debug [ROUNDS]
 */
import { BootImage } from "../../lib/board/boot_image.ts";
import { Machine } from "../../lib/board/machine.ts";
import { POWER_ON_TIME } from "../../lib/epoch/guest_time.ts";
import { Replica } from "../../lib/epoch/replica.ts";
import { hostLoop } from "../../lib/host/event_loop.ts";
import { DebugCopyStart } from "../../lib/replica/debug_copy.ts";
import { fill, LongestStop } from "./join.ts";
import { gdbTalker } from "../debug/gdb_client.ts";
import { Lockstep, shellLine } from "../cli/lockstep_process.ts";
import { median } from "./statistics.ts";

const CASES = ["nobody", "attached", "following"] as const;
const METER = new URL("./acknowledgement_meter.ts", import.meta.url).pathname;
const PIPE = new URL("../cli/loopback_pipe.ts", import.meta.url).pathname;
const DEFAULT_ROUNDS = 5;
const TRANSFERS = 600;
/** MiB of RAM, all of which holds something. */
const RAM_MIB = [128, 1024] as const;

interface Figures {
  /** Of each acknowledgement, ascending. */
  readonly latencies: readonly number[];
  /** That the guest has taken, by its own clock. */
  readonly millisecondsPerTransfer: number;
}

/** Measures all cases in turn, and prints a table of medians. */
export async function benchLiveDebug(argument = `${DEFAULT_ROUNDS}`): Promise<void> {
  const rounds = Number(argument);
  const all = CASES.map((name) => ({ name, figures: new Array<Figures>() }));
  for (let round = 0; round < rounds; round++) {
    for (const { name, figures } of all) figures.push(await measure(name));
  }
  const row = (...cells: readonly string[]) =>
    console.log(cells.map((cell) => cell.padStart(16)).join(""));
  row("debugger", "median ms", "99 of 100 ms", "longest ms", "ms a transfer");
  for (const { name, figures } of all) {
    const cell = (value: (one: Figures) => number) => median(figures.map(value)).toFixed(2);
    const part = (share: number) => ({ latencies }: Figures) =>
      latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))]!;
    row(
      name,
      cell(part(0.5)),
      cell(part(0.99)),
      cell(part(1)),
      cell((one) => one.millisecondsPerTransfer),
    );
  }
  for (const ramMib of RAM_MIB) await measureStanding(ramMib);
}

/** A backup's part in an attachment, with as much RAM. */
async function measureStanding(ramMib: number): Promise<void> {
  const configuration = { ramBytes: ramMib * 2 ** 20, disks: [], bills: false };
  const elf = Deno.readFileSync(new URL("../../fixtures/echo.elf", import.meta.url));
  const machine = Machine.powerOn(configuration, BootImage.load(elf, configuration));
  fill(machine.memory, ramMib);
  const start = new DebugCopyStart(new Replica(machine, 0, POWER_ON_TIME), hostLoop);
  await start.prepare();
  const stops = new LongestStop();
  const before = performance.now();
  await start.take({ run: "00", ramDigestSteps: 1e9, consoleBase: 0, billBase: 0 }, 1);
  const stood = performance.now() - before;
  const longest = stops.end();
  console.log(
    `${ramMib} MiB, all in use: a backup executes nothing for ${stood.toFixed(1)} ms, and ` +
      `acknowledges nothing for ${longest.toFixed(1)} ms at most`,
  );
}

async function measure(name: typeof CASES[number]): Promise<Figures> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-bench-" });
  try {
    const outside = ["--disk", `${folder}/d.img`, "--bills", `${folder}/bills`];
    const backup = shellLine([
      ...["backup", "-", ...outside, "--console", `${folder}/console`, "--debug", "127.0.0.1:0"],
    ]);
    const meter = [
      ...[Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-run", "--allow-write=/tmp"],
      ...[METER, `${folder}/latencies`],
    ];
    await using primary = new Lockstep([
      ...["primary", "teller", "--append", `transfers=${TRANSFERS} pace=0`, "--create-disk", "8M"],
      ...[...outside, "--console", `${folder}/console`],
      ...["--to", `exec:${meter.map((word) => `'${word}'`).join(" ")} ${backup}`],
    ]);
    const [, port] = await primary.says(/In gdb: target remote 127\.0\.0\.1:(\d+)/);
    await primary.says(/has joined/);
    const debugging = name === "nobody" ? undefined : await attach(port!, name === "following");
    const { code, stderr } = await primary.end();
    if (code !== 0) throw new Error(stderr);
    await debugging?.[Symbol.asyncDispose]();
    const said = await Deno.readTextFile(`${folder}/console`);
    const answers = JSON.parse(await Deno.readTextFile(`${folder}/latencies`)) as number[];
    // The first one waits for the backup's process to start.
    const latencies = answers.slice(1);
    return {
      latencies: latencies.sort((a, b) => a - b),
      millisecondsPerTransfer: Number(/transfers in (\d+) ms/.exec(said)![1]) / TRANSFERS,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Attaches as gdb does. */
async function attach(port: string, follows: boolean): Promise<AsyncDisposable> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", PIPE, port],
    ...{ stdin: "piped", stdout: "piped" },
  }).spawn();
  const gdb = gdbTalker(child.stdin, child.stdout);
  await gdb.ask("?");
  const end = follows ? gdb.asked("c") : undefined;
  return {
    async [Symbol.asyncDispose]() {
      await end;
      await gdb.disconnect();
      await child.status;
    },
  };
}
