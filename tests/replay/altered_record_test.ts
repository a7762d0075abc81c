/**
 * A log in which one value is another, with checksums that are right: what reads it sees that it is not the
 * log of this machine, at that record, and executes nothing behind it (design invariants 7 and 8).
 */
import { assert, assertEquals, AssertionError } from "@std/assert";
import { DivergenceError } from "../../lib/epoch/divergence.ts";
import type { Completion, CompletionStatus } from "../../lib/board/operation.ts";
import type { EpochRecord, LogRecord } from "../../lib/epoch/record.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { replay, type ReplaySummary } from "../../lib/replica/replaying.ts";
import { freshOptions, guestCases } from "./guest_cases.ts";
import { enter, logOf, recordsOf } from "./log_editing.ts";
import { streamOf } from "./playing.ts";
import { recordGuest, type RecordingOptions } from "./recording.ts";

async function recorded(name: string, options: RecordingOptions): Promise<readonly LogRecord[]> {
  const which = guestCases[name]!;
  return recordsOf((await recordGuest(which.guest, freshOptions(which, options))).log);
}

/** The logs that are altered: between them they have everything that a record can hold. */
const logs = {
  teller: await recorded("teller in a burst", {
    bootArguments: "burst transfers=20",
    policy: { ramDigestSteps: 50_000 },
  }),
  unlucky: await recorded("teller in a burst", {
    bootArguments: "burst transfers=20",
    // A bill that is never paid would be waited for, for ever.
    fate: ({ kind }, count) => kind === "disk-write" && count > 24 ? "no-space" : "done",
  }),
  clock: await recorded("clock", { bootArguments: "ticks=5" }),
  echo: await recorded("echo with typed input", {}),
  reset: await recorded("reset", {}),
  net: await recorded("net", {}),
};

/** What became of an altered log. */
interface Outcome {
  readonly error: unknown;
  readonly summary: ReplaySummary | undefined;
  /** Epochs executed. */
  readonly executed: number;
}

async function replayed(records: readonly LogRecord[]): Promise<Outcome> {
  let executed = 0;
  const count = () => void executed++;
  try {
    const summary = await replay(streamOf(logOf(records)), { epoch: count });
    return { error: undefined, summary, executed };
  } catch (error) {
    return { error, summary: undefined, executed };
  }
}

/** The record at which reading or replaying failed: its epoch, or its number in the log. */
function placeOf(error: unknown, where: string): { epoch: number } | { record: number } {
  if (error instanceof DivergenceError) return { epoch: error.epoch };
  if (error instanceof LogError) return { record: error.recordNumber };
  throw error ?? new AssertionError(`Nothing was noticed: ${where}`);
}

/** Makes an epoch another one; nothing where that cannot be done. */
type Alteration = (record: EpochRecord, next: EpochRecord | undefined) => EpochRecord | undefined;

const withCompletions = (
  change: (completions: readonly Completion[]) => readonly Completion[] | undefined,
): Alteration =>
(record) => {
  const completions = record.completions.length > 0 ? change(record.completions) : undefined;
  return completions && { ...record, completions };
};

const withStatus = (status: CompletionStatus): Alteration =>
  withCompletions((completions) =>
    completions[0]!.status === status ? undefined : [
      { ...completions[0]!, status, blocks: status === "done" ? completions[0]!.blocks : [] },
      ...completions.slice(1),
    ]
  );

/** Changes the first completion that has data. */
const withBlocks = (
  change: (blocks: Completion["blocks"]) => Completion["blocks"] | undefined,
): Alteration =>
  withCompletions((completions) => {
    const at = completions.findIndex(({ blocks }) => blocks.length > 0);
    const blocks = at < 0 ? undefined : change(completions[at]!.blocks);
    return blocks && completions.with(at, { ...completions[at]!, blocks });
  });

const withInput = (change: (input: Uint8Array) => Uint8Array): Alteration => (record) =>
  record.consoleInput.length === 0
    ? undefined
    : { ...record, consoleInput: change(record.consoleInput) };

const withFrames = (
  change: (frames: readonly Uint8Array[]) => readonly Uint8Array[],
): Alteration =>
(record) => record.frames.length === 0 ? undefined : { ...record, frames: change(record.frames) };

const withReads = (
  change: (reads: readonly bigint[]) => readonly bigint[] | undefined,
): Alteration =>
(record) => {
  const reads = record.reads.length > 0 ? change(record.reads) : undefined;
  return reads && { ...record, reads };
};

