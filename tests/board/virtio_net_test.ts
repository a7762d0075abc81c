import { assert, assertEquals } from "@std/assert";
import { maximumFrameBytes, minimumFrameBytes } from "../../lib/board/ethernet.ts";
import { VirtioNet } from "../../lib/board/virtio_net.ts";
import { maximumQueueSize } from "../../lib/board/virtqueue.ts";
import { Seeded } from "../epoch/seeded.ts";
import { Driver, ramBase, ramBytes, SlotBoard } from "./virtio_driver.ts";

const buffers = 0x8030_0000;
const header = 12;
const mac = "02:00:5e:10:00:01";

function frame(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 3 + seed);
}

class NetDriver extends Driver {
  readonly net: VirtioNet;
  stops = 0;

  constructor(queueSize = 16) {
    const board = new SlotBoard();
    super(board, queueSize);
    this.net = new VirtioNet(board.slot, mac, () => void this.stops++);
    board.slot.plug(this.net);
  }

  transmit(bytes: Uint8Array, pieces: readonly number[] = [header, bytes.length]): number {
    const whole = new Uint8Array(header + bytes.length);
    whole.set(bytes, header);
    this.board.poke(buffers, whole);
    let at = 0;
    const head = this.chain(
      1,
      pieces.map((length) => ({ address: buffers + (at += length) - length, length })),
    );
    this.offer(1, head);
    return head;
  }

  listen(length = header + maximumFrameBytes, pieces: readonly number[] = [length]): number {
    let at = 0;
    const head = this.chain(
      0,
      pieces.map((size) => ({
        address: buffers + (at += size) - size,
        length: size,
        write: true,
      })),
    );
    this.offer(0, head);
    return head;
  }
}

Deno.test("the driver finds address, link state and transfer unit", () => {
  const { board } = new NetDriver();
  assertEquals(board.load(0x008), 1);
  board.store(0x014, 0);
  assertEquals(board.load(0x010) & 0xfff_ffff, 1 << 3 | 1 << 5 | 1 << 16);
  const bytes = Array.from({ length: 12 }, (_, index) => board.load(0x100 + index, 1));
  assertEquals(bytes, [0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, 1, 0, 0, 0, 0xdc, 5]);
});

Deno.test("what is transmitted goes out in order, and its buffers come back at once", () => {
  const driver = new NetDriver();
  driver.start(2);
  const sent = [frame(60, 1), frame(maximumFrameBytes, 2), frame(minimumFrameBytes, 3)];
  const heads = [];
  for (const [index, bytes] of sent.entries()) {
    // The header may share a descriptor with the frame, and either may be cut.
    const cuts = [[header, bytes.length], [header + bytes.length], [5, 9, bytes.length - 2]];
    heads.push(driver.transmit(bytes, cuts[index]));
    driver.notify(1);
  }
  assert(driver.net.hasSent);
  assertEquals(driver.net.takeSent(), sent);
  assertEquals([driver.net.hasSent, driver.net.takeSent()], [false, []]);
  assertEquals(driver.used(1), heads.map((head) => ({ head, written: 0 })));
  assertEquals([driver.board.line, driver.needsReset(), driver.stops], [true, false, 0]);
});

Deno.test("what is no frame is not sent, and its buffer comes back all the same", () => {
  const driver = new NetDriver();
  driver.start(2);
  for (const length of [0, minimumFrameBytes - 1, maximumFrameBytes + 1]) {
    const head = driver.transmit(frame(length));
    driver.notify(1);
    assertEquals(driver.used(1), [{ head, written: 0 }]);
  }
  const head = driver.chain(1, [{ address: ramBase, length: ramBytes }]);
  driver.offer(1, head);
  driver.notify(1);
  assertEquals(driver.used(1), [{ head, written: 0 }]);
  assertEquals([driver.net.takeSent(), driver.needsReset()], [[], false]);
});

Deno.test("a driver that makes the device look at many descriptors ends the run, and one that sends does not", () => {
  const driver = new NetDriver(maximumQueueSize);
  driver.start(2);
  for (let count = 0; count < 3 * maximumQueueSize; count++) {
    driver.transmit(frame(60));
    driver.notify(1);
  }
  driver.net.takeSent();
  assertEquals(driver.board.stops, 0);
  // Not one byte to be sent: nothing but descriptors, as many in each chain as a queue has.
  const pieces = Array.from({ length: maximumQueueSize }, () => 0);
  let heads = 0;
  while (driver.board.stops === 0) {
    for (let count = 0; count < maximumQueueSize; count++) driver.transmit(frame(0), pieces);
    driver.notify(1);
    heads += maximumQueueSize;
    assert(heads <= maximumQueueSize, "One notification is enough");
  }
  assertEquals([driver.net.hasSent, driver.needsReset()], [false, false]);
});

