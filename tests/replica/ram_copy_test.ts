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
    copy.outdate(round.map(([page]) => page));
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

Deno.test("a copy is made of pages, and follows a memory that held the same", () => {
  const memory = new GuestMemory(PAGES * 4096);
  const zeros = new ZeroPages(memory);
  const pages = [3, 4, 500].map((
    page,
  ): [number, Uint8Array] => [page, new Uint8Array(4096).fill(page)]);
  for (const [page, data] of pages) memory.ram.set(data, page * 4096);
  const copy = RamCopy.of(memory.ramBytes, pages);
  assertEquals(pagesOf(copy), new Map(pages));
  assertEquals(digestOf(copy), new Digester(memory).ram());
  memory.ram.fill(0, 4 * 4096, 5 * 4096);
  memory.ram[9 * 4096] = 1;
  copy.outdate([9, 4]);
  copy.take(memory, zeros);
  assertEquals([...pagesOf(copy).keys()], [3, 9, 500]);
  assertEquals(digestOf(copy), new Digester(memory).ram());
});
