import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { StateError } from "../../lib/board/errors.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";

const table = {
  on: "flag",
  small: "byte",
  middle: "half",
  large: "word",
  position: "count",
  wide: "double",
  several: ["word", 3],
} as const;

function area(): DataView {
  return new DataView(new ArrayBuffer(256));
}

Deno.test("fields keep their values apart and give them back by name", () => {
  fc.assert(
    fc.property(
      fc.nat(1),
      fc.nat(0xff),
      fc.nat(0xffff),
      fc.nat(0xffff_ffff),
      fc.maxSafeNat(),
      fc.bigInt(0n, (1n << 64n) - 1n),
      fc.array(fc.nat(0xffff_ffff), { minLength: 3, maxLength: 3 }),
      (on, small, middle, large, position, wide, several) => {
        const view = area();
        const allocator = new FieldAllocator(view);
        const before = allocator.place("before", { guard: "byte" });
        const fields = allocator.place("device", table);
        const after = allocator.place("after", { guard: "byte" });
        before.values.guard = 0x55;
        after.values.guard = 0xaa;
        Object.assign(fields.values, { on, small, middle, large, position, wide });
        several.forEach((value, index) => fields.values.several.set(index, value));
        const saved = allocator.save();
        assertEquals(saved["device"], { on, small, middle, large, position, wide, several });
        assertEquals(before.values.guard, 0x55);
        assertEquals(after.values.guard, 0xaa);

        const copy = area();
        const other = new FieldAllocator(copy);
        other.place("before", { guard: "byte" });
        other.place("device", table);
        other.place("after", { guard: "byte" });
        other.restore(saved);
        assertEquals(new Uint8Array(copy.buffer), new Uint8Array(view.buffer));
      },
    ),
    { seed: 3, verbose: true },
  );
});

Deno.test("fields take saved integers in either form that CBOR readers give", () => {
  const allocator = new FieldAllocator(area());
  const fields = allocator.place("device", { position: "count", wide: "double" });
  allocator.restore({ device: { position: 2n ** 40n, wide: 7 } });
  assertEquals(fields.values.position, 2 ** 40);
  assertEquals(fields.values.wide, 7n);
});

Deno.test("fields refuse saved values that are missing, unknown or out of range", () => {
  const good = { on: 1, small: 2, middle: 3, large: 4, position: 5, wide: 6n, several: [7, 8, 9] };
  const bad: unknown[] = [
    undefined,
    [],
    { ...good, on: 2 },
    { ...good, small: 256 },
    { ...good, middle: -1 },
    { ...good, large: 2 ** 32 },
    { ...good, large: 1.5 },
    { ...good, position: 2 ** 53 },
    { ...good, position: 1n << 60n },
    { ...good, position: "5" },
    { ...good, wide: -1n },
    { ...good, wide: 1n << 64n },
    { ...good, several: [7, 8] },
    { ...good, several: [7, 8, 2 ** 32] },
    { ...good, several: 7 },
    { ...good, extra: 1 },
    { ...good, on: undefined },
  ];
  for (const device of bad) {
    const allocator = new FieldAllocator(area());
    allocator.place("device", table);
    assertThrows(() => allocator.restore({ device }), StateError, undefined, String(device));
  }
  const allocator = new FieldAllocator(area());
  allocator.place("device", table);
  assertThrows(() => allocator.restore({}), StateError, "device");
  assertThrows(() => allocator.restore({ device: good, other: {} }), StateError, "other");
  allocator.restore({ device: good });
});

Deno.test("fields are refused when the area is full or an index is outside an array", () => {
  const allocator = new FieldAllocator(area());
  assertThrows(() => allocator.place("huge", { words: ["word", 65] }), RangeError);
  const fields = allocator.place("device", table);
  assertThrows(() => fields.values.several.get(3), RangeError);
  assertThrows(() => fields.values.several.set(-1, 0), RangeError);
});
