/** `lockstep inspect`: what stands in a log, an event a line. */
import { LogWalk, type WalkedItem } from "../debug/log_walk.ts";
import { isPromotion, isWanted, needsReplay } from "../debug/record_filter.ts";
import { LogStatistics } from "../log/log_statistics.ts";
import { operationText } from "../replica/uncertain_operations.ts";
import { type Arguments, type Command, flag } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { logBytes } from "./log_file.ts";
import { logFiguresText } from "./log_figures_text.ts";
import { filterOf, filterOptions } from "./record_filter_options.ts";
import { plainRecord, plainValue, recordText } from "./record_text.ts";
import { writeText } from "./reporter.ts";

const TICKS_PER_SECOND = 1e7;

const jsonOption = flag("json", "One JSON object a line, without the bulk data");
const statsOption = flag(
  "stats",
  "Bytes by kind of record and by 1,000 instructions, lengths of epochs, bits per second of guest time " +
    "while it ran (busy) and while it waited (idle); of the records chosen",
);
const verifyOption = flag(
  "verify",
  "Replay the log as well: every digest and snapshot is checked, and operations are told in words",
);

async function inspect(given: Arguments): Promise<number> {
  const filter = filterOf(given);
  const verify = given.value(verifyOption) === true;
  const walk = new LogWalk(
    await logBytes(given.operand("FILE|-")),
    verify || needsReplay(filter),
    verify,
  );
  const json = given.value(jsonOption) === true;
  const statistics = given.value(statsOption) === true ? new LogStatistics() : undefined;
  const form = json ? jsonLine : textLine;
  for await (const item of walk) {
    if (!isWanted(filter, item)) continue;
    if (statistics) statistics.add(item.record, item.byteLength);
    else await writeText(Deno.stdout, `${form(item)}\n`);
  }
  if (statistics) {
    const { figures } = statistics;
    await writeText(Deno.stdout, json ? `${JSON.stringify(figures)}\n` : logFiguresText(figures));
  }
  return await conclude(walk, { json, verify });
}

async function conclude(
  walk: LogWalk,
  { json, verify }: { readonly json: boolean; readonly verify: boolean },
): Promise<number> {
  if (verify) {
    const { epochs, steps, digests } = walk.summary!;
    const line = json
      ? JSON.stringify({ kind: "verified", epochs, steps, digests })
      : `verified: ${epochs} epochs, ${steps} steps replayed, ${digests} digests checked, all agree`;
    await writeText(Deno.stdout, `${line}\n`);
  }
  const ending = walk.ending!;
  if (ending.kind === "clean") return ExitCode.done;
  const where = ending.records === 0
    ? "stops before its first record"
    : `stops after record ${ending.records - 1}, byte ${ending.byteLength}`;
  const text = `${where}, without an end record; ` +
    `${ending.truncatedBytes} bytes of a cut record follow`;
  const line = json ? JSON.stringify(ending) : text;
  await writeText(Deno.stdout, `${line}\n`);
  return ExitCode.stalled;
}

function textLine({ record, number, byteOffset, place, operations }: WalkedItem): string {
  const kind = isPromotion(record) ? "PROMOTION" : record.kind;
  const lines = [`${number} @${byteOffset} ${kind}${recordText(record)}`];
  if (record.kind === "epoch" && place) {
    const seconds = (place.ticks.to / TICKS_PER_SECOND).toFixed(6);
    lines[0] += ` ends at step ${place.steps.to}, ${seconds} s`;
  }
  for (const { operation, status } of operations?.completed ?? []) {
    lines.push(`    ${operationText(operation)}: ${status}`);
  }
  for (const operation of operations?.issued ?? []) {
    lines.push(`    ${operationText(operation)}: issued`);
  }
  return lines.join("\n");
}

function jsonLine(item: WalkedItem): string {
  const { record, number, byteOffset, byteLength, place, operations } = item;
  return JSON.stringify({
    ...{ number, byteOffset, byteLength, ...plainRecord(record) },
    ...(place ? { place } : {}),
    ...(operations ? { operations: plainValue(operations) } : {}),
  });
}

/** Shows a log. */
export const inspectCommand: Command = {
  name: "inspect",
  operands: [{ name: "FILE|-", help: "The log: a file, or - for standard input" }],
  summary: "Show what stands in a log, an event a line",
  details: [
    "Reads and checks the log; executes it only when asked for what the log does not say by itself. " +
    "A log that just stops: exit code 67.",
  ],
  options: [...filterOptions, statsOption, verifyOption, jsonOption],
  examples: [
    "lockstep inspect clock.log | head",
    "lockstep inspect clock.log --json",
    "lockstep inspect clock.log --stats",
    "lockstep inspect run.log --device disk --time 1.5..2",
    "lockstep inspect run.log --kind promotion,note,end --verify",
  ],
  run: inspect,
};
