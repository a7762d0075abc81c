/** `lockstep inspect`: what stands in a log, an event a line, without executing anything. */
import type { LogRecord } from "../epoch/record.ts";
import { LogStatistics } from "../log/log_statistics.ts";
import { LogReader } from "../log/log_reader.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { type Arguments, type Command, flag } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { logBytes } from "./log_file.ts";
import { logFiguresText } from "./log_figures_text.ts";
import { plainRecord, recordText } from "./record_text.ts";
import { writeText } from "./reporter.ts";

const jsonOption = flag("json", "One JSON object a line, without the bulk data");
const statsOption = flag(
  "stats",
  "Bytes by kind of record and by 1,000 instructions, lengths of epochs, bits per second of guest time " +
    "while it ran (busy) and while it waited (idle)",
);

async function inspect(given: Arguments): Promise<number> {
  const reader = new LogReader(await logBytes(given.operand("FILE|-")));
  const json = given.value(jsonOption) === true;
  if (given.value(statsOption) === true) {
    const statistics = new LogStatistics();
    for await (const { record, byteLength } of reader) statistics.add(record, byteLength);
    const { figures } = statistics;
    await writeText(Deno.stdout, json ? `${JSON.stringify(figures)}\n` : logFiguresText(figures));
  } else {
    const form = json ? jsonLine : textLine;
    for await (const item of reader) await writeText(Deno.stdout, `${form(item)}\n`);
  }
  const ending = reader.ending!;
  if (ending.kind === "clean") return ExitCode.done;
  const text =
    `stops after record ${ending.records - 1}, byte ${ending.byteLength}, without an end ` +
    `record; ${ending.truncatedBytes} bytes of a cut record follow`;
  const line = json ? JSON.stringify(ending) : text;
  await writeText(Deno.stdout, `${line}\n`);
  return ExitCode.stalled;
}

function textLine({ record, number, byteOffset }: LogItem): string {
  return `${number} @${byteOffset} ${record.kind}${recordText(record)}`;
}

function jsonLine({ record, number, byteOffset, byteLength }: LogItem<LogRecord>): string {
  return JSON.stringify({ number, byteOffset, byteLength, ...plainRecord(record) });
}

/** Shows a log. */
export const inspectCommand: Command = {
  name: "inspect",
  operands: [{ name: "FILE|-", help: "The log: a file, or - for standard input" }],
  summary: "Show what stands in a log, an event a line",
  details: ["Reads and checks the log and executes nothing. A log that just stops: exit code 67."],
  options: [jsonOption, statsOption],
  examples: [
    "lockstep inspect clock.log | head",
    "lockstep inspect clock.log --json",
    "lockstep inspect clock.log --stats",
  ],
  run: inspect,
};
