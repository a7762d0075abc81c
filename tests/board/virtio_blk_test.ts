import { assert, assertEquals } from "@std/assert";
import { blkFeature, blkType, maximumBlkSectors } from "../../lib/board/virtio_blk_format.ts";
import { blkDisk, BlkDriver, segment } from "./blk_driver.ts";
import { ramBase } from "./virtio_driver.ts";

const ok = 0;
const ioError = 1;
const unsupported = 2;

Deno.test("the configuration space tells size, limits and what can be cleared", () => {
  const { board } = new BlkDriver();
  const word = (offset: number) => board.load(0x100 + offset);
  assertEquals([word(0), word(4)], [8192, 0]);
  assertEquals([word(8), word(12), word(20)], [8192, 126, 512]);
  assert(word(8) * word(12) <= maximumBlkSectors * 512);
  assertEquals([word(36), word(40), word(44)], [2 ** 22, 16, 8]);
  assertEquals([word(48), word(52), board.load(0x100 + 56, 1)], [2 ** 22, 16, 0]);
  assertEquals(word(60), 0xffff_ffff);
  board.store(0x100, 1);
  assertEquals(word(0), 8192);
});

Deno.test("a read-only disk offers no flush, discard or write zeroes, and refuses to change", () => {
  const driver = new BlkDriver({ ...blkDisk, readOnly: true });
  const { features } = driver.blk;
  assertEquals(features & blkFeature.readOnly, blkFeature.readOnly);
  assertEquals(features & (blkFeature.discard | blkFeature.writeZeroes | blkFeature.flush), 0);
  assertEquals(driver.request(blkType.out, 0, { out: new Uint8Array(512) }).status, ioError);
  assertEquals(driver.request(blkType.discard, 0, { out: segment(0, 8) }).status, ioError);
  driver.send(blkType.in, 0, { inBytes: 512 });
  assertEquals(driver.requests().map(({ kind }) => kind), ["disk-read"]);
});

Deno.test("a read brings its sectors and the status behind them", () => {
  const driver = new BlkDriver();
  const sent = driver.send(blkType.in, 8190, { inBytes: 1024 });
  assertEquals(driver.requests(), [{ kind: "disk-read", disk: 2, sector: 8190, sectors: 2 }]);
  assertEquals(driver.used(0), []);
  const data = Uint8Array.from({ length: 1024 }, (_, index) => index);
  driver.board.complete(0, "done", data);
  assertEquals(driver.answer(sent), { status: ok, data, written: 1025 });
});

Deno.test("a write is done when its operation is, and a flush is one of its own", () => {
  const driver = new BlkDriver();
  const out = new Uint8Array(1024).fill(7);
  const write = driver.send(blkType.out, 4, { out });
  assertEquals(driver.requests(), [{ kind: "disk-write", disk: 2, sector: 4, data: out }]);
  driver.board.complete(0);
  assertEquals(driver.answer(write), { status: ok, data: new Uint8Array(0), written: 1 });
  const flush = driver.send(blkType.flush, 0);
  assertEquals(driver.requests(), [{ kind: "disk-flush", disk: 2 }]);
  driver.board.complete(1);
  assertEquals(driver.answer(flush).status, ok);
});

Deno.test("without FLUSH accepted whatever changes the disk is answered when it is durable", () => {
  const changes = [[blkType.out, new Uint8Array(512)], [
    blkType.writeZeroes,
    segment(3, 5),
  ]] as const;
  for (const [type, out] of changes) {
    const driver = new BlkDriver();
    driver.start(1, driver.blk.features & ~blkFeature.flush);
    const sent = driver.send(type, 0, { out });
    driver.board.complete(0);
    assertEquals(driver.requests(), [{ kind: "disk-flush", disk: 2 }]);
    assertEquals(driver.used(0), []);
    driver.board.complete(1);
    assertEquals(driver.answer(sent).status, ok);
  }
});

Deno.test("the id ends with a zero where there is room", () => {
  const driver = new BlkDriver();
  const text = (data: Uint8Array) => new TextDecoder().decode(data);
  assertEquals(text(driver.request(blkType.getId, 0, { inBytes: 20 }).data).slice(0, 6), "vital\0");
  assertEquals(text(driver.request(blkType.getId, 0, { inBytes: 3 }).data), "vit");
});

Deno.test("discards and write zeroes become unmaps, after which sectors read as zeros", () => {
  const driver = new BlkDriver();
  const out = Uint8Array.of(...segment(0, 8), ...segment(16, 0), ...segment(8191, 1));
  const discard = driver.send(blkType.discard, 0, { out });
  const ranges = [{ sector: 0, sectors: 8 }, { sector: 8191, sectors: 1 }];
  assertEquals(driver.requests(), [{ kind: "disk-unmap", disk: 2, ranges }]);
  driver.board.complete(0);
  assertEquals(driver.answer(discard).status, ok);
  driver.send(blkType.writeZeroes, 0, { out: segment(3, 5, 1) });
  assertEquals(driver.requests(), [
    { kind: "disk-unmap", disk: 2, ranges: [{ sector: 3, sectors: 5 }] },
  ]);
});

