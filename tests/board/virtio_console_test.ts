import { assertEquals } from "@std/assert";
import { maximumBillBytes, VirtioConsole } from "../../lib/board/virtio_console.ts";
import { Driver, SlotBoard } from "./virtio_driver.ts";

const buffers = 0x8020_0000;

class BillDriver extends Driver {
  constructor(queueSize = 16) {
    const board = new SlotBoard();
    super(board, queueSize);
    board.slot.plug(new VirtioConsole(board.allocator, board.slot));
    this.start(2);
  }

  transmit(text: string, piece = Infinity): number {
    const bytes = new TextEncoder().encode(text);
    this.board.poke(buffers, bytes);
    const parts = [];
    for (let at = 0; at < bytes.length; at += piece) {
      parts.push({ address: buffers + at, length: Math.min(piece, bytes.length - at) });
    }
    const head = this.chain(1, parts);
    this.offer(1, head);
    this.notify(1);
    return head;
  }

  appended() {
    return [...this.board.outstanding.operations.values()].map(({ request }) =>
      request.kind === "bill-append"
        ? [request.offset, new TextDecoder().decode(request.data)]
        : request
    );
  }
}

Deno.test("what is transmitted is appended, each buffer at the position after the one before", () => {
  const driver = new BillDriver();
  const heads = [driver.transmit("ten"), driver.transmit("twenty", 4)];
  assertEquals(driver.appended(), [[0, "ten"], [3, "twenty"]]);
  assertEquals(driver.used(1), []);
  driver.board.complete(0);
  assertEquals(driver.used(1), [{ head: heads[0], written: 0 }]);
  driver.board.complete(1);
  assertEquals(driver.used(1), [{ head: heads[1], written: 0 }]);
  assertEquals(driver.needsReset(), false);
});

Deno.test("a bill that could not be paid is not returned: the port breaks", () => {
  const driver = new BillDriver();
  driver.transmit("ten");
  driver.board.complete(0, "no-space");
  assertEquals(driver.used(1), []);
  assertEquals(driver.needsReset(), true);
});

Deno.test("the position goes on counting after a device reset", () => {
  const driver = new BillDriver();
  driver.transmit("ten");
  driver.board.complete(0);
  driver.start(2);
  driver.transmit("five");
  assertEquals(driver.appended(), [[3, "five"]]);
});

Deno.test("an empty buffer is returned at once", () => {
  const driver = new BillDriver();
  const head = driver.chain(1, [{ address: buffers, length: 0 }]);
  driver.offer(1, head);
  driver.notify(1);
  assertEquals(driver.used(1), [{ head, written: 0 }]);
  assertEquals(driver.appended(), []);
});

Deno.test("a buffer over the bound breaks the port and copies nothing", () => {
  const driver = new BillDriver();
  driver.offer(1, driver.chain(1, [{ address: buffers, length: maximumBillBytes + 1 }]));
  driver.notify(1);
  assertEquals(driver.needsReset(), true);
  assertEquals(driver.appended(), []);
});

Deno.test("payload in flight is bounded, and what waits is issued as room comes", () => {
  const driver = new BillDriver(128);
  for (let count = 0; count < 20; count++) {
    driver.offer(1, driver.chain(1, [{ address: buffers, length: maximumBillBytes }]));
  }
  driver.notify(1);
  assertEquals(driver.board.outstanding.operations.size, 16);
  driver.board.complete(0);
  assertEquals(driver.board.outstanding.operations.size, 16);
});

Deno.test("receive buffers stay where they are", () => {
  const driver = new BillDriver();
  driver.offer(0, driver.chain(0, [{ address: buffers, length: 64, write: true }]));
  driver.notify(0);
  assertEquals(driver.used(0), []);
  assertEquals([driver.board.load(0x008), driver.board.load(0x100)], [3, 0]);
});
