import { assert, assertEquals } from "@std/assert";
import { LogWalk, type WalkedItem } from "../../lib/debug/log_walk.ts";
import { isWanted, needsReplay, type RecordFilter } from "../../lib/debug/record_filter.ts";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { sampleRecords } from "../log/sample_log.ts";
import { logOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";

async function walked(log: Uint8Array, replayed: boolean): Promise<WalkedItem[]> {
  return await Array.fromAsync(new LogWalk(ReadableStream.from([log]), replayed));
}

const sample = await walked(logOf(sampleRecords), false);

function numbers(filter: RecordFilter): number[] {
  return sample.filter((item) => isWanted(filter, item)).map(({ number }) => number);
}

function numberOf(wanted: (record: LogRecord) => boolean): number {
  return sampleRecords.findIndex(wanted);
}

Deno.test("records are chosen by kind, and promotions as a kind of their own", () => {
  const epochs = sampleRecords.flatMap(({ kind }, number) => kind === "epoch" ? [number] : []);
  assertEquals(numbers({ kinds: ["epoch"] }), epochs);
  assertEquals(numbers({ kinds: ["promotion", "end"] }), [epochs.at(-1), sampleRecords.length - 1]);
  assertEquals(numbers({}).length, sampleRecords.length);
});

Deno.test("records are chosen by what of an epoch touches a span of epochs, steps or time", () => {
  const ofEpoch = (wanted: number) =>
    numberOf((record) => record.kind === "epoch" && record.epoch === wanted);
  const first = { kinds: ["epoch"] } as const;
  assertEquals(numbers({ ...first, epochs: { from: 2, to: 3 } }), [ofEpoch(2), ofEpoch(3)]);
  // Epoch 1 has 20,000 steps, epoch 2 one, epoch 3 none.
  assertEquals(numbers({ ...first, steps: { from: 20_001, to: Infinity } }), [2, 3].map(ofEpoch));
  assertEquals(numbers({ ...first, steps: { from: 0, to: 19_999 } }), [ofEpoch(1)]);
  assertEquals(numbers({ ...first, ticks: { from: 0, to: 2 ** 33 - 1 } }), [ofEpoch(1)]);
  assertEquals(
    numbers({ epochs: { from: 0, to: 0 } })[0],
    numberOf((record) => record.kind === "snapshot-commit"),
  );
});

Deno.test("records are chosen by device: what came in, what was read, whose operations there are", () => {
  const second = numberOf((record) => record.kind === "epoch" && record.epoch === 2);
  for (const device of ["console", "network", "clock"] as const) {
    assertEquals(numbers({ devices: [device] }), [second]);
    assert(!needsReplay({ devices: [device] }));
  }
  assert(needsReplay({ devices: ["console", "disk"] }));
});

Deno.test("a log that is replayed on the way tells of each operation when it was issued and answered", async () => {
  const { log } = await recordGuest("mixed", {
    ...{ disk: new Uint8Array(2048 * 512), blkDisk: new Uint8Array(2048 * 512), entropy: true },
    bootArguments: "rounds=3",
  });
  const items = await walked(log, true);
  const issued = items.flatMap(({ operations }) => operations?.issued ?? []);
  const completed = items.flatMap(({ operations }) => operations?.completed ?? []);
  assertEquals(issued.map(({ number }) => number), issued.map((_, index) => index));
  assertEquals(
    completed.map(({ operation }) => operation.number),
    items.flatMap(({ record }) =>
      record.kind === "epoch" ? record.completions.map(({ operation }) => operation) : []
    ),
  );
  for (const [device, kind] of [["disk", "disk-read"], ["entropy", "entropy"]] as const) {
    const chosen = items.filter((item) => isWanted({ devices: [device] }, item));
    assert(chosen.length > 0 && chosen.length < items.length, device);
    const kinds = chosen.flatMap(({ operations }) => operations!.issued.map((o) => o.request.kind));
    assert(kinds.some((found) => found === kind), device);
  }
});
