import { assertEquals, assertNotEquals } from "@std/assert";
import { Digester } from "../../lib/cpu/digest.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { xxh64 } from "./xxh64.ts";

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("the reference XXH64 of this test has the published values", () => {
  assertEquals(xxh64(ascii(""), 0n), 0xef46db3751d8e999n);
  assertEquals(xxh64(ascii("abc"), 0n), 0x44bc2cf5ad770999n);
  assertEquals(xxh64(ascii("Nobody inspects the spammish repetition"), 0n), 0xfbcea83c8a378bf1n);
});

function filled(bytes: number): GuestMemory {
  const memory = new GuestMemory(bytes);
  memory.write(GuestMemory.ramBase, Uint8Array.from({ length: bytes }, (_, i) => i * 31 >> 3));
  return memory;
}

Deno.test("a digest of pages is XXH64, chained through numbers and contents", () => {
  const memory = filled(4 * 4096);
  const digester = new Digester(memory);
  const page = (n: number) => memory.read(GuestMemory.ramBase + n * 4096, 4096);
  assertEquals(digester.pages([]), 0n);
  assertEquals(digester.pages([0]), xxh64(page(0), 0n));
  assertEquals(digester.pages([1, 3]), xxh64(page(3), xxh64(page(1), 1n) + 3n));
});

Deno.test("a digest of RAM is XXH64 in pieces of 1 MiB", () => {
  const memory = filled((1 << 20) + 4096);
  const first = xxh64(memory.read(GuestMemory.ramBase, 1 << 20), 0n);
  const last = xxh64(memory.read(GuestMemory.ramBase + (1 << 20), 4096), first);
  assertEquals(new Digester(memory).ram(), last);
});

Deno.test("a digest of state sees hart block and device state, and nothing between them", () => {
  const memory = new GuestMemory(4096);
  const digester = new Digester(memory);
  const all = new Uint8Array(memory.memory.buffer);
  const empty = digester.state();
  assertEquals(empty, xxh64(new Uint8Array(0x1_0000), xxh64(new Uint8Array(1024), 0n)));
  for (const offset of [8, 1023, 0x1_0000, 0x1_ffff]) {
    all[offset] = 1;
    assertNotEquals(digester.state(), empty, `0x${offset.toString(16)}`);
    all[offset] = 0;
  }
  for (const offset of [1024, 0x1018, 0xffff, 0x2_0000]) {
    all[offset] = 1;
    assertEquals(digester.state(), empty, `0x${offset.toString(16)}`);
  }
});
