/** The one door from both sides: live reads are kept for the log, recorded ones come from it. */
import { assertEquals, assertThrows } from "@std/assert";
import { LiveEnvironment } from "../../lib/epoch/live_environment.ts";
import { ReadsExhaustedError, RecordedEnvironment } from "../../lib/epoch/recorded_environment.ts";
import { SimulatedClock } from "../../lib/host/clock.ts";

Deno.test("a live read answers the host's time of day, and is kept until it is taken", () => {
  const clock = new SimulatedClock(0, 1_000_000n);
  const live = new LiveEnvironment(clock);
  const answers = [live.read("rtc"), (clock.advance(3), live.read("rtc"))];
  assertEquals(answers, [1_000_000n, 1_000_300n]);
  const taken = live.takeReads();
  assertEquals(taken, answers);
  assertEquals(live.takeReads(), []);
  live.read("rtc");
  assertEquals(taken, answers, "Reads that were taken do not change any more");
});

Deno.test("recorded reads are answered in order, once, and not beyond their end", () => {
  const recorded = new RecordedEnvironment();
  assertThrows(() => recorded.read("rtc"), ReadsExhaustedError, "rtc");
  recorded.load([5n, 2n ** 64n - 1n]);
  assertEquals(recorded.left, 2);
  assertEquals([recorded.read("rtc"), recorded.read("rtc")], [5n, 2n ** 64n - 1n]);
  assertEquals(recorded.left, 0);
  assertThrows(() => recorded.read("rtc"), ReadsExhaustedError);
  recorded.load([7n]);
  assertEquals(recorded.read("rtc"), 7n);
});
