import { assertEquals } from "@std/assert";
import { DeviceBus } from "../../lib/board/bus.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";
import { regions } from "../../lib/board/memory_map.ts";
import { RealTimeClock } from "../../lib/board/rtc.ts";

function board() {
  const allocator = new FieldAllocator(new DataView(new ArrayBuffer(256)));
  const state = { clock: 0x1234_5678_9abc_def0n, time: 500, reads: 0, stops: 0, line: false };
  const clock = new RealTimeClock(allocator, {
    time: () => state.time,
    readClock: () => (state.reads++, state.clock),
    requestStop: () => void state.stops++,
    setLine: (level) => void (state.line = level),
  });
  const bus = new DeviceBus(() => 0);
  bus.map(regions.realTimeClock, clock);
  const load = (offset: number) => bus.load(0x10_1000 + offset, 4);
  const store = (offset: number, value: bigint) => bus.store(0x10_1000 + offset, 4, value);
  const setAlarm = (at: bigint) => {
    store(0x0c, at >> 32n);
    store(0x08, at & 0xffff_ffffn);
  };
  return { clock, bus, state, load, store, setAlarm };
}

Deno.test("the low half of the time is an environment read and latches the high half", () => {
  const { state, load } = board();
  assertEquals(load(0x04), 0n);
  assertEquals(state.reads, 0);
  assertEquals(load(0x00), 0x9abc_def0n);
  assertEquals(state.reads, 1);
  state.clock = 0n;
  assertEquals(load(0x04), 0x1234_5678n);
  assertEquals(state.reads, 1);
});

Deno.test("setting the clock moves it and lets it run on", () => {
  const { state, load, store } = board();
  store(0x04, 0x11n);
  store(0x00, 0x22n);
  assertEquals([load(0x00), load(0x04)], [0x22n, 0x11n]);
  state.clock += 7n;
  assertEquals([load(0x00), load(0x04)], [0x29n, 0x11n]);
});

Deno.test("an alarm counts in guest time and fires at an epoch's end", () => {
  const { clock, state, load, store, setAlarm } = board();
  store(0x10, 1n);
  setAlarm(state.clock + 1001n);
  assertEquals(load(0x18), 1n);
  assertEquals(clock.dueTicks, 511);
  assertEquals(state.stops, 1);
  clock.evaluate(510);
  assertEquals(state.line, false);
  clock.evaluate(511);
  assertEquals([state.line, load(0x18)], [true, 0n]);
  assertEquals(clock.dueTicks, Infinity);
  store(0x1c, 0n);
  assertEquals(state.line, false);
});

Deno.test("an alarm in the past fires at once", () => {
  const { state, load, store, setAlarm } = board();
  store(0x10, 1n);
  setAlarm(state.clock);
  assertEquals([state.line, load(0x18)], [true, 0n]);
});

Deno.test("a cleared alarm does not fire, a masked one does not interrupt until it is enabled", () => {
  const { clock, state, store, setAlarm } = board();
  setAlarm(state.clock + 100n);
  store(0x14, 0n);
  clock.evaluate(10_000);
  store(0x10, 1n);
  assertEquals(state.line, false);
  store(0x10, 0n);
  setAlarm(state.clock + 100n);
  clock.evaluate(20_000);
  assertEquals(state.line, false);
  store(0x10, 1n);
  assertEquals(state.line, true);
});

Deno.test("an alarm centuries away does not overflow", () => {
  const { clock, setAlarm } = board();
  setAlarm((1n << 64n) - 1n);
  assertEquals(clock.dueTicks > 2 ** 50, true);
});

Deno.test("the clock takes 32-bit accesses to its registers only", () => {
  const { bus } = board();
  assertEquals(bus.load(0x10_1000, 8), undefined);
  assertEquals(bus.load(0x10_1024, 4), undefined);
  assertEquals(bus.load(0x10_1020, 4), 0n);
});
