/** `lockstep switch`: a network for machines on this host, and a way out of it. */
import { FrameSwitchServer } from "../host/frame_switch_server.ts";
import { type Arguments, type Command, textOption, UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { notesOption } from "./machine_options.ts";
import { socketPath } from "./network_option.ts";
import { reporterFor } from "./report_form.ts";
import { onSignals } from "./signals.ts";

const toOption = {
  ...textOption("to", "unix:PATH", "Connect to this socket, of passt or of another switch", {
    repeat: true,
  }),
  parse: (text: string) => socketPath(text, "to"),
};

async function serve(given: Arguments): Promise<number> {
  const reporter = reporterFor(given);
  const operand = given.operand("SOCKET");
  if (!operand.startsWith("unix:")) {
    throw new UsageError(`SOCKET is unix:PATH, not ${JSON.stringify(operand)}`);
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  using _signals = onSignals({ interrupt: resolve, terminate: resolve });
  const path = socketPath(operand, "socket");
  const server = await FrameSwitchServer.open(path, given.values(toOption), reporter.note);
  reporter.note(`Switching frames at ${operand}`);
  await promise;
  await server.close();
  return ExitCode.done;
}

/** Connects machines with each other. */
export const switchCommand: Command = {
  name: "switch",
  operands: [{ name: "SOCKET", help: "Where peers connect, as unix:PATH" }],
  summary: "Connect machines, QEMU and passt with each other",
  details: [
    "A learning Ethernet switch. Peers speak what QEMU's -netdev stream and passt speak: each frame " +
    "behind its length. A peer that reads slowly loses frames, one that breaks the framing is cut off. " +
    "Whoever may open the socket (mode 0600) hears what is said. Ctrl-C or SIGTERM ends it.",
  ],
  options: [toOption, notesOption],
  examples: [
    "lockstep switch unix:/tmp/net.sock --to unix:/tmp/passt.sock",
  ],
  run: serve,
};