Deno.test("a frame is received behind a header, into one buffer of any pieces", () => {
  const driver = new NetDriver();
  driver.start(2);
  for (const pieces of [[2000], [header, 1518], [1, 30, 1499]]) {
    const head = driver.listen(0, pieces);
    driver.net.receive(frame(1000, 7));
    assertEquals(driver.used(0), [{ head, written: header + 1000 }]);
    const written = driver.board.memory.read(buffers, header + 1000);
    assertEquals([...written.subarray(0, header)], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    assertEquals(written.slice(header), frame(1000, 7));
  }
});

Deno.test("there is room for as many frames as buffers are available, and none before a driver listens", () => {
  const driver = new NetDriver();
  assertEquals(driver.net.room, undefined);
  driver.net.receive(frame(60));
  driver.start(2);
  assertEquals(driver.net.room, 0);
  driver.listen();
  driver.listen();
  assertEquals(driver.net.room, 2);
  driver.net.receive(frame(60));
  assertEquals([driver.net.room, driver.used(0).length], [1, 1]);
  driver.net.receive(frame(60));
  // Nobody makes it wait in here: without a buffer it is dropped.
  driver.net.receive(frame(60));
  assertEquals([driver.net.room, driver.used(0).length, driver.needsReset()], [0, 1, false]);
  driver.board.store(0x070, 0);
  assertEquals(driver.net.room, undefined);
});

Deno.test("a buffer that is too small comes back empty, and the frame is dropped", () => {
  const driver = new NetDriver();
  driver.start(2);
  const head = driver.listen(header + 59);
  driver.net.receive(frame(60));
  assertEquals(driver.used(0), [{ head, written: 0 }]);
  assertEquals(driver.needsReset(), false);
});

Deno.test("a receive ring outside RAM has no room, and breaks nothing", () => {
  const driver = new NetDriver();
  driver.start(2);
  driver.board.store(0x030, 0);
  driver.board.store(0x094, 0x7fff_ffff);
  assertEquals(driver.net.room, 0);
  driver.net.receive(frame(60));
  assertEquals(driver.needsReset(), true);
});

Deno.test("an epoch ends when much was sent, and what a replica never takes is bounded", () => {
  const driver = new NetDriver(128);
  driver.start(2);
  for (let burst = 0; burst < 10; burst++) {
    for (let count = 0; count < 64; count++) driver.transmit(frame(maximumFrameBytes));
    driver.notify(1);
  }
  assertEquals(driver.stops, 10);
  const kept = driver.net.takeSent().reduce((sum, { length }) => sum + length, 0);
  assert(kept >= 2 ** 16 + 64 * maximumFrameBytes && kept < 2 ** 18 + maximumFrameBytes);
});

Deno.test("rings of any contents neither throw nor loop", () => {
  const random = new Seeded(41);
  const { board, net } = new NetDriver();
  const wild = () => random.next() * 2 ** 32;
  const near = () => ramBase + random.between(0, 0x400) * 16 + (random.once(9) ? wild() : 0);
  const garbage = new Uint8Array(0x4000);
  for (let round = 0; round < 400; round++) {
    for (let at = 0; at < garbage.length; at++) {
      garbage[at] = random.once(3) ? random.between(0, 255) : 0;
    }
    const view = new DataView(garbage.buffer);
    for (let at = 0; at < garbage.length; at += 16) {
      view.setUint32(at, near(), true);
      view.setUint32(at + 4, random.once(20) ? 1 : 0, true);
    }
    board.poke(ramBase, garbage);
    for (const value of [0, 1, 3]) board.store(0x070, value);
    board.store(0x024, 1);
    board.store(0x020, 1);
    board.store(0x070, 0x0b);
    for (const queue of [0, 1]) {
      board.store(0x030, queue);
      board.store(0x038, 2 ** random.between(0, 7));
      for (const offset of [0x080, 0x090, 0x0a0]) board.store(offset, near());
      board.store(0x044, 1);
    }
    board.store(0x070, 0x0f);
    board.store(0x050, 1);
    const { room } = net;
    assert(room === undefined || (room >= 0 && room <= 128));
    for (let count = 0; count < 5; count++) net.receive(frame(random.between(14, 1518)));
    net.takeSent();
  }
});
