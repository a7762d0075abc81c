/** What a machine's process needs: time until the guest runs, and memory. */
import type { FigureGoal } from "./goals.ts";
import { type CommandLine, lockstepCommand } from "./lockstep_command.ts";
import { timePhases } from "./phase_lines.ts";

/** The guest needs nearly all of it: then what is not guest RAM is known. */
const RAM_MEBIBYTES = 2;
const MEBIBYTE = 2 ** 20;

/** One round's figures. */
export type Footprint = Readonly<Record<FigureGoal["figure"], number>>;

/** Measures each figure once. */
export async function footprint(folder: string): Promise<Footprint> {
  const small = ["bench", "--quiet", "--ram", `${RAM_MEBIBYTES}`];
  return {
    startMilliseconds: await firstLineMilliseconds(lockstepCommand("run", "hello", "--quiet")),
    runMegabytes: await megabytesBeyondRam(lockstepCommand("run", ...small)),
    recordMegabytes: await megabytesBeyondRam(
      lockstepCommand("record", ...small, "-o", `${folder}/small.log`),
    ),
  };
}

/** From the start of the process to the first output of a guest that prints at once. */
export async function firstLineMilliseconds([program, ...args]: CommandLine): Promise<number> {
  const began = performance.now();
  const streams = { stdin: "null", stdout: "piped", stderr: "null" } as const;
  const child = new Deno.Command(program, { args, ...streams }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const took = performance.now() - began;
  while (!(await reader.read()).done);
  await child.status;
  return took;
}

async function megabytesBeyondRam(command: CommandLine): Promise<number> {
  let most = 0;
  await timePhases(command, (processId) => most = Math.max(most, mostResidentBytes(processId)));
  return (most - RAM_MEBIBYTES * MEBIBYTE) / 1e6;
}

/** The most memory that a process has had so far; 0 when it has left. Deno itself reads no such file with less than all rights. */
export function mostResidentBytes(processId: number): number {
  const streams = { stdout: "piped", stderr: "null" } as const;
  const args = [`/proc/${processId}/status`];
  const { stdout } = new Deno.Command("cat", { args, ...streams }).outputSync();
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(new TextDecoder().decode(stdout))?.[1] ?? 0);
}
