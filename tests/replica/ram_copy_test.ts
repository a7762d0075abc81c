import { assert, assertEquals } from "@std/assert";
import { Digester } from "../../lib/cpu/digest.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { ZeroPages } from "../../lib/cpu/zero_pages.ts";
import { RamCopy } from "../../lib/replica/ram_copy.ts";

const PAGES = 600;

function pagesOf(copy: RamCopy): ReadonlyMap<number, Uint8Array> {
  return new Map(Array.from(copy.pages(), ([page, data]) => [page, data.slice()]));
}

function digestOf(copy: RamCopy): bigint {
  const pieces = copy.digest();
  for (;;) {
    const { value, done } = pieces.next();
    if (done) return value;
  }
}

Deno.test("a page is zero only if each of its bits is", () => {
  const memory = new GuestMemory(3 * 4096);
  const zeros = new ZeroPages(memory);
  for (let at = 4096; at < 8192; at++) {
    memory.ram[at] = 1 << at % 8;
    assertEquals([0, 1, 2].map((page) => zeros.has(page)), [true, false, true], `${at}`);
    memory.ram[at] = 0;
  }
  assert(zeros.has(1));
});

Deno.test("a copy that is taken again and again is the memory as it stood, whatever it held before", () => {
  const memory = new GuestMemory(PAGES * 4096);
  const zeros = new ZeroPages(memory);
  const copy = new RamCopy(memory.ramBytes);
  const write = (page: number, value: number) => memory.ram[page * 4096 + 4095] = value;
  const rounds: readonly (readonly (readonly [page: number, value: number])[])[] = [
    [],
    [[0, 1], [1, 2], [2, 3], [7, 1], [PAGES - 1, 9]],
    [[1, 0], [2, 4], [300, 1], [PAGES - 1, 0]],
    [[0, 0], [2, 0], [7, 0], [300, 0]],
  ];
  for (const round of rounds) {
    for (const [page, value] of round) write(page, value);
    copy.take(memory, zeros);
    const kept = pagesOf(copy);
    for (let page = 0; page < PAGES; page++) {
      const bytes = memory.ram.slice(page * 4096, (page + 1) * 4096);
      assertEquals(kept.get(page), zeros.has(page) ? undefined : bytes, `page ${page}`);
    }
    assertEquals(digestOf(copy), new Digester(memory).ram());
    const before = digestOf(copy);
    write(5, 77);
    assertEquals(digestOf(copy), before);
    write(5, 0);
  }
});
