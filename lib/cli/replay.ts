/** `lockstep replay`: executes a log offline, checks every digest, and prints what the console showed. */
import { positionForms } from "../debug/position.ts";
import { ConsoleOutput } from "../host/console.ts";
import { replay, type ReplaySummary } from "../replica/replaying.ts";
import {
  type Arguments,
  type Command,
  flag,
  numberOption,
  type Option,
  UsageError,
} from "./command.ts";
import { openConsole } from "./devices.ts";
import { bytesText } from "./log_figures_text.ts";
import { ExitCode, guestExit } from "./exit_codes.ts";
import { logBytes } from "./log_file.ts";
import { consoleOption, engineOption, notesOption, quietOption } from "./machine_options.ts";
import { positionOption } from "./position_option.ts";
import type { Reporter } from "./reporter.ts";
import { reporterFor } from "./report_form.ts";
import { seekAndTell } from "./seek.ts";
import { refuseShared } from "./separate_files.ts";

const fromSnapshotOption = numberOption(
  "from-snapshot",
  "N",
  "Enter at the N-th key snapshot after the first (0: the first, the default)",
  { least: 0, most: Number.MAX_SAFE_INTEGER },
);

const toOption = positionOption(
  "to",
  `Go to ${positionForms}, and say how the machine stands there`,
);
const registersOption = flag("registers", "With --to: all registers, too");

async function replayCommandRun(given: Arguments): Promise<number> {
  const to = given.value(toOption);
  const registers = given.value(registersOption) === true;
  if (registers && !to) throw new UsageError("--registers needs --to: where to stand");
  if (to) {
    const others = [fromSnapshotOption, consoleOption] as readonly Option<unknown>[];
    const other = others.find((option) => given.value(option) !== undefined);
    if (other) throw new UsageError(`--${other.name} means nothing with --to`);
    return await seekAndTell(given.operand("FILE|-"), to, registers, reporterFor(given));
  }
  const reporter = reporterFor(given);
  const path = given.operand("FILE|-");
  const consolePath = given.value(consoleOption);
  refuseShared([
    { role: "the log", path },
    ...(consolePath === undefined ? [] : [{ role: "the console", path: consolePath }]),
  ]);
  const source = await logBytes(path);
  const { sink } = openConsole(consolePath, "stdout", undefined);
  let console: ConsoleOutput | undefined;
  let summary: ReplaySummary;
  try {
    summary = await replay(source, {
      fromSnapshot: given.value(fromSnapshotOption) ?? 0,
      async console(bytes, position) {
        console ??= new ConsoleOutput(sink, position, undefined, reporter.note);
        console.write(position, bytes);
        await console.ready();
      },
    });
  } finally {
    await console?.close();
  }
  return conclude(summary, reporter);
}

function conclude(summary: ReplaySummary, reporter: Reporter): number {
  const { epochs, steps, digests, terms, end, ending } = summary;
  const failovers = terms.length === 0 ? "" : `, failovers to term ${terms.join(", ")}`;
  reporter.note(
    `Replayed ${epochs} epochs, ${steps} steps; ${digests} digests checked, all agree${failovers}`,
  );
  if (!end) {
    const cut = ending.truncatedBytes === 0
      ? ""
      : `, and ${bytesText(ending.truncatedBytes)} of a record that was cut off`;
    reporter.note(
      `The log just stops after ${ending.records} whole records (${ending.byteLength} bytes)${cut}: ` +
        "its writer stalled",
    );
    return ExitCode.stalled;
  }
  if (end.reason !== "power-off") {
    reporter.note(`The log ends with: ${end.reason}`);
    return ExitCode.done;
  }
  const { code, note } = guestExit(end.exitCode ?? 0);
  reporter.note(`The guest powered off with exit code ${end.exitCode ?? 0}`);
  if (note !== undefined) reporter.note(note);
  return code;
}

/** Replays a log. */
export const replayCommand: Command = {
  name: "replay",
  operands: [{ name: "FILE|-", help: "The log: a file, or - for standard input" }],
  summary: "Replay a log offline and check every digest in it",
  details: [
    "Prints the console output again. A log that just stops is replayed to its last whole record, " +
    "with exit code 67; a damaged one is refused there, with exit code 65. Nobody is promoted.",
    "A position is a number of steps since power-on (retired instructions, traps and interrupts); the " +
    "end of an epoch; guest time; or the moment at which a text has been put out at the console.",
  ],
  options: [
    toOption,
    registersOption,
    fromSnapshotOption,
    consoleOption,
    engineOption,
    quietOption,
    notesOption,
  ],
  examples: [
    "lockstep replay clock.log",
    "lockstep replay clock.log --from-snapshot 2",
    "lockstep replay clock.log --to epoch:20 --registers",
    "lockstep replay clock.log --to \"console:'tick 3'\"",
  ],
  run: replayCommandRun,
};
