/** `lockstep record`: a machine on its own, with a log for later. */
import { openLogWriter } from "../replica/transport_open.ts";
import { parseStreamArgument } from "../replica/stream_argument.ts";
import { type Arguments, type Command, textOption, UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { CommandError } from "./failure.ts";
import { seeThrough } from "./live_session.ts";
import { bootOptions, guestOperand, snapshotEveryOption } from "./machine_options.ts";
import { powerOn } from "./power_on.ts";
import { reporterFor } from "./report_form.ts";

const outputOption = textOption("output", "FILE|-", "Where the log goes: a new file, or -", {
  short: "o",
});

async function record(given: Arguments): Promise<number> {
  const output = given.value(outputOption);
  if (output === undefined) throw new UsageError("-o is missing: where the log goes");
  const argument = parseStreamArgument(output);
  const reporter = reporterFor(given);
  const machine = await powerOn(given, reporter, {
    channel: argument.kind === "standard" ? "stderr" : "stdout",
    snapshotEverySteps: given.value(snapshotEveryOption),
  });
  const session = { ...machine, term: 1, alone: true, typedAt: "standard-input" as const };
  let lost: string | undefined;
  const code = await seeThrough(session, reporter, async () => {
    const stream = await openLogWriter(argument);
    machine.live.logTo(stream, (reason) => {
      lost = `The log is lost: ${reason}`;
      machine.live.stop("detach");
    });
    return await machine.live.run();
  });
  if (lost !== undefined) throw new CommandError(ExitCode.unavailable, lost);
  return code;
}

/** Runs a guest and keeps its log. */
export const recordCommand: Command = {
  name: "record",
  operands: [guestOperand],
  summary: "Run a guest and keep its log, for lockstep replay",
  details: [
    "The log holds the guest's memory; it is made with mode 0600. With the log on standard output " +
    "the console goes to standard error, or to --console FILE.",
  ],
  options: [outputOption, snapshotEveryOption, ...bootOptions],
  examples: [
    "lockstep record clock -o clock.log",
    "lockstep record clock -o - | lockstep replay -",
  ],
  run: record,
};
