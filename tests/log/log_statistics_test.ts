import { assertEquals } from "@std/assert";
import type { EpochRecord, LogRecord } from "../../lib/epoch/record.ts";
import { LogStatistics } from "../../lib/log/log_statistics.ts";
import { sampleRecords } from "./sample_log.ts";

const commit = sampleRecords.find((record) => record.kind === "snapshot-commit")!;
const sample = sampleRecords.find((record): record is EpochRecord => record.kind === "epoch")!;

function epoch(number: number, steps: number, base: number): EpochRecord {
  return { ...sample, epoch: number, steps, time: { base, rate: 1 } };
}

Deno.test("bytes are told by kind, by instructions, and by guest time of a guest that runs or waits", () => {
  const statistics = new LogStatistics();
  const records: readonly (readonly [LogRecord, number])[] = [
    [{ ...commit, epoch: 0, time: { base: 1000, rate: 1 } } as LogRecord, 5000],
    [epoch(1, 100, 10_001_000), 60],
    [epoch(2, 0, 30_001_000), 50],
    [epoch(3, 1900, 40_001_000), 140],
    [{ kind: "note", text: "later" }, 30],
    [epoch(4, 0, 50_001_000), 40],
  ];
  for (const [record, bytes] of records) statistics.add(record, bytes);
  // Another stream of the same machine: its epochs are known already.
  statistics.add(epoch(4, 0, 50_001_000), 40);
  assertEquals(statistics.figures, {
    kinds: {
      "snapshot-commit": { records: 1, bytes: 5000 },
      "epoch": { records: 4, bytes: 290 },
      "note": { records: 1, bytes: 30 },
    },
    steps: 2000,
    bytesPerThousandInstructions: 145,
    busy: { epochs: 2, bytes: 200, seconds: 2, bitsPerSecond: 800 },
    idle: { epochs: 2, bytes: 90, seconds: 3, bitsPerSecond: 240 },
    epochsByDigits: [0, 0, 1, 1],
  });
});

Deno.test("a log without an epoch has no rates", () => {
  assertEquals(new LogStatistics().figures, {
    kinds: {},
    steps: 0,
    busy: { epochs: 0, bytes: 0, seconds: 0 },
    idle: { epochs: 0, bytes: 0, seconds: 0 },
    epochsByDigits: [],
  });
});
