/** `lockstep index`: snapshots beside a log, so that every point of it is reached in a moment. */
import { DEFAULT_INDEX, type IndexProgress, makeIndex } from "../debug/indexing.ts";
import { type Arguments, type Command, sizeOption, stepsOption } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { bytesText } from "./log_figures_text.ts";
import { quietOption } from "./machine_options.ts";
import { ProgressBar } from "./progress_bar.ts";
import { Reporter } from "./reporter.ts";

const everyOption = stepsOption(
  "every",
  "Steps between two snapshots at most (default 150M); an epoch counts as 120k more, as its end takes time",
  1000,
);
const limitOption = sizeOption(
  "limit",
  "Most bytes on the disk (default 4G); snapshots are thinned out to stay below",
);

async function index(given: Arguments): Promise<number> {
  const bar = new ProgressBar(Deno.stderr);
  const isQuiet = given.value(quietOption) === true;
  const reporter = new Reporter("lines", Deno.stderr);
  const note = (text: string) => {
    bar.hide();
    reporter.note(text);
  };
  try {
    const made = await makeIndex(given.operand("FILE"), {
      everySteps: given.value(everyOption) ?? DEFAULT_INDEX.everySteps,
      epochSteps: DEFAULT_INDEX.epochSteps,
      limitBytes: given.value(limitOption) ?? DEFAULT_INDEX.limitBytes,
      note,
      progress(told) {
        if (!isQuiet) bar.show(told.end === 0 ? 1 : told.step / told.end, text(told));
      },
    });
    note(`Indexed ${text(made)}`);
    return ExitCode.done;
  } finally {
    bar.hide();
  }
}

function text({ step, end, snapshots, bytes }: IndexProgress): string {
  return `${step} of ${end} steps, ${snapshots} snapshots of ${bytesText(bytes)}`;
}

/** Makes an index. */
export const indexCommand: Command = {
  name: "index",
  operands: [{ name: "FILE", help: "The log" }],
  summary: "Make an index beside a log, for going to any point of it quickly",
  details: [
    "The index is the folder FILE.index. It holds the guest's memory, as the log does, can be removed " +
    "at any time, and is used by replay --to when it is there and belongs to the log. Interrupted, even " +
    "by kill -9, the command goes on where it was when it is given again.",
  ],
  options: [everyOption, limitOption, quietOption],
  examples: ["lockstep index run.log", "lockstep index run.log --every 100M --limit 1G"],
  run: index,
};
