import { assertEquals, assertThrows } from "@std/assert";
import { StateError } from "../../lib/board/errors.ts";
import { maximumQueueSize } from "../../lib/board/virtqueue.ts";
import { ScsiDriver, write10 } from "./scsi_driver.ts";
import { SlotBoard, status } from "./virtio_driver.ts";

Deno.test("an empty slot says what it is and has device id 0", () => {
  const board = new SlotBoard();
  assertEquals(board.load(0x000), 0x7472_6976);
  assertEquals(board.load(0x004), 2);
  assertEquals(board.load(0x00c), 0x554d_4551);
  assertEquals(board.load(0x008), 0);
  board.store(0x070, 1);
  assertEquals(board.load(0x070), 0);
  assertEquals(board.load(0x100), 0);
});

Deno.test("features are offered in two words and VERSION_1 has to be taken", () => {
  const { board } = new ScsiDriver();
  board.store(0x014, 0);
  assertEquals(board.load(0x010), 1 << 28 | 1 << 29);
  board.store(0x014, 1);
  assertEquals(board.load(0x010), 1);
  board.store(0x014, 2);
  assertEquals(board.load(0x010), 0);

  const negotiate = (low: number, high: number) => {
    board.store(0x070, 0);
    board.store(0x070, 3);
    board.store(0x024, 0);
    board.store(0x020, low);
    board.store(0x024, 1);
    board.store(0x020, high);
    board.store(0x070, 0x0b);
    return board.load(0x070);
  };
  assertEquals(negotiate(1 << 28, 1), 0x0b);
  assertEquals(negotiate(0, 1), 0x0b);
  assertEquals(negotiate(0, 0), 0x03);
  assertEquals(negotiate(3 << 28, 1), 0x0b);
  assertEquals(negotiate(1 << 27, 1), 0x03);
  assertEquals(negotiate(0, 3), 0x03);
});

Deno.test("a driver that skips the features cannot start the device", () => {
  const { board } = new ScsiDriver();
  board.store(0x070, 0);
  board.store(0x070, 0x0f);
  assertEquals(board.load(0x070), 0x03);
});

Deno.test("queue registers are for the selected queue and sizes are powers of two", () => {
  const { board } = new ScsiDriver();
  board.store(0x030, 2);
  assertEquals([board.load(0x034), board.load(0x044)], [maximumQueueSize, 1]);
  board.store(0x030, 3);
  assertEquals([board.load(0x034), board.load(0x044)], [0, 0]);
  board.store(0x044, 1);
  assertEquals(board.load(0x044), 0);
  board.store(0x030, 0xffff_ffff);
  assertEquals([board.load(0x034), board.load(0x044)], [0, 0]);
  assertEquals(board.load(0x0b0), 0xffff_ffff);
});

Deno.test("a queue size that no queue can have is ignored", () => {
  for (const size of [0, 3, 256, 0xffff_ffff]) {
    const driver = new ScsiDriver();
    driver.board.store(0x030, 2);
    driver.board.store(0x038, size);
    assertEquals(driver.command([0x12, 0, 0, 0, 36, 0], { inBytes: 36 }).status, 0);
  }
});

Deno.test("a used buffer interrupts until it is acknowledged", () => {
  const driver = new ScsiDriver();
  assertEquals(driver.board.line, false);
  driver.command([0, 0, 0, 0, 0, 0]);
  assertEquals([driver.board.line, driver.board.load(0x060)], [true, 1]);
  driver.board.store(0x064, 2);
  assertEquals(driver.board.line, true);
  driver.board.store(0x064, 1);
  assertEquals([driver.board.line, driver.board.load(0x060)], [false, 0]);
});

Deno.test("a driver that wants no interrupt gets none", () => {
  const driver = new ScsiDriver();
  driver.board.poke(driver.addresses(2).available, [1, 0]);
  driver.command([0, 0, 0, 0, 0, 0]);
  assertEquals([driver.board.line, driver.board.load(0x060)], [false, 0]);
});

Deno.test("registers are 32 bits wide and the configuration space has any width", () => {
  const { board } = new ScsiDriver();
  assertEquals(board.load(0x000, 1), 0);
  assertEquals(board.load(0x100 + 20, 1), 96);
  assertEquals(board.load(0x100 + 30, 2), 255);
  assertEquals(board.load(0x100 + 24, 8), 32 + 255 * 2 ** 48);
  assertEquals(board.load(0x100 + 36), 0xffff_ffff);
});

Deno.test("a reset puts registers, queues and interrupt back", () => {
  const driver = new ScsiDriver();
  driver.command([0, 0, 0, 0, 0, 0]);
  driver.board.store(0x070, 0);
  assertEquals([driver.board.load(0x070), driver.board.load(0x060)], [0, 0]);
  assertEquals(driver.board.line, false);
  driver.board.store(0x030, 2);
  assertEquals(driver.board.load(0x044), 0);
  driver.start(3);
  assertEquals(driver.command([0, 0, 0, 0, 0, 0]).sense, [6, 0x29, 0]);
});

Deno.test("a reset with operations outstanding waits until they have settled", () => {
  const driver = new ScsiDriver().acknowledgeResets();
  const { board } = driver;
  driver.send(write10(0, 1), { dataOut: new Uint8Array(512) });
  driver.send(write10(1, 1), { dataOut: new Uint8Array(512) });
  board.store(0x070, 0);
  assertEquals([board.load(0x070), board.slot.resetPending], [0x0f, true]);
  board.complete(0);
  assertEquals([board.load(0x070), board.slot.resetPending], [0x0f, true]);
  board.complete(1);
  assertEquals([board.load(0x070), board.slot.resetPending], [0, false]);
});

Deno.test("nothing is taken from a queue before DRIVER_OK, and then without another notification", () => {
  const driver = new ScsiDriver();
  const { board } = driver;
  board.store(0x070, 0);
  board.store(0x070, 3);
  board.store(0x024, 1);
  board.store(0x020, 1);
  board.store(0x070, 0x0b);
  for (let queue = 0; queue < 3; queue++) driver.setUp(queue);
  const sent = driver.send([0, 0, 0, 0, 0, 0]);
  assertEquals(driver.used(2), []);
  board.store(0x070, 0x0f);
  assertEquals(driver.answer(sent).sense, [6, 0x29, 0]);
});

Deno.test("a restored slot that cannot be is refused", () => {
  const { board } = new ScsiDriver();
  const saved = board.allocator.save();
  const refuse = (change: Record<string, unknown>) => {
    const other = new ScsiDriver().board;
    other.allocator.restore({ ...saved, "virtio-0": { ...saved["virtio-0"], ...change } });
    assertThrows(() => other.slot.check(), StateError);
  };
  refuse({ queueSize: [16, 16, 0] });
  refuse({ queueSize: [16, 3, 16] });
  refuse({ queueSize: [16, 256, 16] });
  refuse({ resetPending: 1 });
  assertEquals(board.load(0x070) & status.needsReset, 0);
  board.slot.check();
});
