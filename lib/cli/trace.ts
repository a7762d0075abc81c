/** `lockstep trace`: the instructions that a recorded machine has executed. */
import { isUpTo } from "../debug/moment.ts";
import { PositionError } from "../debug/position.ts";
import { momentOf } from "../debug/position_moment.ts";
import { Timeline } from "../debug/timeline.ts";
import { Tracer } from "../debug/tracer.ts";
import type { EpochRecord } from "../epoch/record.ts";
import type { ByteOutput } from "../host/console.ts";
import { HostFileError } from "../host/fault.ts";
import { openFailure } from "../host/positional_file.ts";
import { type Arguments, type Command, textOption, UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { positionOption } from "./position_option.ts";
import { inputTexts } from "./record_text.ts";
import { Reporter, writeText } from "./reporter.ts";
import { refuseShared } from "./separate_files.ts";
import { symbolsIn, symbolsOption, symbolsPath } from "./symbol_files.ts";

const fromOption = positionOption("from", "Where it begins (the start of the log)");
const toOption = positionOption("to", "Where it ends (the end of the log)");
const outputOption = textOption("output", "FILE", "Write there instead of to standard output", {
  short: "o",
});

/** Steps for one piece of text, about 200 kB. */
const STEPS_AT_ONCE = 4096;

async function trace(given: Arguments): Promise<number> {
  const path = given.operand("FILE");
  if (path === "-") throw new UsageError("trace needs a log in a file, not standard input");
  const output = given.value(outputOption);
  if (output !== undefined) {
    const trace = { role: "the trace", path: output };
    refuseShared([{ role: "the log", path }, trace]);
    refuseShared([
      ...given.values(symbolsOption).map((name) => ({ role: "symbols", path: symbolsPath(name) })),
      trace,
    ]);
  }
  const symbols = await symbolsIn(given.values(symbolsOption));
  const [from, to] = [given.value(fromOption), given.value(toOption)];
  const timeline = await Timeline.open(path, { note: new Reporter("lines", Deno.stderr).note });
  try {
    const end = to ? await momentOf(timeline, to) : timeline.end;
    const start = from ? await momentOf(timeline, from) : timeline.start;
    if (!isUpTo(start, end)) {
      throw new PositionError(
        `--to is step ${end.step}, which is before --from, step ${start.step}`,
      );
    }
    await timeline.seek(start);
    await writeTo(output, async (output, name) => {
      const tracer = new Tracer(timeline.machine, symbols);
      let text = "";
      await timeline.runBy(
        end,
        (replica, steps) => {
          const record = replica.record!;
          text = tracer.trace(replica, Math.min(steps, STEPS_AT_ONCE));
          if (!replica.record) text += deliveredText(record);
        },
        () => writeText(output, text, name),
      );
    });
  } finally {
    timeline.close();
  }
  return ExitCode.done;
}

/** A line for what has come from outside, which may be why an interrupt follows. */
function deliveredText(record: EpochRecord): string {
  const inputs = inputTexts(record);
  const { epoch, term } = record;
  if (term !== undefined) return `# PROMOTION to term ${term}: ${inputs.join(", ")}\n`;
  return inputs.length === 0 ? "" : `# epoch ${epoch} ends: ${inputs.join(", ")}\n`;
}

async function writeTo(
  path: string | undefined,
  write: (output: ByteOutput, name?: string) => Promise<void>,
): Promise<void> {
  if (path === undefined) return await write(Deno.stdout);
  using file = await opened(path);
  await write(file, path);
}

async function opened(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { write: true, create: true, truncate: true });
  } catch (error) {
    throw new HostFileError(path, `Cannot write ${path}: ${openFailure(error)}`, { cause: error });
  }
}

/** Shows executed instructions. */
export const traceCommand: Command = {
  name: "trace",
  operands: [{ name: "FILE", help: "The log" }],
  summary: "Show the instructions that a recorded machine has executed",
  details: [
    "A line for each step: how many steps were taken before it, the privilege (U, S, M), pc, the " +
    "instruction's bits and its disassembly, and what trap was taken in its place. A line with # tells what " +
    "has been delivered from outside.",
  ],
  options: [fromOption, toOption, symbolsOption, outputOption],
  examples: [
    "lockstep trace clock.log --from 1000 --to 1100",
    "lockstep trace run.log --from epoch:300 --to time:2.5 --symbols vmlinux -o trace.txt",
  ],
  run: trace,
};
