import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { TimeBase } from "../../lib/board/environment.ts";
import { GuestTime, POWER_ON_TIME, RATE_SCALE, ticksOf } from "../../lib/epoch/guest_time.ts";
import { SimulatedClock } from "../../lib/host/clock.ts";

/** Lets the guest take an epoch of `steps` steps, for which the host needs `ticks`. */
function epoch(time: GuestTime, clock: SimulatedClock, steps: number, ticks: number): TimeBase {
  clock.advance(ticks);
  time.measure(steps, ticks);
  return time.next(steps);
}

/** Ticks by which guest time is ahead of the host's. */
const lead = (time: GuestTime) => time.current.base - time.now();

Deno.test("guest time starts where the time base in force starts, whatever the host's clock shows", () => {
  for (const shown of [0, 5, 123_456_789_012]) {
    assertEquals(new GuestTime(new SimulatedClock(shown), POWER_ON_TIME).now(), 0);
    const time = new GuestTime(new SimulatedClock(shown), { base: 700, rate: 99 });
    assertEquals(time.now(), 700);
    assertEquals(time.current, { base: 700, rate: 99 });
  }
});

Deno.test("guest time goes on by what has passed since the last record", () => {
  const clock = new SimulatedClock(50);
  const time = new GuestTime(clock, { base: 700, rate: 99 }, 30);
  assertEquals(time.now(), 730);
  clock.advance(5);
  assertEquals(time.next(0).base, 735);
});

Deno.test("the time base is the host's time at each epoch's end", () => {
  const clock = new SimulatedClock(1000);
  const time = new GuestTime(clock, POWER_ON_TIME);
  assertEquals(epoch(time, clock, 1_000_000, 40_000).base, 40_000);
  assertEquals(epoch(time, clock, 0, 123).base, 40_123);
  assertEquals(epoch(time, clock, 1_000_000, 30_000).base, 70_123);
});

Deno.test("guest time never goes back and is behind the host again after one epoch of standing still", () => {
  let outran = 0;
  const epochs = fc.array(
    fc.record({
      steps: fc.oneof(fc.nat(3000), fc.nat(2 ** 28)),
      // From 10 GHz to a step in 10 microseconds, and pauses of the host.
      ticksPerStep: fc.oneof(fc.constant(0.001), fc.double({ min: 0.001, max: 100, noNaN: true })),
      pause: fc.oneof(fc.constant(0), fc.nat(100_000)),
    }),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(epochs, fc.integer({ min: 1, max: RATE_SCALE }), (given, rate) => {
      const clock = new SimulatedClock(77);
      const time = new GuestTime(clock, { base: 10, rate });
      for (const { steps, ticksPerStep, pause } of given) {
        const before = time.current;
        const ahead = Math.max(0, lead(time));
        const ticks = Math.floor(steps * ticksPerStep) + pause;
        const after = epoch(time, clock, steps, ticks);
        const reached = before.base + ticksOf(steps, before.rate);
        assert(after.base >= reached, `Time went back to ${after.base} from ${reached}`);
        assert(Number.isInteger(after.rate) && after.rate >= 1 && after.rate <= RATE_SCALE);
        if (ahead > 0) {
          // It stands still: not even a guest that is ahead gets further ahead.
          assertEquals(before.rate, 1);
          assert(lead(time) <= Math.max(0, ahead - ticks + ticksOf(steps, 1)));
          outran++;
        }
        if (after.base > time.now()) assertEquals(after.rate, 1);
        else assertEquals(after.base, time.now());
      }
    }),
    { seed: 20261125, numRuns: 300, verbose: true },
  );
  assert(outran > 300, `Only ${outran} times ahead`);
});

Deno.test("guest time does not outrun a host of constant speed, not even within an epoch", () => {
  // From 2,000 to 10 million steps a second; a host as fast as the first rate assumes, or slower.
  for (const ticksPerStep of [0.02, 0.03, 0.0625, 0.4, 1, 5]) {
    const clock = new SimulatedClock(3);
    const time = new GuestTime(clock, POWER_ON_TIME);
    for (let count = 0; count < 200; count++) {
      const steps = 10_000 + count * 1000;
      const ticks = Math.ceil(steps * ticksPerStep);
      const { base, rate } = time.current;
      // Both go evenly, so being behind at both ends is being behind all the way.
      assert(base + ticksOf(steps, rate) <= time.now() + ticks, `${ticksPerStep}, epoch ${count}`);
      epoch(time, clock, steps, ticks);
    }
    const ratio = time.current.rate / RATE_SCALE / Math.min(1, ticksPerStep);
    assert(ratio > 0.85 && ratio < 0.91, `A tenth slower than the host, not ${ratio}`);
  }
});

Deno.test("a host that becomes faster is outrun by less than an epoch, and has caught up after two", () => {
  const clock = new SimulatedClock(3);
  const time = new GuestTime(clock, POWER_ON_TIME);
  for (let count = 0; count < 100; count++) epoch(time, clock, 100_000, 40_000);
  const leads: number[] = [];
  for (let count = 0; count < 100; count++) {
    epoch(time, clock, 100_000, 10_000);
    leads.push(lead(time));
  }
  assert(leads[0]! > 20_000 && leads[0]! < 36_000, `It outruns the host by ${leads[0]}`);
  assert(Math.max(...leads) === leads[0]);
  assert(leads.slice(40).every((ticks) => ticks === 0), "It never settles");
});

Deno.test("budgets follow the measured speed, and short runs measure nothing", () => {
  const clock = new SimulatedClock();
  const time = new GuestTime(clock, POWER_ON_TIME);
  assertEquals(time.stepsIn(2000), 100_000);
  time.measure(999, 999_999);
  assertEquals(time.stepsIn(2000), 100_000);
  for (let count = 0; count < 100; count++) time.measure(10_000, 1000);
  assertEquals(time.stepsIn(2000), 20_000);
  for (let count = 0; count < 100; count++) time.measure(10_000, 100_000_000);
  assertEquals(time.stepsIn(2000), 2000);
  assertEquals(time.stepsIn(0), 1);
  for (let count = 0; count < 200; count++) time.measure(1_000_000, 0);
  assert(time.stepsIn(2000) <= 2000 * 4096);
});

Deno.test("a guest that had outrun its host when it was promoted knows its speed all the same", () => {
  const time = new GuestTime(new SimulatedClock(), { base: 5_000_000, rate: 1 });
  assertEquals(time.stepsIn(2000), 100_000);
});
