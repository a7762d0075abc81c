/** Runs the host's programs. */
import { Trouble } from "./trouble.ts";

/** A program ended with a failure. */
export class ProgramFailure extends Error {
  override name = "ProgramFailure";

  constructor(readonly program: string, readonly code: number, readonly stderr: string) {
    super(`${program} failed with exit code ${code}: ${firstReason(stderr)}`);
  }
}

/** How to run a program. */
export interface ProgramOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** Hears each line of its standard output while it runs. */
  readonly hear?: (line: string) => void;
}

/** Runs a program to its end and returns its standard output. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const child = spawn(program, args, options);
  const feeding = feed(child, options.stdin);
  const stderr = new Response(child.stderr).text();
  const stdout = await listen(child.stdout, options.hear);
  const { code } = await child.status;
  await feeding;
  if (code !== 0) throw new ProgramFailure(program, code, await stderr);
  await stderr;
  return stdout;
}

function spawn(program: string, args: readonly string[], options: ProgramOptions) {
  try {
    return new Deno.Command(program, {
      args: [...args],
      ...(options.folder === undefined ? {} : { cwd: options.folder }),
      env: { LC_ALL: "C.UTF-8", ...options.environment },
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Trouble("host", `This host has no ${program}`, { cause: error });
  }
}

async function feed(child: Deno.ChildProcess, content: Uint8Array | undefined): Promise<void> {
  if (content === undefined) return;
  // A program that leaves early says why by its exit code.
  await ReadableStream.from([content]).pipeTo(child.stdin).catch(() => {});
}

async function listen(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  hear: ((line: string) => void) | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const decoder = new TextDecoder();
  let begun = "";
  for await (const chunk of stream) {
    chunks.push(chunk);
    if (hear === undefined) continue;
    const lines = (begun + decoder.decode(chunk, { stream: true })).split("\n");
    begun = lines.pop()!;
    for (const line of lines) hear(line);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** The line that says most: apt's errors begin with "E:", warnings with "W:". */
function firstReason(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.find((line) => line.startsWith("E:")) ?? lines.at(-1) ?? "it does not say why";
  return line.replace(/^E:\s*/, "");
}