/** Alterations that every reader of the log must notice at that record. */
const alterations: Readonly<Record<string, Alteration>> = {
  "a step more": (record) => ({ ...record, steps: record.steps + 1 }),
  "a step less": (record) => record.steps > 0 ? { ...record, steps: record.steps - 1 } : undefined,
  "no step": (record) => record.steps > 0 ? { ...record, steps: 0 } : undefined,
  "as many steps as there can be": (record) => ({ ...record, steps: 2 ** 28 }),
  "the last read changed": withReads((reads) => reads.with(-1, reads.at(-1)! ^ (1n << 40n))),
  "a read dropped": withReads((reads) => reads.slice(1)),
  "the last read dropped": withReads((reads) => reads.slice(0, -1)),
  "a read added": (record) => ({ ...record, reads: [...record.reads, 5n] }),
  "a read added in front": withReads((reads) => [5n, ...reads]),
  "two reads exchanged": withReads((reads) =>
    reads.length > 1 && reads[0] !== reads[1]
      ? [reads[1]!, reads[0]!, ...reads.slice(2)]
      : undefined
  ),
  "a completion dropped": withCompletions((completions) => completions.slice(1)),
  "a completion repeated": withCompletions((completions) => [...completions, completions[0]!]),
  "a completion of the next epoch": (record, next) =>
    next && next.completions.length > 0
      ? { ...record, completions: [...record.completions, next.completions[0]!] }
      : undefined,
  "a completion of another operation": withCompletions((completions) => [
    { ...completions[0]!, operation: completions[0]!.operation + 1 },
    ...completions.slice(1),
  ]),
  "a completion of an operation never issued": (record) => ({
    ...record,
    completions: [...record.completions, { operation: 2 ** 40, status: "done", blocks: [] }],
  }),
  "a completion that is done": withStatus("done"),
  "a completion that is uncertain": withStatus("uncertain"),
  "a completion that failed": withStatus("io-error"),
  "a completion that found no space": withStatus("no-space"),
  "data changed": withBlocks((blocks) =>
    blocks.with(0, {
      ...blocks[0]!,
      data: blocks[0]!.data.with(blocks[0]!.data.length - 1, blocks[0]!.data.at(-1)! ^ 0x80),
    })
  ),
  "data at another address": withBlocks((blocks) =>
    blocks.with(0, { ...blocks[0]!, address: blocks[0]!.address + 8 })
  ),
  "data outside RAM": withBlocks((blocks) => blocks.with(0, { ...blocks[0]!, address: 0 })),
  "data a byte short": withBlocks((blocks) =>
    blocks.with(0, { ...blocks[0]!, data: blocks[0]!.data.slice(1) })
  ),
  "data dropped": withBlocks(() => []),
  "data in two pieces": withBlocks((blocks) => {
    const { address, data } = blocks[0]!;
    const pieces = [8, data.length].map((end, index) => ({
      address: address + 8 * index,
      data: data.slice(8 * index, end),
    }));
    return [...pieces, ...blocks.slice(1)];
  }),
  "input changed": withInput((input) => input.with(0, input[0]! ^ 1)),
  "input dropped": withInput((input) => input.slice(1)),
  "input added": (record) => ({
    ...record,
    consoleInput: Uint8Array.of(...record.consoleInput, 65),
  }),
  "more input than there is room for": (record) => ({
    ...record,
    consoleInput: new Uint8Array(5000),
  }),
  "a frame changed": withFrames((frames) =>
    frames.with(0, frames[0]!.with(20, frames[0]![20]! ^ 1))
  ),
  "a frame dropped": withFrames((frames) => frames.slice(1)),
  "a frame repeated": withFrames((frames) => [...frames, frames[0]!]),
  "a frame added": (record) => ({ ...record, frames: [...record.frames, new Uint8Array(60)] }),
  "more frames than there is room for": (record) => ({
    ...record,
    frames: Array.from({ length: 128 }, () => new Uint8Array(60)),
  }),
  "less console output performed": (record) =>
    record.consolePerformed > 0
      ? { ...record, consolePerformed: record.consolePerformed - 1 }
      : undefined,
  "more console output performed": (record) => ({
    ...record,
    consolePerformed: record.consolePerformed + 1,
  }),
  "console output performed that there is not": (record) => ({
    ...record,
    consolePerformed: 2 ** 40,
  }),
  "a tick more": ({ time, ...record }) => ({ ...record, time: { ...time, base: time.base + 1 } }),
  "a tick less": ({ time, ...record }) =>
    time.base > 0 ? { ...record, time: { ...time, base: time.base - 1 } } : undefined,
  "the end of time": ({ time, ...record }) => ({
    ...record,
    time: { ...time, base: Number.MAX_SAFE_INTEGER },
  }),
  "a faster clock": ({ time, ...record }) => ({
    ...record,
    time: { ...time, rate: time.rate + 1 },
  }),
  "a slower clock": ({ time, ...record }) =>
    time.rate > 1 ? { ...record, time: { ...time, rate: time.rate - 1 } } : undefined,
  "another digest": ({ digest, ...record }) => ({
    ...record,
    digest: { ...digest, state: digest.state ^ 1n },
  }),
  "another digest of RAM": ({ digest, ...record }) => ({
    ...record,
    digest: { ...digest, ram: (digest.ram ?? 0n) ^ (1n << 63n) },
  }),
  "no digest of RAM at power-off": ({ digest, ...record }, next) =>
    digest.ram !== undefined && !next ? { ...record, digest: { state: digest.state } } : undefined,
  "the next number": (record) => ({ ...record, epoch: record.epoch + 1 }),
  "the number before": (record) =>
    record.epoch > 1 ? { ...record, epoch: record.epoch - 1 } : undefined,
  "a promotion of a running machine": (record) =>
    record.steps > 0 ? { ...record, term: 2 } : undefined,
  "a promotion to a term too far": (record) => ({ ...record, term: 3 }),
};

