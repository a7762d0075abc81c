/** Where a debugger stops, in both directions, is where an observer who looks at every step would. */
import { assertEquals } from "@std/assert";
import type { Trigger } from "../../lib/cpu/triggers.ts";
import { Debugger, type Stop } from "../../lib/debug/debugger.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { freshOptions, guestCases } from "../replay/guest_cases.ts";
import { recordGuest } from "../replay/recording.ts";

const WINDOW = { from: 7000, to: 24_000 } as const;

interface Observed {
  /** pc before each step of the window. */
  readonly pcs: readonly bigint[];
  /** Steps that have changed the watched word. */
  readonly changes: readonly number[];
}

async function withClock(
  test: (timeline: Timeline, moving: Debugger) => Promise<void>,
): Promise<void> {
  const { log } = await recordGuest("clock", { epochSteps: (random) => random.upTo(3000) });
  await withTimeline(log, test);
}

async function withTimeline(
  log: Uint8Array,
  test: (timeline: Timeline, moving: Debugger) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/run.log`, log);
    const timeline = await Timeline.open(`${folder}/run.log`);
    try {
      await timeline.seek(timeline.start);
      await test(timeline, new Debugger(timeline));
    } finally {
      timeline.close();
    }
  });
}

async function observe(timeline: Timeline, word: number): Promise<Observed> {
  await timeline.seek(timeline.momentAt(WINDOW.from)!);
  const pcs: bigint[] = [];
  const changes: number[] = [];
  for (let step = WINDOW.from; step < WINDOW.to; step++) {
    const { machine } = timeline;
    pcs.push(machine.hartState().fields["pc"]!);
    const before = machine.memory.read(word, 8);
    await timeline.stepForward();
    const after = timeline.machine.memory.read(word, 8);
    if (before.some((byte, at) => byte !== after[at])) changes.push(step);
  }
  return { pcs, changes };
}

/** Steps at which it stops going on from the window's start, then back from its end. */
async function stops(
  timeline: Timeline,
  moving: Debugger,
  way: "continueForward" | "continueBack",
): Promise<number[]> {
  await timeline.seek(timeline.momentAt(way === "continueForward" ? WINDOW.from : WINDOW.to)!);
  const steps: number[] = [];
  for (;;) {
    const stop: Stop = await moving[way]();
    const { step } = timeline.moment;
    if (stop.kind !== "trigger" || step < WINDOW.from || step > WINDOW.to) return steps;
    assertEquals(timeline.moment, timeline.momentAt(step));
    steps.push(step);
  }
}

Deno.test("breakpoints stop at every pass and no other, forwards and backwards", () =>
  withClock(async (timeline, moving) => {
    const { pcs } = await observe(timeline, 0x80001290);
    const random = new Seeded(5);
    for (let round = 0; round < 4; round++) {
      const places = new Set(Array.from({ length: 3 }, () => pcs[random.upTo(pcs.length - 1)]!));
      moving.triggers = Array.from(places, (address) => ({ kind: "execute", address, length: 1 }));
      const passes = pcs.flatMap((pc, index) => places.has(pc) ? [WINDOW.from + index] : []);
      // Thousands of passes of a loop prove no more than some.
      if (passes.length > 500) continue;
      const ahead = passes.filter((step) => step > WINDOW.from);
      assertEquals(await stops(timeline, moving, "continueForward"), ahead);
      assertEquals(await stops(timeline, moving, "continueBack"), passes.toReversed());
    }
  }));

Deno.test("a watched word stops behind each store, and going back before it", () =>
  withClock(async (timeline, moving) => {
    const word = 0x80001298;
    const { changes } = await observe(timeline, word);
    const trigger: Trigger = { kind: "store", address: BigInt(word), length: 8 };
    moving.triggers = [trigger];
    const forwards = await stops(timeline, moving, "continueForward");
    const backwards = await stops(timeline, moving, "continueBack");
    assertEquals(forwards.map((step) => step - 1), backwards.toReversed());
    assertEquals(changes.filter((step) => !backwards.includes(step)), []);
    assertEquals(changes.length > 0, true);
    // Steps tell of it as well, both ways.
    await timeline.seek(timeline.momentAt(backwards[0]!)!);
    assertEquals(await moving.stepForward(), { kind: "trigger", trigger });
    assertEquals(await moving.stepBack(), { kind: "trigger", trigger });
    assertEquals(timeline.moment.step, backwards[0]!);
  }));

Deno.test("stepping through a range ends outside of it, or at a breakpoint in it", () =>
  withClock(async (timeline, moving) => {
    const { pcs } = await observe(timeline, 0x80001290);
    await timeline.seek(timeline.momentAt(WINDOW.from)!);
    const [from, to] = [pcs[0]!, pcs[0]! + 64n];
    const outside = pcs.findIndex((pc, index) => index > 0 && (pc < from || pc >= to));
    assertEquals(await moving.stepThrough(from, to), { kind: "arrived" });
    assertEquals(timeline.moment.step, WINDOW.from + outside);
    await timeline.seek(timeline.momentAt(WINDOW.from)!);
    const trigger: Trigger = { kind: "execute", address: pcs[1]!, length: 1 };
    moving.triggers = [trigger];
    assertEquals(await moving.stepThrough(0n, 1n << 63n), { kind: "trigger", trigger });
    assertEquals(timeline.moment.step, WINDOW.from + 1);
  }));

for (const [name, which] of Object.entries(guestCases)) {
  Deno.test(`${name}: triggers everywhere alter nothing, in either direction`, async () => {
    const random = new Seeded(3);
    const { log } = await recordGuest(
      which.guest,
      freshOptions(which, { seed: 4, epochSteps: (random) => random.upTo(30_000) }),
    );
    await withTimeline(log, async (timeline, moving) => {
      const { start, end } = timeline;
      const places: Trigger[] = [];
      for (let count = 0; count < 40; count++) {
        const step = start.step + random.upTo(end.step - start.step);
        await timeline.seek(timeline.momentAt(step)!);
        const { registers, fields } = timeline.machine.hartState();
        places.push({ kind: "execute", address: fields["pc"]!, length: 1 });
        const pointer = registers[1 + random.upTo(2)]!;
        const length = 1 + random.upTo(63);
        const kind = (["load", "store", "access"] as const)[random.upTo(2)]!;
        if (pointer < 1n << 63n) places.push({ kind, address: pointer, length });
      }
      moving.triggers = places;
      // Every epoch is compared with the log's digests, whatever is hit in it.
      await timeline.seek(start);
      for (let stop = 0; stop < 60; stop++) {
        const back = stop % 3 === 2;
        await (back ? moving.continueBack() : moving.continueForward());
        if (random.once(8)) {
          const step = start.step + random.upTo(end.step - start.step);
          await moving.seek(timeline.momentAt(step)!);
        }
      }
      await timeline.seek(start);
      assertEquals(await timeline.runForward({ until: () => false }), "limit");
      await timeline.seek(timeline.momentAt(end.step - 1)!);
      assertEquals((await moving.stepForward()).kind !== "end", true);
    });
  });
}
