/** `lockstep record`: a machine on its own, with a log for later. */
import type { Machine } from "../board/machine.ts";
import { LogFiles } from "../replica/log_files.ts";
import { leastLimitBytes, megabytes } from "../replica/log_series.ts";
import { powerOnSnapshotBytes } from "../replica/snapshot_shelf.ts";
import { openLogWriter } from "../replica/transport_open.ts";
import { filesOf, parseStreamArgument } from "../replica/stream_argument.ts";
import { type Arguments, type Command, sizeOption, textOption, UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { CommandError } from "./failure.ts";
import { seeThrough } from "./live_session.ts";
import { bootOptions, guestOperand, snapshotEveryOption } from "./machine_options.ts";
import { powerOn } from "./power_on.ts";
import { reporterFor } from "./report_form.ts";

const outputOption = textOption("output", "FILE|-", "Where the log goes: a new file, or -", {
  short: "o",
});

const limitOption = sizeOption(
  "limit",
  "Write the log to FILE.1, FILE.2, …, each of which can be replayed by itself, and remove the oldest, " +
    "so that all together stay below this size (500M)",
);

async function record(given: Arguments): Promise<number> {
  const output = given.value(outputOption);
  if (output === undefined) throw new UsageError("-o is missing: where the log goes");
  const argument = parseStreamArgument(output);
  const limit = given.value(limitOption);
  if (limit !== undefined && argument.kind !== "file") {
    throw new UsageError("--limit needs -o FILE: it begins a new file when one is full");
  }
  const files = limit !== undefined && argument.kind === "file"
    ? new LogFiles(argument.path)
    : undefined;
  const reporter = reporterFor(given);
  const machine = await powerOn(given, reporter, {
    channel: argument.kind === "standard" ? "stderr" : "stdout",
    logs: filesOf([argument]),
    snapshotEverySteps: given.value(snapshotEveryOption),
  });
  const session = { ...machine, term: 1, alone: true, typedAt: "standard-input" as const };
  let lost: string | undefined;
  const code = await seeThrough(session, reporter, async () => {
    const onLost = (reason: string) => {
      lost = `The log is lost: ${reason}`;
      machine.live.stop("detach");
    };
    if (files && limit !== undefined) {
      checkLimit(limit, machine.machine);
      machine.live.logInto(files, limit, onLost);
    } else {
      machine.live.logTo(await openLogWriter(argument), onLost);
    }
    return await machine.live.run();
  });
  if (lost !== undefined) throw new CommandError(ExitCode.unavailable, lost);
  return code;
}

/** Refuses what cannot be kept. A guest that uses more memory later is told of then. */
function checkLimit(limit: number, { image }: Machine): void {
  const least = leastLimitBytes(powerOnSnapshotBytes(image));
  if (limit >= least) return;
  throw new UsageError(
    `--limit must be at least ${megabytes(least)} for this guest: two snapshots and their epochs`,
  );
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
  options: [outputOption, limitOption, snapshotEveryOption, ...bootOptions],
  examples: [
    "lockstep record clock -o clock.log",
    "lockstep record clock -o - | lockstep replay -",
    "lockstep record teller --disk d.img -o run.log --limit 500M",
  ],
  run: record,
};
