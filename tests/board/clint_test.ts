import { assertEquals } from "@std/assert";
import { DeviceBus } from "../../lib/board/bus.ts";
import { SoftwareInterrupts, Timer } from "../../lib/board/clint.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";
import { regions } from "../../lib/board/memory_map.ts";

function clint() {
  const allocator = new FieldAllocator(new DataView(new ArrayBuffer(256)));
  const state = { time: 1000, stops: 0, lines: new Map<number, boolean>() };
  const host = {
    time: () => state.time,
    requestStop: () => void state.stops++,
    setInterrupt: (bit: number, level: boolean) => void state.lines.set(bit, level),
  };
  const bus = new DeviceBus(() => state.time);
  const timer = new Timer(allocator, host);
  bus.map(regions.softwareInterrupts, new SoftwareInterrupts(allocator, host));
  bus.map(regions.timer, timer);
  return { bus, timer, state };
}

Deno.test("msip drives the software interrupt with its lowest bit", () => {
  const { bus, state } = clint();
  bus.store(0x200_0000, 4, 3n);
  assertEquals(state.lines.get(3), true);
  assertEquals(bus.load(0x200_0000, 4), 1n);
  bus.store(0x200_0000, 4, 2n);
  assertEquals(state.lines.get(3), false);
});

Deno.test("msip of a hart that is not there reads zero and drives nothing", () => {
  const { bus, state } = clint();
  bus.store(0x200_0004, 4, 1n);
  assertEquals(bus.load(0x200_0004, 4), 0n);
  assertEquals(state.lines.get(3), undefined);
});

Deno.test("a write to mtimecmp is compared with the time at once and ends the run", () => {
  const { bus, timer, state } = clint();
  assertEquals([state.lines.get(7), timer.dueTicks], [true, Infinity]);
  bus.store(0x200_4000, 8, 1500n);
  assertEquals(state.lines.get(7), false);
  assertEquals(timer.dueTicks, 1500);
  assertEquals(state.stops > 0, true);
  bus.store(0x200_4000, 8, 1000n);
  assertEquals(state.lines.get(7), true);
  assertEquals(timer.dueTicks, Infinity);
  bus.store(0x200_4000, 8, (1n << 64n) - 1n);
  assertEquals(state.lines.get(7), false);
});

Deno.test("the halves of mtimecmp can be written one by one", () => {
  const { bus, timer } = clint();
  bus.store(0x200_4000, 4, 0xffff_ffffn);
  bus.store(0x200_4004, 4, 0x2n);
  bus.store(0x200_4000, 4, 0x10n);
  assertEquals(bus.load(0x200_4000, 8), 0x2_0000_0010n);
  assertEquals(timer.dueTicks, 0x2_0000_0010);
});

Deno.test("the comparator fires at an epoch's end and not before", () => {
  const { bus, timer, state } = clint();
  bus.store(0x200_4000, 8, 1500n);
  state.time = 2000;
  assertEquals(bus.load(0x200_bff8, 8), 2000n);
  assertEquals(state.lines.get(7), false);
  timer.evaluate(1499);
  assertEquals(state.lines.get(7), false);
  timer.evaluate(1500);
  assertEquals(state.lines.get(7), true);
});

Deno.test("mtime reads the time in one or two halves and ignores writes", () => {
  const { bus, state } = clint();
  state.time = 0x12_3456_789a;
  bus.store(0x200_bff8, 8, 0n);
  assertEquals(bus.load(0x200_bff8, 8), 0x12_3456_789an);
  assertEquals(bus.load(0x200_bff8, 4), 0x3456_789an);
  assertEquals(bus.load(0x200_bffc, 4), 0x12n);
});

Deno.test("the CLINT refuses other sizes, misaligned accesses and holes", () => {
  const { bus } = clint();
  assertEquals(bus.load(0x200_0000, 8), undefined);
  assertEquals(bus.load(0x200_0000, 1), undefined);
  assertEquals(bus.load(0x200_4002, 4), undefined);
  assertEquals(bus.store(0x200_4000, 2, 0n), false);
  assertEquals(bus.load(0x200_c000, 4), undefined);
  assertEquals(bus.load(0x200_bffc, 8), undefined);
});