/** The first two completions in the other order. */
const exchanged: Alteration = withCompletions(([first, second, ...others]) =>
  first && second ? [second, first, ...others] : undefined
);

/** Up to `most` of them, from the whole length. */
function spread<Value>(values: readonly Value[], most: number): Value[] {
  const step = Math.max(1, values.length / most);
  return Array.from(
    { length: Math.min(most, values.length) },
    (_, index) => values[Math.floor(index * step)]!,
  );
}

for (const [what, alter] of Object.entries(alterations)) {
  Deno.test(`an epoch with ${what} is noticed there, and nothing behind it is executed`, async () => {
    let altered = 0;
    for (const [name, records] of Object.entries(logs)) {
      const places = records.flatMap((record, index) => {
        const next = records[index + 1];
        const other = record.kind === "epoch" &&
          alter(record, next?.kind === "epoch" ? next : undefined);
        return other ? [{ index, record, other }] : [];
      });
      for (const { index, record, other } of spread(places, 4)) {
        const { error, executed } = await replayed(records.with(index, other));
        const where = `${name}, epoch ${record.epoch}`;
        const place = placeOf(error, where);
        assertEquals(place, "epoch" in place ? { epoch: record.epoch } : { record: index }, where);
        assertEquals(executed, record.epoch - 1, where);
        altered++;
      }
    }
    assert(altered > 0, "No log has a place for it");
  });
}

Deno.test("an epoch that is left out, repeated or put elsewhere is noticed there", async () => {
  for (const records of Object.values(logs)) {
    const first = records.findIndex(({ kind }) => kind === "epoch");
    const last = records.length - 1;
    for (
      const index of spread(Array.from({ length: last - first - 1 }, (_, at) => first + at), 6)
    ) {
      const epoch = index - first + 1;
      for (
        const [changed, number] of [
          [records.toSpliced(index, 1), index],
          [records.toSpliced(index, 0, records[index]!), index + 1],
          [records.toSpliced(index, 2, records[index + 1]!, records[index]!), index],
        ] as const
      ) {
        const { error, executed } = await replayed(changed);
        if (index === last - 1 && number === index) continue;
        assertEquals(placeOf(error, `epoch ${epoch}`), { record: number });
        assertEquals(executed, epoch - 1 + number - index);
      }
    }
  }
});

Deno.test("an end that is not the machine's is noticed, and a missing one is a stall", async () => {
  for (const records of Object.values(logs)) {
    const epochs = records.filter(({ kind }) => kind === "epoch").length;
    for (
      const end of [
        { kind: "end", reason: "power-off", exitCode: 1 },
        { kind: "end", reason: "detach" },
        { kind: "end", reason: "hand-over" },
      ] as const
    ) {
      const { error, executed } = await replayed(records.with(-1, end));
      assertEquals(placeOf(error, end.reason), { epoch: epochs });
      assertEquals(executed, epochs);
    }
    const early = await replayed(records.toSpliced(-2, 1));
    assertEquals(placeOf(early.error, "an early end"), { epoch: epochs - 1 });

    const { summary } = await replayed(records.slice(0, -1));
    assertEquals([summary?.ending.kind, summary?.end], ["stalled", undefined]);
    assertEquals(summary?.epochs, epochs);
  }
});

