import { assert, assertEquals } from "@std/assert";
import { fieldDifferences } from "../../lib/debug/field_difference.ts";
import { instructionDifference } from "../../lib/debug/instruction_difference.ts";
import { recordDifference } from "../../lib/debug/record_difference.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { HART_BLOCK, HART_BLOCK_BYTES } from "../../lib/cpu/layout.ts";
import { fieldOffset } from "../../lib/cpu/hart_block.ts";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { logOf, recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";

const stream = (log: Uint8Array) => ReadableStream.from([log]);

async function echo(input: string, seed: number): Promise<Uint8Array> {
  return (await recordGuest("echo", { input, seed })).log;
}

async function onTimelines<Result>(
  logs: readonly [Uint8Array, Uint8Array],
  use: (timelines: readonly [Timeline, Timeline]) => Promise<Result>,
): Promise<Result> {
  return await withFolder(async (folder) => {
    const open = async (name: string, log: Uint8Array) => {
      await Deno.writeFile(`${folder}/${name}`, log);
      return await Timeline.open(`${folder}/${name}`);
    };
    const timelines = [await open("a.log", logs[0]), await open("b.log", logs[1])] as const;
    try {
      return await use(timelines);
    } finally {
      for (const timeline of timelines) timeline.close();
    }
  });
}

/** What instructions have left of a machine after each step, as text. */
async function history(timeline: Timeline): Promise<string[]> {
  const states: string[] = [];
  await timeline.seek(timeline.start);
  const { memory } = timeline.machine.memory;
  const block = () => {
    const bytes = new Uint8Array(memory.buffer, HART_BLOCK, HART_BLOCK_BYTES).slice();
    for (const field of ["interruptLines", "waiting"] as const) {
      bytes.fill(0, fieldOffset[field], fieldOffset[field] + 8);
    }
    return bytes.toHex();
  };
  await timeline.runBy(timeline.end, (replica) => {
    const { steps } = replica.machine;
    replica.advance(1);
    if (replica.machine.steps > steps) states[replica.machine.steps] = block();
  });
  return states;
}

Deno.test("fields that differ are told by their place, byte strings from the byte that differs", () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  assertEquals(fieldDifferences({ a: 1, b: [{ c: 2n }] }, { a: 1, b: [{ c: 2n }] }), []);
  assertEquals(
    fieldDifferences({ a: 1, b: [{ c: 2n }], d: "x" }, { a: 2, b: [{ c: 3n }, 4], e: bytes(1) }),
    [
      { path: "a", first: "1", second: "2" },
      { path: "b[0].c", first: "0000000000000002", second: "0000000000000003" },
      { path: "b[1]", first: "nothing", second: "4" },
      { path: "d", first: '"x"', second: "nothing" },
      { path: "e", first: "nothing", second: "1 bytes" },
    ],
  );
  assertEquals(fieldDifferences({ a: bytes(1, 2, 3) }, { a: bytes(1, 9) }), [
    { path: "a", first: "0203 from byte 1", second: "09 from byte 1" },
  ]);
  assertEquals(fieldDifferences(bytes(1), bytes(1, 2), "a"), [
    { path: "a", first: "ends at byte 1", second: "02 from byte 1" },
  ]);
});

Deno.test("the first record that differs is found, whatever notes and snapshots stand before it", async () => {
  const log = await echo("abc\x04", 1);
  const records = recordsOf(log);
  const same = await recordDifference(stream(log), stream(log));
  assertEquals([same.items, same.fields, same.configuration], [undefined, [], []]);
  const epochs = records.filter(({ kind }) => kind === "epoch").length;
  assertEquals([same.equalEpochs, same.lastEqual], [epochs, epochs]);

  const altered = records.flatMap((record): LogRecord[] =>
    record.kind === "epoch" && record.epoch === 3
      ? [{ kind: "note", text: "later" }, { ...record, steps: record.steps + 1 }]
      : [record]
  );
  const found = await recordDifference(stream(log), stream(logOf(altered)));
  assertEquals([found.equalEpochs, found.lastEqual], [2, 2]);
  assertEquals(found.fields.map(({ path }) => path), ["steps"]);
  assertEquals(found.items?.map((item) => item?.record.kind), ["epoch", "epoch"]);
  assertEquals(found.items![1]!.number, found.items![0]!.number + 1);

  const shorter = await recordDifference(stream(log), stream(logOf(records.slice(0, -1))));
  assertEquals(shorter.items?.map((item) => item?.record.kind), ["end", undefined]);
});

