import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { StateError } from "../../lib/board/errors.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";
import { GuestClock } from "../../lib/board/guest_clock.ts";

function clock() {
  const allocator = new FieldAllocator(new DataView(new ArrayBuffer(64)));
  return { allocator, clock: new GuestClock(allocator) };
}

Deno.test("time is the base and the rate times the steps, rounded down", () => {
  const { clock: guest } = clock();
  guest.start({ base: 100, rate: 2 ** 23 }, 1000);
  assertEquals([1000, 1001, 1002, 1000 + 2 ** 28].map((steps) => guest.at(steps)), [
    100,
    100,
    101,
    100 + 2 ** 27,
  ]);
});

Deno.test("the steps to a moment are the fewest that reach it", () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 40),
      fc.integer({ min: 1, max: 2 ** 24 }),
      fc.nat(2 ** 40),
      fc.nat(2 ** 28),
      fc.nat(2 ** 29),
      (base, rate, start, taken, ahead) => {
        const { clock: guest } = clock();
        guest.start({ base, rate }, start);
        const steps = start + taken;
        const due = base + ahead;
        const left = guest.stepsUntil(due, steps);
        if (taken + left > 2 ** 28) return;
        assertEquals(guest.at(steps + left) >= due, true);
        if (left > 0) assertEquals(guest.at(steps + left - 1) < due, true);
      },
    ),
    { seed: 29, numRuns: 2000, verbose: true },
  );
});

Deno.test("a moment that no epoch reaches is further away than an epoch is long", () => {
  const { clock: guest } = clock();
  guest.start({ base: 0, rate: 2 ** 24 }, 0);
  assertEquals(guest.stepsUntil(2 ** 40, 0) > 2 ** 28, true);
  assertEquals(guest.stepsUntil(2 ** 64, 0) > 2 ** 28, true);
  assertEquals(guest.stepsUntil(Infinity, 0), Infinity);
});

Deno.test("a restored clock that cannot be is refused", () => {
  for (
    const fields of [
      { base: 0, rate: 0, start: 0 },
      { base: 0, rate: 2 ** 24 + 1, start: 0 },
      { base: 0, rate: 1, start: 11 },
      { base: Number.MAX_SAFE_INTEGER, rate: 1, start: 0 },
    ]
  ) {
    const { allocator, clock: guest } = clock();
    allocator.restore({ clock: fields });
    assertThrows(() => guest.check(10), StateError);
  }
});
