import { assert, assertEquals } from "@std/assert";
import { maximumEntropyBytes, VirtioRng } from "../../lib/board/virtio_rng.ts";
import { Driver, ramBase, SlotBoard } from "./virtio_driver.ts";

const address = ramBase + 0x20_0000;

function started(): Driver {
  const board = new SlotBoard();
  board.slot.plug(new VirtioRng(board.slot));
  const driver = new Driver(board);
  driver.start(1);
  return driver;
}

function ask(driver: Driver, lengths: readonly number[], write = true): number {
  let at = address;
  const head = driver.chain(
    0,
    lengths.map((length) => {
      at += length + 16;
      return { address: at, length, write };
    }),
  );
  driver.offer(0, head);
  driver.notify(0);
  return head;
}

Deno.test("a buffer comes back with the bytes that the environment answers", () => {
  const driver = started();
  const head = ask(driver, [3, 5]);
  const [operation] = driver.board.outstanding.operations.values();
  assertEquals(operation?.request, { kind: "entropy", bytes: 8 });
  driver.board.complete(0, "done", Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assertEquals(driver.used(0), [{ head, written: 8 }]);
  assertEquals([...driver.board.memory.read(address + 19, 3)], [1, 2, 3]);
  assertEquals([...driver.board.memory.read(address + 19 + 21, 5)], [4, 5, 6, 7, 8]);
});

Deno.test("a large buffer is filled in part", () => {
  const driver = started();
  const head = ask(driver, [100_000]);
  driver.board.complete(0, "done", new Uint8Array(maximumEntropyBytes).fill(1));
  assertEquals(driver.used(0), [{ head, written: maximumEntropyBytes }]);
});

Deno.test("a buffer without room breaks the device, as does a source that fails", () => {
  const empty = started();
  ask(empty, [16], false);
  assert(empty.needsReset());
  const failing = started();
  ask(failing, [16]);
  failing.board.complete(0, "io-error");
  assert(failing.needsReset());
});
