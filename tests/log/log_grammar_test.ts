import { assertEquals, assertThrows } from "@std/assert";
import type { EpochRecord, HeaderRecord, LogRecord } from "../../lib/epoch/record.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { LogGrammar } from "../../lib/log/log_grammar.ts";
import { sampleRecords } from "./sample_log.ts";

const header = sampleRecords[0] as HeaderRecord;
const commit = { ...sampleRecords.find((record) => record.kind === "snapshot-commit")! };
const begin: LogRecord = { kind: "snapshot-begin", epoch: 0 };
const end: LogRecord = { kind: "end", reason: "detach" };
const beat: LogRecord = { kind: "heartbeat" };
const note: LogRecord = { kind: "note", text: "" };
const start = [header, begin, commit];

function epoch(number: number, changes: Partial<EpochRecord> = {}): EpochRecord {
  return {
    kind: "epoch",
    epoch: number,
    steps: 1000,
    reads: [],
    completions: [],
    consoleInput: new Uint8Array(0),
    consolePerformed: 0,
    frames: [],
    time: { base: number * 1000, rate: 2 ** 24 },
    digest: { state: 0n },
    ...changes,
  };
}

function pages(...pages: number[]): LogRecord {
  return { kind: "snapshot-pages", of: "ram", pages, data: new Uint8Array(pages.length * 4096) };
}

function flush(number: number): LogRecord {
  return {
    kind: "snapshot-operation",
    operation: { number, request: { kind: "disk-flush", disk: 0 } },
  };
}

function snapshotAt(epoch: number, steps: number, base = epoch * 1000): LogRecord[] {
  return [
    { kind: "snapshot-begin", epoch },
    { ...commit, epoch, steps, time: { base, rate: 2 ** 24 } } as LogRecord,
  ];
}

/** Gives the records to a grammar; the number of the one it refuses, and why. */
function check(records: readonly LogRecord[]): LogGrammar {
  const grammar = new LogGrammar();
  records.forEach((record, number) => grammar.accept({ record, number, byteOffset: number * 10 }));
  return grammar;
}

const sound: { readonly [name: string]: readonly LogRecord[] } = {
  "nothing": [],
  "only a header": [header],
  "every kind of record": sampleRecords,
  "notes and heartbeats anywhere behind the header": [
    ...[header, beat, begin, note, beat, pages(1), beat, commit, note, epoch(1), beat, note, end],
  ],
  "a snapshot in the middle": [...start, epoch(1), epoch(2), ...snapshotAt(2, 2000), epoch(3)],
  "two snapshots of one epoch": [
    ...start,
    epoch(1),
    ...snapshotAt(1, 1000),
    ...snapshotAt(1, 1000),
  ],
  "a first snapshot of a later epoch": [header, ...snapshotAt(70, 9e9), epoch(71)],
  "a page that comes again": [header, begin, pages(1, 1), pages(1), commit],
  "an end while a snapshot is under way": [header, begin, end],
  "a waking": [...start, epoch(1), epoch(2, { steps: 0 })],
  "promotions": [
    ...start,
    epoch(1, { steps: 0, term: 2 }),
    epoch(2),
    epoch(3, { steps: 0, term: 3 }),
  ],
  "time that stands still while nothing runs": [
    ...start,
    epoch(1),
    epoch(2, { steps: 0, time: { base: 1000, rate: 1 } }),
    epoch(3, { time: { base: 1000, rate: 1 } }),
  ],
};

for (const [name, records] of Object.entries(sound)) {
  Deno.test(`a log with ${name} is in order`, () => {
    check(records);
  });
}

