/** The sample log with everything besides that a record can hold: every rule of the schema takes part. */
import type { LogRecord } from "../../lib/epoch/record.ts";
import { packPages } from "../../lib/log/page_packing.ts";
import { sampleRecords } from "./sample_log.ts";

const pages: LogRecord = {
  kind: "snapshot-pages",
  of: "both",
  pages: [1, 2],
  ...packPages(new Uint8Array(8192).fill(7)),
};
const entropy: LogRecord = {
  kind: "snapshot-operation",
  operation: { number: 2 ** 41, request: { kind: "entropy", bytes: 64 } },
};

/** Its records. */
export const everyRecord: readonly LogRecord[] = sampleRecords.flatMap((record): LogRecord[] => {
  if (record.kind === "header") {
    const { configuration } = record;
    const disks = [...configuration.disks, { id: "disk-2", sectors: 16, bus: "blk" as const }];
    const more = { disks, entropy: true, firmware: "sbi" as const };
    return [{ ...record, configuration: { ...configuration, ...more } }];
  }
  return record.kind === "snapshot-commit" ? [pages, entropy, record] : [record];
});
