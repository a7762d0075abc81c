/** Nobody writes to watched memory unheard, whatever its address; and wherever the hart stops, its state is that of the step. */
import { assert, assertEquals } from "@std/assert";
import type { Trigger, TriggerHit } from "../../lib/cpu/triggers.ts";
import { Seeded } from "../epoch/seeded.ts";
import { paging, type PagingMachine } from "./paging_machine.ts";

/** The guest has set up its tables by then. */
const WARM_STEPS = 400_000;
const STEPS = 150_000;
const WORDS = 60;
const WORD_BYTES = 8;
const RAM = 0x8000_0000;
/** No access has it. */
const NOWHERE = 0x5555_5555_5555_0000n;

function start(): PagingMachine {
  const machine = paging();
  machine.hart.run(WARM_STEPS);
  machine.hart.startEpoch();
  return machine;
}

function stateOf({ hart, memory, digester }: PagingMachine): readonly unknown[] {
  hart.save();
  return [hart.steps, digester.state(), digester.ram(), memory.writtenPages()];
}

/** Words that change in the first steps. */
function changingWords(random: Seeded): readonly number[] {
  const [before, after] = [start(), start()];
  after.hart.run(STEPS);
  const words = (machine: PagingMachine) =>
    new BigUint64Array(machine.memory.ram.slice(0).buffer, 0, machine.memory.ramBytes / WORD_BYTES);
  const [old, now] = [words(before), words(after)];
  const pages = after.memory.writtenPages();
  const changed = pages.flatMap((page) => {
    const all = Array.from({ length: 512 }, (_, index) => page * 512 + index)
      .filter((index) => old[index] !== now[index]);
    return all.filter(() => random.upTo(all.length) < 8);
  });
  return Array.from(
    { length: WORDS },
    () => RAM + WORD_BYTES * changed[random.upTo(changed.length - 1)]!,
  );
}

const random = new Seeded(23);
const places = [...new Set(changingWords(random))];
const triggers = places.map((address, index): Trigger => ({
  ...{ kind: "store", length: WORD_BYTES, memory: [{ address, length: WORD_BYTES }] },
  address: NOWHERE + BigInt(WORD_BYTES * index),
}));

Deno.test("every change of watched memory is told of with its step, and telling changes nothing", () => {
  const observed = start();
  const wordAt = (index: number) => (places[index]! - RAM) / WORD_BYTES;
  const words = new BigUint64Array(
    observed.memory.ram.buffer,
    observed.memory.ram.byteOffset,
    observed.memory.ramBytes / WORD_BYTES,
  );
  const changes: string[] = [];
  const before = places.map((_, index) => words[wordAt(index)]);
  for (let step = WARM_STEPS; step < WARM_STEPS + STEPS; step++) {
    observed.hart.run(1);
    places.forEach((_, index) => {
      const now = words[wordAt(index)];
      if (now === before[index]) return;
      before[index] = now;
      changes.push(`${step} ${index}`);
    });
  }
  const watched = start();
  const hits: TriggerHit[] = [];
  watched.hart.arm(triggers, (hit) => {
    hits.push(hit);
    return false;
  });
  watched.hart.run(STEPS);
  const told = new Set(hits.map(({ step, trigger }) => `${step} ${triggers.indexOf(trigger)}`));
  assertEquals(changes.filter((change) => !told.has(change)), []);
  assert(changes.length > WORDS);
  assertEquals(new Set(hits.map(({ by }) => by)), new Set(["hart", "walker"]));
  assertEquals(stateOf(watched), stateOf(observed));
});

Deno.test("where it stops because of memory, or before an instruction, its state is that of the step", () => {
  const sampled = start();
  const armed: Trigger[] = [...triggers];
  for (let place = 0; place < 40; place++) {
    sampled.hart.run(random.upTo(4000));
    const address = sampled.hart.save().fields["pc"]!;
    armed.push({ kind: "execute", address, length: 1 });
  }
  const stopping = start();
  let from = -1;
  const by = new Set<string>();
  stopping.hart.arm(armed, (hit) => {
    // Breakpoints in loops are passed often.
    const stops = hit.trigger.kind === "execute"
      ? hit.step !== from && random.once(2000)
      : random.once(4);
    if (stops) by.add(`${hit.trigger.kind} by ${hit.by}`);
    return stops;
  });
  const plain = start();
  for (let stop = 0; stop < 150 && stopping.hart.steps < WARM_STEPS + STEPS; stop++) {
    from = stopping.hart.steps;
    stopping.hart.run(WARM_STEPS + STEPS - from);
    plain.hart.run(stopping.hart.steps - plain.hart.steps);
    assertEquals(stateOf(stopping), stateOf(plain));
  }
  assertEquals(by, new Set(["execute by hart", "store by hart", "store by walker"]));
});

Deno.test("where it returns after so many slow paths, its state is that of the step", () => {
  const [early, plain] = [start(), start()];
  for (let stop = 0; stop < 300; stop++) {
    early.hart.run(STEPS, 1 + random.upTo(200));
    plain.hart.run(early.hart.steps - plain.hart.steps);
    assertEquals(stateOf(early), stateOf(plain));
  }
});
