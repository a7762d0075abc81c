import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  consoleEpochBytes,
  ConsoleOutput,
  consoleTailBytes,
} from "../../lib/board/console_output.ts";
import { StateError } from "../../lib/board/errors.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";

function board() {
  const view = new DataView(new ArrayBuffer(64));
  const allocator = new FieldAllocator(view);
  const state = { stops: 0 };
  const output = new ConsoleOutput(allocator, () => void state.stops++);
  return { view, allocator, output, state };
}

Deno.test("output is taken once, and kept until it is known to be performed", () => {
  const { output } = board();
  for (const byte of [1, 2, 3]) output.put(byte);
  assertEquals([...output.take()], [1, 2, 3]);
  assertEquals([...output.take()], []);
  output.put(4);
  assertEquals([...output.tail()], [1, 2, 3, 4]);
  output.settle(2);
  assertEquals([...output.tail()], [3, 4]);
  assertEquals([...output.take()], [4]);
  assertEquals([output.performed, output.position], [2, 4]);
});

Deno.test("a performed position goes neither back nor beyond the output", () => {
  const { output } = board();
  for (const byte of [1, 2, 3]) output.put(byte);
  output.settle(2);
  assertEquals([1, 2, 3, 4, 2.5, NaN].map((position) => output.accepts(position)), [
    false,
    true,
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("a lot of output ends the run, and far too much makes the console full", () => {
  const { output, state } = board();
  for (let count = 1; count < consoleEpochBytes; count++) output.put(65);
  assertEquals(state.stops, 0);
  output.put(65);
  assertEquals(state.stops, 1);
  while (output.position < consoleTailBytes) {
    assertEquals(output.full, false);
    output.put(65);
    output.take();
  }
  assertEquals(output.full, true);
  output.settle(1);
  assertEquals(output.full, false);
});

Deno.test("the state depends on the tail and not on how it came about", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 2000 }), fc.nat(3000)), { maxLength: 20 }),
      (actions) => {
        const { view, allocator, output } = board();
        const model: number[] = [];
        for (const action of actions) {
          if (typeof action === "number") {
            output.settle(output.performed + Math.min(action, output.tail().length));
          } else {
            for (const byte of action) {
              output.put(byte);
              model.push(byte);
            }
          }
        }
        assertEquals([...output.tail()], model.slice(output.performed));
        const other = board();
        other.allocator.restore(allocator.save());
        other.output.restore(output.tail());
        output.settle(output.position);
        other.output.settle(other.output.position);
        assertEquals(new Uint8Array(other.view.buffer), new Uint8Array(view.buffer));
        const { hashLow, hashHigh } = allocator.save()["console"]!;
        assertEquals([hashLow, hashHigh], [0, 0]);
      },
    ),
    { seed: 7, verbose: true },
  );
});

Deno.test("a saved tail that is not the one of the fields is refused", () => {
  const { allocator, output } = board();
  for (const byte of [1, 2, 3]) output.put(byte);
  output.settle(1);
  const saved = allocator.save();
  for (const tail of [undefined, Uint8Array.of(2), Uint8Array.of(2, 4), Uint8Array.of(3, 2)]) {
    const other = board();
    other.allocator.restore(saved);
    assertThrows(() => other.output.restore(tail), StateError);
  }
});
