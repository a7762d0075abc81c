/** What is in a log, and how many bytes it takes. */
import { LogReader } from "../../lib/log/log_reader.ts";
import { type LogFigures, LogStatistics } from "../../lib/log/log_statistics.ts";

/** The figures of a log and what came from outside. */
export interface LogContents {
  readonly figures: LogFigures;
  /** Operations that were completed. */
  readonly completions: number;
  /** Bytes that the guest got: read from disks, drawn, typed, received. */
  readonly inputBytes: number;
}

/** Reads a log file. */
export async function logContents(path: string): Promise<LogContents> {
  const statistics = new LogStatistics();
  let completions = 0;
  let inputBytes = 0;
  using file = await Deno.open(path);
  for await (const { record, byteLength } of new LogReader(file.readable)) {
    statistics.add(record, byteLength);
    if (record.kind !== "epoch") continue;
    completions += record.completions.length;
    inputBytes += record.consoleInput.length;
    for (const frame of record.frames) inputBytes += frame.length;
    for (const { blocks } of record.completions) {
      for (const { data } of blocks) inputBytes += data.length;
    }
  }
  return { figures: statistics.figures, completions, inputBytes };
}

/** Bytes of the log's epochs, without snapshots. */
export function epochBytes({ figures: { busy, idle } }: LogContents): number {
  return busy.bytes + idle.bytes;
}
