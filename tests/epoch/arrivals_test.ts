import { assert, assertEquals } from "@std/assert";
import type { Completion } from "../../lib/board/operation.ts";
import { virtioSlots } from "../../lib/board/memory_map.ts";
import { maximumQueueSize } from "../../lib/board/virtqueue.ts";
import { Arrivals } from "../../lib/epoch/host.ts";
import type { EpochRecord } from "../../lib/epoch/record.ts";
import { decodeAll, encodeAll, sampleRecords } from "../log/sample_log.ts";
import { Seeded } from "./seeded.ts";

function completion(operation: number, bytes = 0): Completion {
  const blocks = bytes === 0 ? [] : [{ address: 0x8000_0000, data: new Uint8Array(bytes) }];
  return { operation, status: "done", blocks };
}

const numbers = (completions: readonly Completion[]) =>
  completions.map(({ operation }) => operation);

Deno.test("completions are taken in the order of their arrival, each once", () => {
  const arrivals = new Arrivals();
  for (const number of [3, 1, 2]) arrivals.complete(completion(number));
  assertEquals(numbers(arrivals.takeCompletions(0)), [3, 1, 2]);
  assertEquals(arrivals.takeCompletions(1000), []);
});

Deno.test("completions are taken up to a size of their data, but at least one", () => {
  const arrivals = new Arrivals();
  const sizes = [600, 0, 300, 200, 5000, 1];
  sizes.forEach((bytes, number) => arrivals.complete(completion(number, bytes)));
  assertEquals(numbers(arrivals.takeCompletions(1000)), [0, 1, 2]);
  assertEquals(numbers(arrivals.takeCompletions(1000)), [3]);
  assertEquals(numbers(arrivals.takeCompletions(1000)), [4]);
  assertEquals(numbers(arrivals.takeCompletions(1000)), [5]);
  assertEquals(numbers(arrivals.takeCompletions(1000)), []);
});

Deno.test("completions in more pieces than a record holds are taken in several", () => {
  const arrivals = new Arrivals();
  // A guest that has every request of every disk cut into as many pieces as there can be.
  const blocks = Array.from({ length: maximumQueueSize }, (_, index) => (
    { address: 0x8000_0000 + index, data: Uint8Array.of(index) }
  ));
  const count = maximumQueueSize * virtioSlots;
  for (let operation = 0; operation < count; operation++) {
    arrivals.complete({ operation, status: "done", blocks });
  }
  const epoch = sampleRecords.find((record): record is EpochRecord => record.kind === "epoch")!;
  let taken = 0;
  while (taken < count) {
    const completions = arrivals.takeCompletions(1 << 20);
    taken += completions.length;
    const { items, error } = decodeAll(encodeAll([{ ...epoch, completions }]));
    assertEquals([items.length, error], [1, undefined]);
  }
});

Deno.test("input is taken byte by byte in its order, in whatever pieces it comes and goes", () => {
  const random = new Seeded(5);
  const arrivals = new Arrivals();
  const typed: number[] = [];
  const taken: number[] = [];
  while (typed.length < 5000) {
    const bytes = Uint8Array.from({ length: random.between(0, 20) }, () => random.between(0, 255));
    arrivals.type(bytes);
    typed.push(...bytes);
    taken.push(...arrivals.takeInput(random.between(0, 18)));
    assertEquals(arrivals.inputBytes, typed.length - taken.length);
  }
  taken.push(...arrivals.takeInput(Infinity));
  assertEquals(taken, typed);
  assertEquals(arrivals.takeInput(10), new Uint8Array(0));
});

Deno.test("what the machine cannot take is not pending", () => {
  const arrivals = new Arrivals();
  assertEquals(arrivals.pending(4096), false);
  arrivals.performed(7);
  assertEquals(arrivals.pending(4096), false, "Console output that is performed rides along");
  arrivals.type(Uint8Array.of(65));
  assertEquals([arrivals.pending(4096), arrivals.pending(0)], [true, false]);
  arrivals.takeInput(1);
  arrivals.complete(completion(0));
  assertEquals(arrivals.pending(0), true);
});

Deno.test("frames are taken as there is room; too many are dropped, and all when nobody listens", () => {
  const arrivals = new Arrivals();
  for (let count = 0; count < 1000; count++) arrivals.receive(Uint8Array.of(count & 255));
  assertEquals([arrivals.pending(0), arrivals.pending(0, 0), arrivals.pending(0, 1)], [
    ...[false, false, true],
  ]);
  assertEquals(arrivals.takeFrames(0), []);
  assertEquals(arrivals.takeFrames(2), [Uint8Array.of(0), Uint8Array.of(1)]);
  const left = [];
  for (let taken = arrivals.takeFrames(1000); taken.length > 0;) {
    left.push(taken.length);
    taken = arrivals.takeFrames(1000);
  }
  assertEquals(left, [128, 128, 128, 126]);
  arrivals.receive(Uint8Array.of(7));
  assertEquals(arrivals.takeFrames(undefined), []);
  assertEquals(arrivals.takeFrames(1), []);
});

Deno.test("console output that is performed never goes back", () => {
  const arrivals = new Arrivals();
  for (const position of [5, 3, 9, 9, 1]) arrivals.performed(position);
  assertEquals(arrivals.consolePerformed, 9);
});

Deno.test("each arrival wakes the one who waits, and only news does", async () => {
  const arrivals = new Arrivals();
  const news: Readonly<Record<string, () => void>> = {
    completion: () => arrivals.complete(completion(0)),
    input: () => arrivals.type(Uint8Array.of(1)),
    frame: () => arrivals.receive(new Uint8Array(60)),
    performed: () => arrivals.performed(5),
    nudge: () => arrivals.nudge(),
  };
  for (const [what, arrive] of Object.entries(news)) {
    let woken = false;
    const waiting = arrivals.arrival().then(() => woken = true);
    // Neither is anything new.
    arrivals.type(new Uint8Array(0));
    arrivals.performed(0);
    await Promise.resolve();
    assertEquals(woken, false, what);
    arrive();
    await waiting;
    assert(woken);
  }
});
