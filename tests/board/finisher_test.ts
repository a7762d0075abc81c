import { assertEquals, assertThrows } from "@std/assert";
import { DeviceBus } from "../../lib/board/bus.ts";
import { StateError } from "../../lib/board/errors.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";
import { Finisher } from "../../lib/board/finisher.ts";
import { regions } from "../../lib/board/memory_map.ts";

function board() {
  const allocator = new FieldAllocator(new DataView(new ArrayBuffer(64)));
  const state = { stops: 0 };
  const finisher = new Finisher(allocator, () => void state.stops++);
  const bus = new DeviceBus(() => 0);
  bus.map(regions.finisher, finisher);
  const store = (value: number, size: 2 | 4 = 4) => bus.store(0x10_0000, size, BigInt(value));
  return { allocator, finisher, bus, state, store };
}

Deno.test("0x5555 powers off with exit code 0 and ends the run", () => {
  const { finisher, state, store } = board();
  assertEquals(finisher.pending, false);
  store(0x5555, 2);
  assertEquals(finisher.requested, { kind: "off", exitCode: 0 });
  assertEquals([finisher.pending, state.stops], [true, 1]);
});

Deno.test("0x3333 powers off with the code in the high half", () => {
  const { finisher, store } = board();
  store(0x3333 + 42 * 65536);
  assertEquals(finisher.requested, { kind: "off", exitCode: 42 });
});

Deno.test("0x7777 resets", () => {
  const { finisher, store } = board();
  store(0x7777);
  assertEquals(finisher.requested, { kind: "reset" });
});

Deno.test("other values, other registers and a second request change nothing", () => {
  const { finisher, bus, state, store } = board();
  store(0x1234);
  bus.store(0x10_0004, 4, 0x5555n);
  assertEquals([finisher.requested, state.stops], [{ kind: "on" }, 0]);
  assertEquals(bus.store(0x10_0000, 1, 0x55n), false);
  store(0x7777);
  store(0x5555);
  assertEquals(finisher.requested, { kind: "reset" });
});

Deno.test("a restored request that no guest can make is refused", () => {
  for (const fields of [{ request: 3, exitCode: 0 }, { request: 2, exitCode: 1 }]) {
    const { allocator, finisher } = board();
    allocator.restore({ finisher: fields });
    assertThrows(() => finisher.check(), StateError);
  }
});