Deno.test("two completions of one device in the other order are noticed there", async () => {
  const records = logs.reset;
  const places = records.flatMap((record, index) => {
    const other = record.kind === "epoch" && exchanged(record, undefined);
    return other ? [{ index, epoch: record.epoch, other }] : [];
  });
  assert(places.length > 0);
  for (const { index, epoch, other } of places) {
    const { error, executed } = await replayed(records.with(index, other));
    assertEquals(placeOf(error, `epoch ${epoch}`), { epoch });
    assertEquals(executed, epoch - 1);
  }
});

/** What may differ without being another machine's log, and why. */
const invisible: Readonly<
  Record<string, { readonly why: string; readonly altered: readonly LogRecord[] }>
> = {
  "a promotion that delivers nothing": {
    why: "the term is the fence's affair, the machine does not see who runs it",
    altered: firstEpoch(
      logs.teller,
      (record) => record.steps === 0 ? { ...record, term: 2 } : undefined,
    ),
  },
  "a read that the guest forgets": {
    why: "the digest is of the state at the epoch's end, and the guest keeps its last read only",
    altered: firstEpoch(
      logs.clock,
      (record) =>
        record.reads.length > 2
          ? { ...record, reads: record.reads.with(0, record.reads[0]! - 1n) }
          : undefined,
    ),
  },
  "completions of two devices in the other order": {
    why: "devices that share nothing end in the same state",
    altered: await devicesExchanged(),
  },
  "fewer digests of RAM": {
    why: "there are still as many as its header promises",
    altered: logs.teller.map((record, index) =>
      record.kind === "header"
        ? { ...record, ramDigestSteps: 2 ** 40 }
        : record.kind === "epoch" && logs.teller[index + 1]?.kind !== "end"
        ? { ...record, digest: { state: record.digest.state } }
        : record
    ),
  },
  "notes and heartbeats in between": {
    why: "they are for people, and for the stream's sake",
    altered: logs.teller.flatMap((record): LogRecord[] =>
      record.kind === "epoch"
        ? [{ kind: "note", text: "Here" }, record, { kind: "heartbeat" }]
        : [record]
    ),
  },
  "another run, member and positions outside": {
    why: "the machine sees positions of its own, from 0 on",
    altered: logs.teller.map((record) =>
      record.kind === "header"
        ? {
          ...record,
          run: "f".repeat(32),
          member: "e".repeat(32),
          acknowledged: true,
          ...{ consoleBase: 77, billBase: 78, diskDigests: ["0".repeat(64)] },
        }
        : record
    ),
  },
};

/** The log with the first epoch altered that can be. */
function firstEpoch(records: readonly LogRecord[], alter: Alteration): readonly LogRecord[] {
  for (const [index, record] of records.entries()) {
    const other = record.kind === "epoch" ? alter(record, undefined) : undefined;
    if (other) return records.with(index, other);
  }
  throw new Error("No epoch can be altered so");
}

/** A log in which a disk and the bill port complete in one epoch, exchanged there. */
async function devicesExchanged(): Promise<readonly LogRecord[]> {
  for (let seed = 1; seed <= 50; seed++) {
    const options = { bootArguments: "burst transfers=20", seed };
    const records = await recorded("teller in a burst", options);
    const isBill = billsOf(records);
    for (const [index, record] of records.entries()) {
      if (record.kind !== "epoch" || record.completions.length < 2) continue;
      const [first, second] = record.completions.map(({ operation }) => isBill.has(operation));
      if (first !== second) return records.with(index, exchanged(record, undefined)!);
    }
  }
  throw new Error("Nowhere do two devices complete in one epoch");
}

/** Numbers of the operations of the bill port. */
function billsOf(records: readonly LogRecord[]): Set<number> {
  const replica = enter(records);
  const bills = new Set<number>();
  for (const record of records) {
    if (record.kind === "epoch") replica.execute(record);
    for (const { number, request } of replica.outstanding()) {
      if (request.kind === "bill-append") bills.add(number);
    }
  }
  return bills;
}

for (const [what, { why, altered }] of Object.entries(invisible)) {
  Deno.test(`a log with ${what} is a log of the same machine: ${why}`, async () => {
    const { error, summary } = await replayed(altered);
    assertEquals(error, undefined);
    assertEquals(summary?.end, altered.at(-1));
  });
}
