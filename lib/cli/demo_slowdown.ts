/** What being protected costs a guest that only computes: the demo's last figure. */
import { LockstepProcess } from "./demo_process.ts";
import type { Role, Status } from "./event.ts";
import { CommandError } from "./failure.ts";
import { ExitCode } from "./exit_codes.ts";

/** Percent of the bench guest's full work: seconds, most of them protected. */
const SCALE = 300;
/** A machine is at full speed after its first moments. */
const WARM_UP_MILLISECONDS = 300;

/** Speeds in million steps per second of host time. */
export interface Slowdown {
  /** Without a backup. */
  readonly alone: number;
  /** With a backup that replays. */
  readonly protected: number;
  /** How many times slower protected is. */
  readonly factor: number;
}

/** Runs the bench guest alone, then with a backup that replays on another core. */
export async function measureSlowdown(
  folder: string,
  started: (process: LockstepProcess) => void,
): Promise<Slowdown> {
  const socket = `${folder}/bench.sock`;
  const start = (name: string, words: readonly string[]) => {
    const process = new LockstepProcess(name, words, folder, [socket], () => {});
    started(process);
    return process;
  };
  const guest = ["bench", "--append", `scale=${SCALE}`];
  const single = start("lone machine", ["run", ...guest]);
  await single.end();
  await Deno.writeFile(`${folder}/arbiter`, new Uint8Array(0));
  const arbiter = ["--arbiter", `${folder}/arbiter`];
  const primary = start("primary", ["primary", ...guest, ...arbiter, "--listen", `unix:${socket}`]);
  await primary.until("listening");
  const backup = start("backup", ["backup", `unix:${socket}`, ...arbiter]);
  await primary.end();
  await backup.end();
  const alone = speed(single, "running");
  const guarded = speed(primary, "protected");
  return { alone, protected: guarded, factor: alone / guarded };
}

/** Million steps per second while in that role. */
function speed(process: LockstepProcess, role: Role): number {
  const all = process.events.filter((event): event is Status & { at: number } =>
    event.kind === "status" && event.role === role
  );
  const statuses = all.filter(({ at }) => at - all[0]!.at >= WARM_UP_MILLISECONDS);
  const [from, to] = [statuses.at(0), statuses.at(-1)];
  if (!from || !to || from === to) {
    throw new CommandError(ExitCode.internal, `The ${process.name} was not ${role} long enough`);
  }
  return (to.steps - from.steps) / (to.at - from.at) / 1000;
}
