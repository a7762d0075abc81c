/** `lockstep primary`: a machine whose backups go on with it when it dies. */
import { openLogWriter } from "../replica/transport_open.ts";
import { filesOf, parseStreamArgument, type StreamArgument } from "../replica/stream_argument.ts";
import { type Arguments, type Command, textOption, UsageError } from "./command.ts";
import { Doorway, listenOption } from "./doorway.ts";
import { seeThrough } from "./live_session.ts";
import { bootOptions, guestOperand, snapshotEveryOption } from "./machine_options.ts";
import { powerOn } from "./power_on.ts";
import { reporterFor } from "./report_form.ts";

const toOption = textOption(
  "to",
  "STREAM",
  "A backup's stream: a FILE that it tails, - for a pipe, exec:COMMAND, or unix:PATH",
  { repeat: true },
);
const outputOption = textOption(
  "output",
  "FILE|-",
  "The same as --to, for a log file or a pipe: its reader may be promoted",
  { short: "o" },
);

async function primary(given: Arguments): Promise<number> {
  const streams = [...given.values(toOption), ...outputOf(given)].map(parseStreamArgument);
  const standard = streams.filter(({ kind }) => kind === "standard");
  if (standard.length > 1) throw new UsageError("Standard output can carry only one log");
  const reporter = reporterFor(given);
  const machine = await powerOn(given, reporter, {
    channel: standard.length > 0 ? "stderr" : "stdout",
    digestDisks: true,
    logs: filesOf(streams),
    snapshotEverySteps: given.value(snapshotEveryOption),
  });
  const { live, home } = machine;
  if (!home) reporter.note("Without --disk or --arbiter nobody is promoted by default");
  const session = { ...machine, term: 1, alone: false, typedAt: "standard-input" as const };
  return await seeThrough(session, reporter, async () => {
    for (const stream of streams) await attach(stream, machine.live);
    await using _doorway = await Doorway.open(given, live, home !== undefined, reporter);
    return await live.run();
  });
}

async function attach(argument: StreamArgument, live: Attaching): Promise<void> {
  const stream = await openLogWriter(argument);
  live.attach(stream, stream.identity);
}

/** The part of a live machine that is used here. */
type Attaching = Awaited<ReturnType<typeof powerOn>>["live"];

function outputOf(given: Arguments): readonly string[] {
  const output = given.value(outputOption);
  return output === undefined ? [] : [output];
}

/** Runs a guest with backups. */
export const primaryCommand: Command = {
  name: "primary",
  operands: [guestOperand],
  summary: "Run a guest whose backups go on with it when this process dies",
  details: [
    "No output leaves before every backup that may be promoted has the log up to it. Without one " +
    "the machine goes on SOLO. The lock on the disk and the record beside it (IMG.lockstep) decide " +
    "who may go on. Streams and sockets carry the guest's memory: they are made with mode 0600.",
    "Ctrl-A X at a terminal, or SIGTERM, ends the log cleanly, and backups leave with 0. SIGUSR1 " +
    "hands over to a backup.",
  ],
  options: [toOption, listenOption, outputOption, snapshotEveryOption, ...bootOptions],
  examples: [
    "lockstep primary teller --disk d.img -o - | lockstep backup - --disk d.img",
    "lockstep primary teller --disk d.img --to 'exec:ssh HOST lockstep backup - --disk copy.img'",
    "lockstep primary teller --disk d.img --listen unix:/tmp/primary.sock",
  ],
  run: primary,
};
