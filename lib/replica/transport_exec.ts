/** A child process as a two-way stream over its standard input and output, such as `ssh HOST lockstep backup -`. */
import { errorText } from "../host/fault.ts";
import { type ByteStream, readableFrom, TransportError, writableTo } from "./transport.ts";

/**
 * Starts `sh -c COMMAND`; its standard error is ours.
 *
 * Ctrl-C at a terminal reaches every process there: the child is started with SIGINT ignored, so that ssh
 * lives on to carry the end of the log (a program that wants the signal can still ask for it).
 *
 * Closing ends the command's input and output and does not kill it: it may be the machine that goes on
 * when we cannot, and it finds out by itself whether it may.
 *
 * @throws {TransportError} when there is no shell, or it may not be run
 */
export function openExec(command: string): ByteStream {
  const name = `exec:${command}`;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("sh", {
      args: ["-c", `trap '' INT\n${command}`],
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
  let closed = false;
  return {
    name,
    kind: "exec",
    direction: "two-way",
    readable: readableFrom(name, next),
    writable: writableTo(name, destination, () => input.close()),
    endAtPresentEnd() {},
    close() {
      if (closed) return Promise.resolve();
      closed = true;
      // Not waited for: input that a stopped command does not take ends only with the command.
      input.close().catch(() => {});
      output.cancel().catch(() => {});
      letGo(child);
      return Promise.resolve();
    },
  };
}

/** This process does not stay for the command's sake. */
function letGo(child: Deno.ChildProcess): void {
  try {
    child.unref();
  } catch (error) {
    // It has ended, and Deno has not told yet.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
