/** `lockstep trace`: the instructions that a recorded machine has executed. */
import { isUpTo } from "../debug/moment.ts";
import { PositionError } from "../debug/position.ts";
import { momentOf } from "../debug/position_moment.ts";
import { Timeline } from "../debug/timeline.ts";
import { Tracer } from "../debug/tracer.ts";
import { type TranslationChoice, translationText } from "../debug/translation_text.ts";
import type { SymbolTable } from "../debug/symbol_table.ts";
import { chooseEngine, DEFAULT_ENGINE } from "../cpu/engine.ts";
import type { Replica } from "../epoch/replica.ts";
import type { EpochRecord } from "../epoch/record.ts";
import type { ByteOutput } from "../host/console.ts";
import { HostFileError } from "../host/fault.ts";
import { openFailure } from "../host/positional_file.ts";
import {
  type Arguments,
  type Command,
  flag,
  numberOption,
  type Option,
  textOption,
  UsageError,
} from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { positionOption } from "./position_option.ts";
import { inputTexts } from "./record_text.ts";
import { Reporter, writeText } from "./reporter.ts";
import { refuseShared } from "./separate_files.ts";
import { symbolsIn, symbolsOption, symbolsPath } from "./symbol_files.ts";

const fromOption = positionOption("from", "Where it begins (the start of the log)");
const toOption = positionOption("to", "Where it ends (the end of the log)");
const translatedOption = flag(
  "translated",
  "Show instead what is translated on the way: hot code beside the WebAssembly that it becomes",
);
const hotAtOption = numberOption(
  "hot-at",
  "TIMES",
  `With --translated: how often code is gone to before it is hot (default ${DEFAULT_ENGINE.hotAt})`,
  { least: 1, most: 2 ** 30 },
);
const holdingOption: Option<bigint> = {
  name: "holding",
  placeholder: "ADDRESS",
  help: "With --translated: only regions that hold the instruction at this address, in hexadecimal",
  parse(text) {
    if (/^(0x)?[0-9a-f]{1,16}$/i.test(text)) return BigInt(`0x${text.replace(/^0x/i, "")}`);
    throw new UsageError(
      `--holding must be an address such as 80000b46, not ${JSON.stringify(text)}`,
    );
  },
};
const outputOption = textOption("output", "FILE", "Write there instead of to standard output", {
  short: "o",
});

/** Executes at most so many steps. */
type Execute = (replica: Replica, steps: number) => void;

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
  const translated = given.value(translatedOption) === true;
  const [hotAt, at] = [given.value(hotAtOption), given.value(holdingOption)];
  if (!translated && (hotAt !== undefined || at !== undefined)) {
    throw new UsageError("--hot-at and --holding are about --translated");
  }
  if (translated) chooseEngine({ engine: "mixed", ...(hotAt === undefined ? {} : { hotAt }) });
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
      let text = "";
      const execute = translated
        ? translating(timeline, (linked) => text += linked, { symbols, at })
        : tracing(timeline, (lines) => text += lines, symbols);
      await timeline.runBy(end, execute, async () => {
        if (text !== "") await writeText(output, text, name);
        text = "";
      });
    });
  } finally {
    timeline.close();
  }
  return ExitCode.done;
}

/** Executes step by step, and writes a line for each. */
function tracing(
  { machine }: Timeline,
  write: (lines: string) => void,
  symbols: SymbolTable | undefined,
): Execute {
  const tracer = new Tracer(machine, symbols);
  return (replica, steps) => {
    const record = replica.record!;
    write(tracer.trace(replica, Math.min(steps, STEPS_AT_ONCE)));
    if (!replica.record) write(deliveredText(record));
  };
}

/** Executes, and writes what is translated. */
function translating(
  { machine }: Timeline,
  write: (regions: string) => void,
  choice: TranslationChoice,
): Execute {
  // What has become hot on the way here is to be shown once it is hot again.
  machine.dropCaches();
  machine.watchTranslations((linked) => write(translationText(machine, linked, choice)));
  return (replica, steps) => replica.advance(steps);
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
  operands: [{ name: "FILE", help: "The log, in a file: it is read at more than one place" }],
  summary: "Show the instructions that a recorded machine has executed",
  details: [
    "A line for each step: how many steps were taken before it, the privilege (U, S, M), pc, the " +
    "instruction's bits and its disassembly, and what trap was taken in its place. A line with # tells what " +
    "has been delivered from outside.",
    "With --translated, for those who work on the translator: each region of hot code that is translated on the " +
    "way, its instructions on the left, and on the right the WebAssembly of each, in the text format. A block " +
    "first charges its steps; registers are local variables. Addresses are virtual, unless the page is mapped no " +
    "longer when it is translated.",
  ],
  options: [
    ...[fromOption, toOption, symbolsOption, outputOption],
    ...[translatedOption, hotAtOption, holdingOption],
  ],
  examples: [
    "lockstep trace clock.log --from 1000 --to 1100",
    "lockstep trace run.log --from epoch:300 --to time:2.5 --symbols vmlinux -o trace.txt",
    "lockstep trace bench.log --translated --symbols bench.elf --holding 80000b46",
  ],
  run: trace,
};