Deno.test("two recordings part at the step at which a comparison of every step sees them part", async () => {
  for (const seed of [2, 3, 4]) {
    const logs = [await echo("to be or not\x04", 1), await echo("to be or not\x04", seed)] as const;
    await onTimelines(logs, async (timelines) => {
      const { difference, from } = await instructionDifference(timelines);
      const [first, second] = [await history(timelines[0]), await history(timelines[1])];
      const expected = first.findIndex((state, step) => step > 0 && state !== second[step]);
      assertEquals([from, difference?.step], [0, expected - 1]);
      const { before, after: [one, other], registers } = difference!;
      assert(before.trimEnd().split("\n").at(-1)!.startsWith(`${expected - 2} `));
      assert(one.startsWith(`${expected - 1} `) && other.startsWith(`${expected - 1} `));
      assert(registers.length > 0);
      // Compared now and then only, they may seem to part later, but they do differ there.
      const rarely = await instructionDifference(timelines, { closeSteps: 100, strideSteps: 50 });
      const { step } = rarely.difference!;
      assert(step >= expected - 1);
      assert(first[step] === second[step] && first[step + 1] !== second[step + 1]);
    });
  }
});

Deno.test("recordings of a machine with a disk part, and one is like itself up to its end", async () => {
  const log = (seed: number, bootArguments: string) =>
    recordGuest("teller", {
      ...{ disk: new Uint8Array(2048 * 512), bills: true, seed, bootArguments },
      stopAfterEpochs: 400,
    });
  const logs = [(await log(1, "burst transfers=40")).log, (await log(2, "burst transfers=40")).log];
  await onTimelines(logs as [Uint8Array, Uint8Array], async (timelines) => {
    const { difference } = await instructionDifference(timelines);
    assert(difference !== undefined && difference.step > 0);
  });
  await onTimelines([logs[0]!, logs[0]!], async (timelines) => {
    const { difference, to } = await instructionDifference(timelines);
    assertEquals([difference, to], [undefined, timelines[0].end.step]);
  });
});

Deno.test("a log that begins at a later snapshot is compared from there on", async () => {
  const { log } = await recordGuest("clock", { snapshotEverySteps: 5000 });
  const records = recordsOf(log);
  const later = records.flatMap(({ kind }, index) => kind === "snapshot-begin" ? [index] : [])[2]!;
  const rest = logOf([records[0]!, ...records.slice(later)]);
  for (const logs of [[log, rest], [rest, log]] as const) {
    const { items, equalEpochs, lastEqual } = await recordDifference(
      stream(logs[0]),
      stream(logs[1]),
    );
    assertEquals([items, equalEpochs], [
      undefined,
      records.slice(later).filter(({ kind }) => kind === "epoch").length,
    ]);
    await onTimelines(logs, async (timelines) => {
      const start = Math.max(...timelines.map((timeline) => timeline.start.step));
      assert(start > 0);
      const end = timelines[0].end.step;
      const compared = await instructionDifference(timelines);
      assertEquals(compared, { from: start, to: end, difference: undefined });
      const none = await instructionDifference(timelines, { lastEqualEpoch: lastEqual });
      assertEquals(none, { from: end, to: end, difference: undefined });
    });
  }
  // Nothing is in common of what ends before the other begins.
  const early = logOf(records.slice(0, later - 6));
  await onTimelines([early, rest], async (timelines) => {
    const { from, to, difference } = await instructionDifference(timelines);
    assertEquals([difference, from > to], [undefined, true]);
  });
});
