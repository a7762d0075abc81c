/** Log records for people and for JSON: what they say, with the size of bulk data in its place. */
import type { Completion } from "../board/operation.ts";
import type { EpochRecord, LogRecord } from "../epoch/record.ts";
import { operationText } from "../replica/uncertain_operations.ts";

/** What a record says, behind its kind, starting with a space. */
export function recordText(record: LogRecord): string {
  switch (record.kind) {
    case "header": {
      const { ramBytes, disks, bills, network } = record.configuration;
      return words(
        ` run ${record.run.slice(0, 8)} term ${record.term} format ${record.version}`,
        record.member === undefined ? "" : `member ${record.member.slice(0, 8)}`,
        record.acknowledged ? "acknowledged" : "",
        `ram ${ramBytes / 2 ** 20} MiB`,
        ...disks.map(({ id, sectors }) => `disk ${id} of ${sectors} sectors`),
        bills ? "bill port" : "",
        network ? `network ${network.mac}` : "",
      );
    }
    case "snapshot-begin":
      return ` after epoch ${record.epoch}`;
    case "snapshot-pages":
      return ` ${record.pages.length} pages of ${record.of}`;
    case "snapshot-operation":
      return ` ${operationText(record.operation)}`;
    case "snapshot-commit":
      return ` after epoch ${record.epoch} step ${record.steps} digest ${hex(record.digest)}`;
    case "epoch":
      return words(
        ` ${record.epoch} steps ${record.steps}`,
        record.term === undefined ? "" : `to term ${record.term}`,
        record.reads.length === 0 ? "" : `reads ${record.reads.length}`,
        ...inputTexts(record),
        `console ${record.consolePerformed}`,
        `time ${record.time.base}+${record.time.rate}`,
        `digest ${hex(record.digest.state)}`,
        record.digest.ram === undefined ? "" : `ram ${hex(record.digest.ram)}`,
      );
    case "end":
      return record.exitCode === undefined
        ? ` ${record.reason}`
        : ` ${record.reason} exit code ${record.exitCode}`;
    case "note":
      return ` ${JSON.stringify(record.text)}`;
    case "heartbeat":
      return "";
  }
}

/** The record as JSON takes it: byte strings as their length, 64-bit numbers as hexadecimal text. */
export function plainRecord(record: LogRecord): Record<string, unknown> {
  return plainValue(record) as Record<string, unknown>;
}

/** A value as {@linkcode plainRecord} has it. */
export function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return hex(value);
  if (value instanceof Uint8Array) return { bytes: value.length };
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainValue(inner)]));
}

/** What is delivered at the end of an epoch; empty when nothing is. */
export function inputTexts({ completions, consoleInput, frames }: EpochRecord): readonly string[] {
  return [
    ...completions.map(completionText),
    consoleInput.length === 0 ? "" : `input ${consoleInput.length} bytes`,
    frames.length === 0 ? "" : `frames ${frames.length}`,
  ].filter((text) => text !== "");
}

function completionText({ operation, status, blocks }: Completion): string {
  const bytes = blocks.reduce((sum, { data }) => sum + data.length, 0);
  return `completion ${operation} ${status}${bytes === 0 ? "" : ` ${bytes} bytes`}`;
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}
