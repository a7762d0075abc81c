import { assert, assertEquals, assertThrows } from "@std/assert";
import { SimulatedClock, SystemClock, TICKS_PER_SECOND } from "../../lib/host/clock.ts";

Deno.test("the system's monotonic clock counts whole ticks of 100 ns and never goes back", async () => {
  const clock = new SystemClock();
  let last = clock.monotonicTicks();
  for (let i = 0; i < 10_000; i++) {
    const now = clock.monotonicTicks();
    assert(Number.isSafeInteger(now) && now >= last);
    last = now;
  }
  const before = clock.monotonicTicks();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const passed = (clock.monotonicTicks() - before) / TICKS_PER_SECOND;
  assert(passed >= 0.049 && passed < 10, `${passed} seconds`);
});

Deno.test("the system's time of day is the host's", () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const now = new SystemClock().realtimeNanoseconds();
  assert(now >= before && now < before + 10_000_000_000n, `${now} after ${before}`);
});

Deno.test("a simulated clock moves only when told", () => {
  const clock = new SimulatedClock(5, 1_000n);
  assertEquals([clock.monotonicTicks(), clock.realtimeNanoseconds()], [5, 1_000n]);
  clock.advance(10);
  assertEquals([clock.monotonicTicks(), clock.realtimeNanoseconds()], [15, 2_000n]);
  clock.setRealtime(0n);
  assertEquals([clock.monotonicTicks(), clock.realtimeNanoseconds()], [15, 0n]);
  assertThrows(() => clock.advance(-1), RangeError);
});