Deno.test("requests that ask for nothing are answered at once", () => {
  const driver = new BlkDriver();
  assertEquals(driver.request(blkType.in, 0).status, ok);
  assertEquals(driver.request(blkType.out, 0).status, ok);
  assertEquals(driver.request(blkType.discard, 0, { out: segment(0, 0) }).status, ok);
  assertEquals(driver.requests(), []);
});

Deno.test("what the disk cannot do is refused, and nothing is issued", () => {
  const refusals: readonly [number, number, Parameters<BlkDriver["send"]>[2], number][] = [
    [blkType.in, 8191, { inBytes: 1024 }, ioError],
    [blkType.in, 2 ** 53, { inBytes: 512 }, ioError],
    [blkType.in, 0, { inBytes: 511 }, ioError],
    [blkType.in, 0, { inBytes: (maximumBlkSectors + 1) * 512 }, ioError],
    [blkType.out, 8192, { out: new Uint8Array(512) }, ioError],
    [blkType.out, 0, { out: new Uint8Array(513) }, ioError],
    [blkType.discard, 0, {}, ioError],
    [blkType.discard, 0, { out: new Uint8Array(15) }, ioError],
    [blkType.discard, 0, { out: segment(8190, 3) }, ioError],
    [blkType.discard, 0, { out: segment(0, 2 ** 22 + 1) }, ioError],
    [blkType.discard, 0, { out: segment(0, 8, 1) }, unsupported],
    [
      blkType.discard,
      0,
      { out: Uint8Array.of(...segment(9999, 8), ...segment(0, 8, 2)) },
      unsupported,
    ],
    [blkType.discard, 0, { out: new Uint8Array(17 * 16) }, unsupported],
    [blkType.writeZeroes, 0, { out: segment(0, 8, 2) }, unsupported],
    [2, 0, {}, unsupported],
    [0xffff_ffff, 0, { inBytes: 4 }, unsupported],
  ];
  for (const [type, sector, data, expected] of refusals) {
    const driver = new BlkDriver();
    assertEquals(driver.request(type, sector, data).status, expected, JSON.stringify([type, data]));
    assertEquals(driver.requests(), []);
    assert(!driver.needsReset());
  }
});

Deno.test("a request without a whole header or a status byte breaks the device, and nothing else", () => {
  const address = ramBase + 0x30_0000;
  const chains = [
    [{ address, length: 16 }],
    [{ address, length: 15 }, { address, length: 1, write: true }],
    [{ address, length: 1, write: true }],
  ];
  for (const chain of chains) {
    const driver = new BlkDriver();
    driver.offer(0, driver.chain(0, chain));
    driver.notify(0);
    assert(driver.needsReset());
    assertEquals(driver.requests(), []);
  }
});

Deno.test("an operation that failed is an I/O error", () => {
  for (const status of ["io-error", "no-space"] as const) {
    const driver = new BlkDriver();
    const write = driver.send(blkType.out, 0, { out: new Uint8Array(512) });
    driver.board.complete(0, status);
    assertEquals(driver.answer(write).status, ioError);
    const read = driver.send(blkType.in, 0, { inBytes: 512 });
    driver.board.complete(1, status);
    assertEquals(driver.answer(read).status, ioError);
  }
});

Deno.test("requests beyond 16 MiB in flight wait in the queue", () => {
  const driver = new BlkDriver({ ...blkDisk, sectors: 2 ** 20 }, 128);
  for (let count = 0; count < 20; count++) {
    driver.send(blkType.in, 0, { inBytes: maximumBlkSectors * 512, notify: false });
  }
  driver.notify(0);
  assertEquals(driver.requests().length, 17);
  driver.board.complete(0, "done", new Uint8Array(maximumBlkSectors * 512));
  driver.board.complete(1, "done", new Uint8Array(maximumBlkSectors * 512));
  assertEquals(driver.requests().length, 17);
});

Deno.test("a header and a status in several pieces, and a status behind the data in one piece, are read", () => {
  const driver = new BlkDriver();
  const header = driver.buffer(16);
  driver.board.poke(header, [0, 0, 0, 0, 0, 0, 0, 0, 5]);
  const room = driver.buffer(513);
  driver.offer(
    0,
    driver.chain(0, [
      { address: header, length: 7 },
      { address: header + 7, length: 9 },
      { address: room, length: 100, write: true },
      { address: room + 100, length: 413, write: true },
    ]),
  );
  driver.notify(0);
  assertEquals(driver.requests(), [{ kind: "disk-read", disk: 2, sector: 5, sectors: 1 }]);
  driver.board.complete(0, "done", new Uint8Array(512).fill(9));
  assertEquals(
    driver.board.memory.read(room, 513),
    Uint8Array.of(...new Uint8Array(512).fill(9), 0),
  );
});

Deno.test("a reset with requests outstanding takes effect when they have settled", () => {
  const driver = new BlkDriver();
  driver.send(blkType.out, 0, { out: new Uint8Array(512) });
  driver.board.store(0x070, 0);
  assert(driver.board.slot.resetPending);
  driver.board.complete(0);
  assert(!driver.board.slot.resetPending);
  assertEquals(driver.board.load(0x070), 0);
});
