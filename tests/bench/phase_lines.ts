/** How long the phases of the guest `bench` take, by what it prints. */
import { TextLineStream } from "@std/streams";
import type { CommandLine } from "./lockstep_command.ts";

/** A phase as somebody has run it. */
export interface PhaseTime {
  readonly seconds: number;
  /** What it computed: the same wherever it runs. */
  readonly checksum: string;
  /** Instructions that were counted, where they are. */
  readonly instructions?: number;
}

/** The phases of one run. */
export type PhaseTimes = ReadonlyMap<string, PhaseTime>;

/** One run of the guest. */
export interface BenchRun {
  readonly phases: PhaseTimes;
  /** From the start of the process to its end. */
  readonly seconds: number;
}

/** A line of the guest, or of the native program, which times itself. */
const LINE =
  /^phase (?<name>\w+) (?:nanoseconds (?<nanoseconds>\d+) |instructions (?<instructions>\d+) .*)checksum (?<checksum>\w+)/;

/**
 * Runs a command to its end. A phase of a machine takes as long as passes, for us, between its line and the one before.
 * @param look Is called at each line.
 */
export async function timePhases(
  [program, ...args]: CommandLine,
  look: (processId: number) => void = () => {},
): Promise<BenchRun> {
  const began = performance.now();
  const streams = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(program, { args, ...streams }).spawn();
  const said = new Response(child.stderr).text();
  const phases = new Map<string, PhaseTime>();
  const text = child.stdout.pipeThrough(new TextDecoderStream());
  const lines: ReadableStream<string> = text.pipeThrough(new TextLineStream());
  let before = began;
  for await (const line of lines) {
    const now = performance.now();
    look(child.pid);
    const { name, nanoseconds, instructions, checksum } = LINE.exec(line)?.groups ?? {};
    if (name !== undefined && checksum !== undefined) {
      phases.set(name, {
        seconds: nanoseconds === undefined ? (now - before) / 1e3 : Number(nanoseconds) / 1e9,
        checksum,
        ...(instructions === undefined ? {} : { instructions: Number(instructions) }),
      });
    }
    before = now;
  }
  const { code } = await child.status;
  const seconds = (performance.now() - began) / 1e3;
  const told = await said;
  if (code !== 0 || phases.size === 0) {
    throw new Error(`${program} ${args.join(" ")} failed with exit code ${code}\n${told}`);
  }
  return { phases, seconds };
}