const unsound: { readonly [name: string]: readonly [readonly LogRecord[], RegExp] } = {
  "no header": [[begin], /must start with a header/],
  "a heartbeat before the header": [[beat], /must start with a header/],
  "two headers": [[header, header], /only one header/],
  "an epoch before any snapshot": [[header, epoch(1)], /needs a snapshot/],
  "an epoch in the first snapshot": [[header, begin, epoch(1)], /needs a snapshot/],
  "an epoch in a later snapshot": [
    [...start, epoch(1), { kind: "snapshot-begin", epoch: 1 }, epoch(2)],
    /not committed yet/,
  ],
  "pages outside a snapshot": [[...start, pages(1)], /No snapshot has begun/],
  "an operation outside a snapshot": [[...start, flush(1)], /No snapshot has begun/],
  "a commit without a begin": [[header, commit], /No snapshot has begun/],
  "a begin inside a snapshot": [[header, begin, begin], /not committed yet/],
  "a commit of another epoch": [[header, begin, { ...commit, epoch: 1 } as LogRecord], /begun at/],
  "a snapshot of an earlier epoch": [
    [...start, epoch(1), epoch(2), { kind: "snapshot-begin", epoch: 1 }],
    /stands after epoch 2/,
  ],
  "a snapshot at other steps": [[...start, epoch(1), ...snapshotAt(1, 999)], /the log at 1000/],
  "a snapshot at another time": [
    [...start, epoch(1), ...snapshotAt(1, 1000, 1001)],
    /another time base/,
  ],
  "a page behind RAM": [[header, begin, pages(4095, 4096)], /Page 4096 is outside RAM/],
  "operations out of order": [[header, begin, flush(2), flush(2)], /must grow/],
  "an operation of a disk that is not there": [
    [header, begin, {
      kind: "snapshot-operation",
      operation: { number: 1, request: { kind: "disk-flush", disk: 2 } },
    }],
    /no disk 2/,
  ],
  "an operation behind its disk": [
    [header, begin, {
      kind: "snapshot-operation",
      operation: { number: 1, request: { kind: "disk-read", disk: 1, sector: 7, sectors: 2 } },
    }],
    /outside disk 1/,
  ],
  "a bill without a bill port": [
    [{ ...header, configuration: { ...header.configuration, bills: false } }, begin, {
      kind: "snapshot-operation",
      operation: {
        number: 1,
        request: { kind: "bill-append", offset: 0, data: new Uint8Array(1) },
      },
    }],
    /has no device for bill-append/,
  ],
  "random bytes without a source of them": [
    [header, begin, {
      kind: "snapshot-operation",
      operation: { number: 1, request: { kind: "entropy", bytes: 4 } },
    }],
    /has no device for entropy/,
  ],
  "a gap between epochs": [[...start, epoch(1), epoch(3)], /Epoch 3 follows epoch 1/],
  "a repeated epoch": [[...start, epoch(1), epoch(1)], /Epoch 1 follows epoch 1/],
  "a first epoch that does not follow the snapshot": [
    [header, ...snapshotAt(70, 0), epoch(1)],
    /Epoch 1 follows epoch 70/,
  ],
  "time that goes back": [[...start, epoch(1), epoch(2, { time: { base: 999, rate: 1 } })], /back/],
  "time that goes back within an epoch": [
    [...start, epoch(1), epoch(2, { time: { base: 1999, rate: 1 } })],
    /goes back to 1999 ticks from 2000/,
  ],
  "console output that goes back": [
    [...start, epoch(1, { consolePerformed: 5 }), epoch(2, { consolePerformed: 4 })],
    /goes back to byte 4/,
  ],
  "a promotion that skips a term": [[...start, epoch(1, { steps: 0, term: 3 })], /must be term 2/],
  "a promotion to the same term": [
    [...start, epoch(1, { steps: 0, term: 2 }), epoch(2, { steps: 0, term: 2 })],
    /must be term 3/,
  ],
  "a promotion in an epoch with steps": [[...start, epoch(1, { term: 2 })], /epoch of 1000 steps/],
  "a digest of RAM that is missing": [
    [{ ...header, ramDigestSteps: 2000 }, begin, commit, epoch(1), epoch(2)],
    /Digest of RAM is missing/,
  ],
  "a record behind the end": [[...start, end, beat], /follow the end/],
};

for (const [name, [records, message]] of Object.entries(unsound)) {
  Deno.test(`a log with ${name} is refused at its last record`, () => {
    check(records.slice(0, -1));
    const error = assertThrows(() => check(records), LogError);
    const last = records.length - 1;
    assertEquals(error.reason, "out-of-order");
    assertEquals(error.recordNumber, last);
    assertEquals(error.byteOffset, last * 10);
    assertEquals(error.recordKind, records[last]?.kind);
    assertEquals(message.test(error.message), true, error.message);
  });
}

Deno.test("the grammar knows where the log stands", () => {
  const grammar = check([...start, epoch(1), epoch(2, { steps: 0, term: 2 })]);
  assertEquals(grammar.header, header);
  assertEquals(grammar.epoch, 2);
  assertEquals(grammar.steps, 1000);
  assertEquals(grammar.term, 2);
  assertEquals(grammar.time, { base: 2000, rate: 2 ** 24 });
  assertEquals(grammar.inSnapshot, false);
  assertEquals(check([header, begin]).inSnapshot, true);
  assertEquals(check([header, begin]).epoch, undefined);
});

Deno.test("steps add up only as far as they are exact", () => {
  const at = Number.MAX_SAFE_INTEGER - 500;
  const error = assertThrows(() => check([header, ...snapshotAt(1, at), epoch(2)]), LogError);
  assertEquals(error.reason, "out-of-order");
});
