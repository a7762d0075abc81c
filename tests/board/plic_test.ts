import { assertEquals } from "@std/assert";
import { DeviceBus } from "../../lib/board/bus.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";
import { regions } from "../../lib/board/memory_map.ts";
import { Plic } from "../../lib/board/plic.ts";

const base = 0xc00_0000;
const priority = (source: number) => base + 4 * source;
const pending = (word: number) => base + 0x1000 + 4 * word;
const enable = (context: number, word: number) => base + 0x2000 + 0x80 * context + 4 * word;
const threshold = (context: number) => base + 0x20_0000 + 0x1000 * context;
const claim = (context: number) => threshold(context) + 4;

function board() {
  const allocator = new FieldAllocator(new DataView(new ArrayBuffer(1024)));
  const lines = new Map<number, boolean>();
  const plic = new Plic(allocator, (bit, level) => void lines.set(bit, level));
  const bus = new DeviceBus(() => 0);
  bus.map(regions.interruptController, plic);
  const load = (address: number) => Number(bus.load(address, 4));
  const store = (address: number, value: number) => bus.store(address, 4, BigInt(value >>> 0));
  return { plic, bus, lines, load, store };
}

Deno.test("a source is delivered, claimed, and completed", () => {
  const { plic, lines, load, store } = board();
  store(priority(10), 1);
  store(enable(0, 0), 1 << 10);
  plic.setLine(10, true);
  assertEquals(lines.get(11), true);
  assertEquals(lines.get(9), false);
  assertEquals(load(pending(0)), 1 << 10);
  assertEquals(load(claim(0)), 10);
  assertEquals(lines.get(11), false);
  assertEquals(load(pending(0)), 0);
  plic.setLine(10, false);
  store(claim(0), 10);
  assertEquals(lines.get(11), false);
});

Deno.test("a line that is still high at completion is pending again", () => {
  const { plic, lines, load, store } = board();
  store(priority(10), 1);
  store(enable(0, 0), 1 << 10);
  plic.setLine(10, true);
  assertEquals(load(claim(0)), 10);
  assertEquals(load(claim(0)), 0);
  store(claim(0), 10);
  assertEquals(lines.get(11), true);
  assertEquals(load(claim(0)), 10);
});

Deno.test("a line that falls before the claim leaves its request, one that falls after it does not", () => {
  const { plic, lines, load, store } = board();
  store(priority(10), 1);
  store(enable(0, 0), 1 << 10);
  plic.setLine(10, true);
  plic.setLine(10, false);
  assertEquals(lines.get(11), true);
  assertEquals(load(claim(0)), 10);
  plic.setLine(10, true);
  plic.setLine(10, false);
  store(claim(0), 10);
  assertEquals([lines.get(11), load(pending(0))], [false, 0]);
});

Deno.test("completing a source twice, or one that was not claimed, raises nothing", () => {
  const { plic, lines, load, store } = board();
  store(enable(0, 0), 1 << 10);
  store(priority(10), 1);
  plic.setLine(10, true);
  assertEquals(load(claim(0)), 10);
  plic.setLine(10, false);
  store(claim(0), 10);
  store(claim(0), 10);
  assertEquals([lines.get(11), load(claim(0))], [false, 0]);
});

Deno.test("a reset leaves pending what is raised at that time", () => {
  const { plic, load, store } = board();
  store(priority(10), 1);
  store(enable(0, 0), 1 << 10);
  plic.setLine(10, true);
  plic.setLine(11, true);
  plic.setLine(11, false);
  assertEquals(load(claim(0)), 10);
  plic.reset();
  assertEquals([load(pending(0)), load(enable(0, 0)), load(priority(10))], [1 << 10, 0, 0]);
});

Deno.test("the highest priority is claimed first, and the lowest number among equals", () => {
  const { plic, load, store } = board();
  for (const [source, level] of [[3, 2], [5, 7], [40, 7], [96, 1]] as const) {
    store(priority(source), level);
    plic.setLine(source, true);
  }
  for (let word = 0; word < 4; word++) store(enable(0, word), -1);
  assertEquals([load(claim(0)), load(claim(0)), load(claim(0)), load(claim(0)), load(claim(0))], [
    5,
    40,
    3,
    96,
    0,
  ]);
});

Deno.test("priority zero, a threshold, and a missing enable each keep a source quiet", () => {
  const { plic, lines, load, store } = board();
  plic.setLine(10, true);
  store(enable(0, 0), 1 << 10);
  assertEquals(lines.get(11), false);
  store(priority(10), 3);
  assertEquals(lines.get(11), true);
  store(threshold(0), 3);
  assertEquals(lines.get(11), false);
  assertEquals(load(claim(0)), 0);
  store(threshold(0), 2);
  assertEquals(lines.get(11), true);
  store(enable(0, 0), 0);
  assertEquals(lines.get(11), false);
});

Deno.test("the supervisor's context has its own enables and threshold", () => {
  const { plic, lines, load, store } = board();
  store(priority(1), 1);
  store(enable(1, 0), 2);
  plic.setLine(1, true);
  assertEquals([lines.get(11), lines.get(9)], [false, true]);
  assertEquals(load(claim(0)), 0);
  assertEquals(load(claim(1)), 1);
  assertEquals(lines.get(9), false);
});

Deno.test("a completion that is not enabled, out of range or of nothing is ignored", () => {
  const { plic, lines, load, store } = board();
  store(priority(10), 1);
  store(enable(0, 0), 1 << 10);
  plic.setLine(10, true);
  assertEquals(load(claim(0)), 10);
  for (const source of [0, 11, 97, 4096, -1]) store(claim(0), source);
  store(claim(1), 10);
  assertEquals(lines.get(11), false);
  store(claim(0), 10);
  assertEquals(lines.get(11), true);
});

Deno.test("priorities have three bits and source 0 does not exist", () => {
  const { load, store } = board();
  store(priority(96), 0xff);
  assertEquals(load(priority(96)), 7);
  store(priority(97), 1);
  assertEquals(load(priority(97)), 0);
  store(priority(0), 1);
  assertEquals(load(priority(0)), 0);
  store(enable(0, 0), -1);
  assertEquals(load(enable(0, 0)), 0xffff_fffe);
  store(enable(0, 3), -1);
  assertEquals(load(enable(0, 3)), 1);
  store(enable(0, 4), -1);
  assertEquals(load(enable(0, 4)), 0);
  store(pending(0), -1);
  assertEquals(load(pending(0)), 0);
});

Deno.test("contexts beyond the hart's two read zero", () => {
  const { load, store } = board();
  store(threshold(2), 5);
  store(enable(2, 0), -1);
  assertEquals([load(threshold(2)), load(claim(2)), load(enable(2, 0))], [0, 0, 0]);
});

Deno.test("the PLIC takes 32-bit accesses only", () => {
  const { bus } = board();
  assertEquals(bus.load(claim(0), 1), undefined);
  assertEquals(bus.load(claim(0), 8), undefined);
  assertEquals(bus.store(base, 2, 0n), false);
});
