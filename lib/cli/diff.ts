/** `lockstep diff`: where two logs, and the machines that they describe, part. */
import type { FieldDifference } from "../debug/field_difference.ts";
import { type Comparison, instructionDifference } from "../debug/instruction_difference.ts";
import { type RecordDifference, recordDifference } from "../debug/record_difference.ts";
import { Timeline } from "../debug/timeline.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { type Arguments, type Command, flag, UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { logBytes } from "./log_file.ts";
import { recordText } from "./record_text.ts";
import { Reporter, writeText } from "./reporter.ts";
import { symbolsIn, symbolsOption } from "./symbol_files.ts";

const recordsOption = flag("records", "Compare the records only, and replay nothing");

/** Exit code of logs that differ, as that of diff(1). */
const DIFFERENT = 1;
/** Fields and pages that are listed. */
const MOST_LINES = 24;

async function diff(given: Arguments): Promise<number> {
  const paths = [given.operand("FILE"), given.operand("OTHER")] as const;
  if (paths.includes("-")) throw new UsageError("diff needs logs in files, not standard input");
  const symbols = await symbolsIn(given.values(symbolsOption));
  const records = await recordDifference(await logBytes(paths[0]), await logBytes(paths[1]));
  await writeText(Deno.stdout, recordsText(records));
  const same = records.items === undefined && records.configuration.length === 0;
  if (same || records.configuration.length > 0 || given.value(recordsOption) === true) {
    return same ? ExitCode.done : DIFFERENT;
  }
  const { note } = new Reporter("lines", Deno.stderr);
  const first = await Timeline.open(paths[0], { note });
  try {
    const second = await Timeline.open(paths[1], { note });
    try {
      const comparison = await instructionDifference([first, second], {
        lastEqualEpoch: records.lastEqual,
        symbols,
      });
      await writeText(Deno.stdout, comparisonText(comparison));
    } finally {
      second.close();
    }
  } finally {
    first.close();
  }
  return DIFFERENT;
}

function recordsText(difference: RecordDifference): string {
  const { headers: [a, b], configuration, equalEpochs, lastEqual, items, fields } = difference;
  const lines = [
    a.run === b.run
      ? `Both logs are of run ${a.run.slice(0, 8)}`
      : `The logs are of different runs, ${a.run.slice(0, 8)} and ${b.run.slice(0, 8)}`,
  ];
  if (configuration.length > 0) {
    lines.push("They are of different machines, whose instructions cannot be compared:");
    return text([...lines, ...fieldLines(configuration)]);
  }
  lines.push(
    lastEqual === undefined
      ? "No epoch is the same in both"
      : `${equalEpochs} epochs are the same in both, up to epoch ${lastEqual}`,
  );
  if (!items) return text([...lines, "No record differs"]);
  lines.push(
    "",
    "First different record:",
    itemLine("first ", items[0]),
    itemLine("second", items[1]),
  );
  return text([...lines, ...fieldLines(fields)]);
}

function itemLine(side: string, item: LogItem | undefined): string {
  if (!item) return `  ${side}  has ended`;
  const { record, number, byteOffset } = item;
  return `  ${side}  ${number} @${byteOffset} ${record.kind}${recordText(record)}`;
}

function comparisonText({ from, to, difference }: Comparison): string {
  if (to < from) return text(["", "They have no step in common to compare"]);
  if (!difference) {
    return text(["", `From step ${from} to step ${to} both execute the same instructions alike`]);
  }
  const { step, before, after: [first, second], registers, pages } = difference;
  const pageLines = pages.map(({ address, first, second }) =>
    `  ${hexadecimal(BigInt(address))}  ${hexadecimal(first)}  ${hexadecimal(second)}`
  );
  return text([
    "",
    `First different instruction: after step ${step}, all before it from step ${from} on being alike`,
    ...indented("  both   ", before),
    ...indented("  first  ", first),
    ...indented("  second ", second),
    "",
    "Registers that differ behind it:",
    ...fieldLines(registers),
    "",
    pages.length === 0
      ? "No page of RAM differs before it"
      : `${pages.length} pages of RAM differ before it, at first in these doublewords:`,
    ...shortened(pageLines),
  ]);
}

function fieldLines(fields: readonly FieldDifference[]): readonly string[] {
  const width = Math.max(0, ...fields.map(({ path }) => path.length));
  return shortened(
    fields.map(({ path, first, second }) => `  ${path.padEnd(width)}  ${first}, ${second}`),
  );
}

function indented(label: string, lines: string): readonly string[] {
  return lines.split("\n").filter((line) => line !== "").map((line) => label + line);
}

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), `  and ${lines.length - MOST_LINES} more`];
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function hexadecimal(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}

/** Compares two logs. */
export const diffCommand: Command = {
  name: "diff",
  operands: [
    { name: "FILE", help: "A log" },
    { name: "OTHER", help: "Another log" },
  ],
  summary: "Show the first record and the first instruction in which two logs differ",
  details: [
    "Exit code 0 when no record differs, 1 otherwise. Notes, heartbeats and key snapshots are not compared. " +
    "Both logs are replayed. Registers and CSRs are compared behind each of two million steps after the last " +
    "epoch that is the same, later at every 65,536th, and step by step where these differ.",
  ],
  options: [recordsOption, symbolsOption],
  examples: [
    "lockstep diff good.log bad.log --symbols guest.elf",
    "lockstep diff a.log b.log --records",
  ],
  run: diff,
};
