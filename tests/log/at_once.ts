import type { LogRecord } from "../../lib/epoch/record.ts";
import type { SnapshotRecords } from "../../lib/log/snapshot_records.ts";

/** The records of a snapshot that is made here, without the places where others have a turn. */
export function atOnce(snapshot: SnapshotRecords): LogRecord[] {
  return [...snapshot].flatMap((record) => {
    if (record instanceof Promise) throw new Error("The snapshot waits for somebody else");
    return record === undefined ? [] : [record];
  });
}

/** The same of one that waits for others. */
export async function inTime(snapshot: SnapshotRecords): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (const record of snapshot) {
    if (record instanceof Promise) await record;
    else if (record !== undefined) records.push(record);
  }
  return records;
}
