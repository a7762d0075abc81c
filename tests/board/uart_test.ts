import { assertEquals, assertThrows } from "@std/assert";
import { DeviceBus } from "../../lib/board/bus.ts";
import { StateError } from "../../lib/board/errors.ts";
import { FieldAllocator } from "../../lib/board/fields.ts";
import { regions } from "../../lib/board/memory_map.ts";
import { consoleInputBytes, Uart } from "../../lib/board/uart.ts";

function board() {
  const allocator = new FieldAllocator(new DataView(new ArrayBuffer(256)));
  const state = { sent: [] as number[], line: false };
  const uart = new Uart(allocator, {
    transmit: (byte) => void state.sent.push(byte),
    setLine: (level) => void (state.line = level),
  });
  const bus = new DeviceBus(() => 0);
  bus.map(regions.uart, uart);
  const load = (register: number) => Number(bus.load(0x1000_0000 + register, 1));
  const store = (register: number, value: number) =>
    bus.store(0x1000_0000 + register, 1, BigInt(value));
  return { allocator, uart, bus, state, load, store };
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("the transmitter is always empty and puts out each byte", () => {
  const { state, load, store } = board();
  for (const byte of bytes("hello")) {
    assertEquals(load(5) & 0x60, 0x60);
    store(0, byte);
  }
  assertEquals(state.sent, [...bytes("hello")]);
});

Deno.test("the transmit interrupt comes with its enabling, goes with IIR, and comes with each byte", () => {
  const { state, load, store } = board();
  assertEquals(load(2), 0x01);
  store(1, 2);
  assertEquals(state.line, true);
  assertEquals(load(2), 0x02);
  assertEquals(state.line, false);
  assertEquals(load(2), 0x01);
  store(1, 2);
  assertEquals(state.line, false, "enabling again what is enabled raises nothing");
  store(0, 65);
  assertEquals(state.line, true);
  store(1, 0);
  assertEquals(state.line, false);
  store(1, 2);
  assertEquals(load(2), 0x02);
});

Deno.test("the divisor latch hides data and interrupt enable", () => {
  const { state, load, store } = board();
  store(3, 0x83);
  store(0, 0x34);
  store(1, 0x12);
  assertEquals([load(0), load(1), load(3)], [0x34, 0x12, 0x83]);
  store(3, 0x03);
  assertEquals([load(0), load(1)], [0, 0]);
  assertEquals(state.sent, []);
});

Deno.test("the scratch register keeps its byte and the modem shows a terminal", () => {
  const { load, store } = board();
  store(7, 0x5a);
  assertEquals(load(7), 0x5a);
  assertEquals(load(6), 0xb0);
});

Deno.test("input is read in order, sixteen bytes at a time in the FIFO", () => {
  const { uart, load, store } = board();
  store(2, 1);
  assertEquals(load(2), 0xc1);
  const text = bytes("the quick brown fox jumps");
  uart.type(text);
  const read = [];
  while ((load(5) & 1) !== 0) read.push(load(0));
  assertEquals(read, [...text]);
  assertEquals(load(0), 0);
});

Deno.test("without FIFO one byte is there at a time and nothing is lost", () => {
  const { uart, load } = board();
  uart.type(bytes("ab"));
  assertEquals([load(0), load(5) & 1, load(0), load(5) & 1], [97, 1, 98, 0]);
});

Deno.test("the receive interrupt is a time-out below the trigger level", () => {
  const { uart, state, load, store } = board();
  store(2, 0xc1);
  store(1, 1);
  uart.type(bytes("a"));
  assertEquals(state.line, true);
  assertEquals(load(2), 0xcc);
  uart.type(bytes("bcdefghijklmn"));
  assertEquals(load(2), 0xc4);
  for (let count = 0; count < 14; count++) load(0);
  assertEquals(state.line, false);
  assertEquals(load(2), 0xc1);
});

Deno.test("the receive interrupt stays away while it is not enabled", () => {
  const { uart, state, load } = board();
  uart.type(bytes("a"));
  assertEquals([state.line, load(2)], [false, 0x01]);
});

Deno.test("clearing the receive FIFO drops what is in it and not what is behind it", () => {
  const { uart, load, store } = board();
  store(2, 1);
  uart.type(bytes("0123456789abcdefXY"));
  store(2, 3);
  assertEquals([load(0), load(0), load(0)], [88, 89, 0]);
});

Deno.test("input beyond the stated bound is refused", () => {
  const { uart } = board();
  uart.type(new Uint8Array(consoleInputBytes - 1));
  assertEquals(uart.inputRoom, 1);
  assertThrows(() => uart.type(new Uint8Array(2)), RangeError);
  uart.type(new Uint8Array(1));
  assertEquals(uart.inputRoom, 0);
});

Deno.test("in loopback what is sent is received, nothing goes out, and overruns are told once", () => {
  const { uart, state, load, store } = board();
  store(2, 1);
  store(4, 0x1a);
  assertEquals(load(6) & 0xf0, 0x90);
  for (let byte = 0; byte < 17; byte++) store(0, byte);
  uart.type(bytes("x"));
  store(1, 4);
  assertEquals([state.line, load(2)], [true, 0xc6]);
  assertEquals(load(5), 0x63);
  assertEquals(load(5), 0x61);
  assertEquals(Array.from({ length: 17 }, () => load(0)), [...Array(16).keys(), 0]);
  store(4, 0);
  assertEquals(load(0), 120);
  assertEquals(state.sent, []);
});

Deno.test("the modem interrupt tells changes of the lines until they are read", () => {
  const { state, load, store } = board();
  store(1, 8);
  assertEquals(state.line, false);
  store(4, 0x10);
  assertEquals([state.line, load(2)], [true, 0x00]);
  assertEquals(load(6) & 0x0f, 0x0b);
  assertEquals(state.line, false);
});

Deno.test("registers can be read with up to 32 bits and not with 64", () => {
  const { bus } = board();
  assertEquals(bus.load(0x1000_0004, 4), 8n);
  assertEquals(bus.load(0x1000_0000, 8), undefined);
  assertEquals(bus.load(0x1000_0008, 1), undefined);
});

Deno.test("a UART in the middle of input is saved and restored", () => {
  const first = board();
  first.store(2, 1);
  first.store(1, 1);
  first.uart.type(bytes("0123456789abcdefXYZ"));
  first.load(0);
  first.uart.settle();
  const saved = first.allocator.save();
  const second = board();
  second.allocator.restore(saved);
  second.uart.restore(first.uart.input());
  second.uart.drive();
  assertEquals(second.state.line, true);
  const rest = (side: typeof first) => Array.from({ length: 20 }, () => side.load(0));
  assertEquals(rest(second), rest(first));
});

Deno.test("restoring input that does not fit the UART's fields is refused", () => {
  const first = board();
  first.uart.type(bytes("abc"));
  first.uart.settle();
  const saved = first.allocator.save();
  for (const input of [undefined, bytes("abd"), bytes("ab"), new Uint8Array(5000), [1]]) {
    const second = board();
    second.allocator.restore(saved);
    assertThrows(() => second.uart.restore(input), StateError);
  }
  const second = board();
  second.allocator.restore({
    uart: { ...saved["uart"] as Record<string, number>, fifoCount: 2 },
  });
  assertThrows(() => second.uart.restore(bytes("abc")), StateError);
});
