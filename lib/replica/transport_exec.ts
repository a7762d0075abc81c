/** A child process as a two-way stream over its standard input and output, such as `ssh HOST lockstep backup -`. */
import { errorText } from "../host/fault.ts";
import { settledWithin } from "../host/pause.ts";
import { type ByteStream, readableFrom, TransportError, writableTo } from "./transport.ts";

/** Time that a child is given to leave after its input has ended, milliseconds. */
const LEAVING_MILLISECONDS = 500;

/**
 * Starts `sh -c COMMAND`; its standard error is ours.
 *
 * Ctrl-C at a terminal reaches every process there: the child is started with SIGINT ignored, so that ssh
 * lives on to carry the end of the log (a program that wants the signal can still ask for it).
 *
 * @throws {TransportError} when there is no shell, or it may not be run
 */
export function openExec(command: string): ByteStream {
  const name = `exec:${command}`;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("sh", {
      // The inner shell gives its place to a simple command, so that a signal to it reaches the command.
      args: ["-c", "trap '' INT; exec sh -c \"$1\"", "sh", command],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    throw new TransportError("Cannot start", name, errorText(error), { cause: error });
  }
  const input = child.stdin.getWriter();
  const output = child.stdout.getReader();
  const destination = {
    async write(data: Uint8Array): Promise<number> {
      await input.write(data);
      return data.length;
    },
  };
  const next = async () => (await output.read()).value ?? null;
  let closing: Promise<void> | undefined;
  return {
    name,
    kind: "exec",
    direction: "two-way",
    readable: readableFrom(name, next),
    writable: writableTo(name, destination, () => input.close()),
    endAtPresentEnd() {},
    close() {
      closing ??= leave(child, input, output);
      return closing;
    },
  };
}

/** Ends the child's input, then stops it if it stays. */
async function leave(
  child: Deno.ChildProcess,
  input: WritableStreamDefaultWriter<Uint8Array>,
  output: ReadableStreamDefaultReader<Uint8Array>,
): Promise<void> {
  // Neither is waited for: a write that the child does not take ends only with the child.
  input.close().catch(() => {});
  output.cancel().catch(() => {});
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (await settledWithin(child.status, LEAVING_MILLISECONDS)) return;
    try {
      child.kill(signal);
    } catch {
      // It has just left by itself.
    }
  }
  await child.status;
}
