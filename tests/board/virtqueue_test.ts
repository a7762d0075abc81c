import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { maximumQueueSize } from "../../lib/board/virtqueue.ts";
import { Driver, ramBase, ramBytes, SlotBoard } from "./virtio_driver.ts";
import { disks, read10, ScsiDriver } from "./scsi_driver.ts";

const ramEnd = ramBase + ramBytes;

Deno.test("an indirect table is followed", () => {
  const driver = new ScsiDriver();
  const header = new Uint8Array(51);
  header.set([1, 0, 0, 0]);
  header.set([0x12, 0, 0, 0, 36], 19);
  const [request, response, data, table] = [51, 108, 36, 48].map((size) => driver.buffer(size));
  driver.board.poke(request!, header);
  const head = driver.indirect(2, table!, [
    { address: request!, length: 51 },
    { address: response!, length: 108, write: true },
    { address: data!, length: 36, write: true },
  ]);
  driver.offer(2, head);
  driver.notify(2);
  assertEquals(driver.used(2), [{ head, written: 144 }]);
  assertEquals(new TextDecoder().decode(driver.board.memory.read(data! + 8, 8)), "LOCKSTEP");
});

Deno.test("headers and data may be cut anywhere", () => {
  const driver = new ScsiDriver();
  const header = new Uint8Array(51);
  header.set([1, 0, 0, 0]);
  header.set([0x12, 0, 0, 0, 36], 19);
  const request = driver.buffer(51);
  driver.board.poke(request, header);
  const answer = driver.buffer(144);
  const cut = (address: number, length: number, write: boolean) =>
    [0, 7].map((at) => ({
      address: address + at,
      length: at === 0 ? 7 : length - 7,
      write,
    }));
  driver.offer(2, driver.chain(2, [...cut(request, 51, false), ...cut(answer, 144, true)]));
  driver.notify(2);
  assertEquals(driver.used(2).map(({ written }) => written), [144]);
  const inquiry = driver.board.memory.read(answer + 108, 36);
  assertEquals(new TextDecoder().decode(inquiry.subarray(8, 16)), "LOCKSTEP");
});

Deno.test("the rings wrap around, also their 16-bit indices", () => {
  const driver = new ScsiDriver(disks, 4);
  for (let round = 0; round < 70_000; round++) {
    const sent = driver.send([0x12, 0, 0, 0, 36, 0], { inBytes: 36 });
    const used = driver.used(2);
    if (used.length !== 1 || used[0]!.head !== sent.head) {
      assertEquals(used, [{ head: sent.head, written: 144 }], `round ${round}`);
    }
  }
});

type Attack = (driver: ScsiDriver) => void;

/** Each of these must break the device, and nothing else. */
const attacks: Record<string, Attack> = {
  "a chain that is a loop": (driver) => {
    const { descriptors } = driver.addresses(2);
    driver.describe(descriptors, 0, { address: ramBase, length: 16 }, 1);
    driver.describe(descriptors, 1, { address: ramBase, length: 16 }, 0);
    driver.offer(2, 0);
  },
  "a chain that leaves its table": (driver) => {
    driver.describe(driver.addresses(2).descriptors, 0, { address: ramBase, length: 16 }, 16);
    driver.offer(2, 0);
  },
  "a head outside the table": (driver) => driver.offer(2, 0x7fff),
  "a buffer below RAM": (driver) => {
    driver.offer(2, driver.chain(2, [{ address: 0x1000_0000, length: 51 }]));
  },
  "a buffer that reaches over the end of RAM": (driver) => {
    driver.offer(2, driver.chain(2, [{ address: ramEnd - 16, length: 51 }]));
  },
  "a buffer at the end of the address space": (driver) => {
    driver.offer(2, driver.chain(2, [{ address: 2 ** 64 - 4096, length: 51 }]));
  },
  "a buffer of four gigabytes": (driver) => {
    driver.offer(2, driver.chain(2, [{ address: ramBase, length: 0xffff_ffff }]));
  },
  "a readable part after a writable one": (driver) => {
    driver.offer(
      2,
      driver.chain(2, [
        { address: ramBase, length: 108, write: true },
        { address: ramBase, length: 51 },
      ]),
    );
  },
  "more buffers than the queue has": (driver) => driver.setAvailableIndex(2, 17),
  "buffers taken back": (driver) => driver.setAvailableIndex(2, 0xffff),
  "an empty indirect table": (driver) => {
    driver.describe(
      driver.addresses(2).descriptors,
      0,
      { address: ramBase, length: 0 },
      undefined,
      4,
    );
    driver.offer(2, 0);
  },
  "an indirect table of odd length": (driver) => {
    driver.describe(
      driver.addresses(2).descriptors,
      0,
      { address: ramBase, length: 17 },
      undefined,
      4,
    );
    driver.offer(2, 0);
  },
  "an enormous indirect table": (driver) => {
    driver.describe(
      driver.addresses(2).descriptors,
      0,
      { address: ramBase, length: 16 * 65536 },
      undefined,
      4,
    );
    driver.offer(2, 0);
  },
  "an indirect table outside RAM": (driver) => {
    driver.describe(
      driver.addresses(2).descriptors,
      0,
      { address: ramEnd, length: 16 },
      undefined,
      4,
    );
    driver.offer(2, 0);
  },
  "an indirect table in an indirect table": (driver) => {
    const table = driver.buffer(16);
    driver.describe(table, 0, { address: table, length: 16 }, undefined, 4);
    driver.describe(
      driver.addresses(2).descriptors,
      0,
      { address: table, length: 16 },
      undefined,
      4,
    );
    driver.offer(2, 0);
  },
  "a chain that is longer than a queue with its indirect table": (driver) => {
    const { descriptors } = driver.addresses(2);
    const table = driver.buffer(16 * maximumQueueSize);
    for (let index = 0; index < maximumQueueSize; index++) {
      const next = index + 1 < maximumQueueSize ? index + 1 : undefined;
      driver.describe(table, index, { address: ramBase, length: 108, write: true }, next);
    }
    driver.describe(descriptors, 0, { address: ramBase, length: 51 }, 1);
    const indirect = { address: table, length: 16 * maximumQueueSize };
    driver.describe(descriptors, 1, indirect, undefined, 4);
    driver.offer(2, 0);
  },
  "a request without a header": (driver) => {
    driver.offer(2, driver.chain(2, [{ address: ramBase, length: 108, write: true }]));
  },
  "a request without room for its response": (driver) => {
    driver.offer(2, driver.chain(2, [{ address: ramBase, length: 51 }]));
  },
  "an available ring outside RAM": (driver) => {
    driver.board.store(0x030, 2);
    driver.board.store(0x090, 0);
    driver.board.store(0x094, 0xffff_ffff);
  },
  "a table outside RAM": (driver) => {
    driver.board.store(0x030, 2);
    driver.board.store(0x080, 0);
    driver.send([0, 0, 0, 0, 0, 0], { notify: false });
  },
  "a used ring outside RAM": (driver) => {
    driver.board.store(0x030, 2);
    driver.board.store(0x0a0, 0);
    driver.send([0, 0, 0, 0, 0, 0], { notify: false });
  },
  "a queue of one page at the end of RAM": (driver) => {
    driver.board.store(0x030, 2);
    driver.board.store(0x090, ramEnd - 2);
  },
};

for (const [name, attack] of Object.entries(attacks)) {
  Deno.test(`${name} makes the device need a reset, which heals it`, () => {
    const driver = new ScsiDriver();
    assertEquals(driver.needsReset(), false);
    attack(driver);
    driver.notify(2);
    assertEquals(driver.needsReset(), true);
    assertEquals(driver.board.load(0x060) & 2, 2);
    assertEquals(driver.board.line, true);
    assertEquals(driver.board.outstanding.operations.size, 0);
    driver.start(3);
    assertEquals(driver.needsReset(), false);
    assertEquals(driver.command([0, 0, 0, 0, 0, 0]).sense, [6, 0x29, 0]);
  });
}

Deno.test("one buffer offered again and again cannot be in flight more often than the queue is long", () => {
  const driver = new ScsiDriver(disks, 4).acknowledgeResets();
  const { head } = driver.send(read10(0, 1), { inBytes: 512 });
  for (let times = 0; times < 8; times++) {
    driver.offer(2, head);
    driver.notify(2);
  }
  assertEquals(driver.needsReset(), true);
  assertEquals(driver.board.outstanding.operations.size, 4);
});

Deno.test("a broken device performs no more requests and returns no more buffers", () => {
  const driver = new ScsiDriver().acknowledgeResets();
  driver.send(read10(0, 1), { inBytes: 512 });
  driver.offer(2, 0x7fff);
  driver.notify(2);
  driver.board.complete(0, "done", new Uint8Array(512));
  driver.send([0, 0, 0, 0, 0, 0]);
  assertEquals(driver.used(2), []);
});

Deno.test("a queue of random bytes neither hangs nor throws", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 64, maxLength: 1024 }),
      fc.nat(0xffff),
      (bytes, index) => {
        const driver = new ScsiDriver(disks, 128);
        const { descriptors, available } = driver.addresses(2);
        // Half of the addresses point into RAM, so that walks get somewhere.
        for (let at = 0; at + 16 <= bytes.length; at += 16) {
          if (bytes[at]! % 2 === 0) bytes.set([0x80, 0, 0, 0, 0], at + 3);
          bytes.set([bytes[at + 14]! % 64, 0], at + 14);
          if (bytes[at + 1]! % 4 !== 0) bytes.set([0, 0], at + 10);
        }
        driver.board.poke(descriptors, bytes);
        driver.board.poke(available + 4, bytes.map((byte, at) => at % 2 === 0 ? byte % 64 : 0));
        driver.setAvailableIndex(2, index % 160);
        driver.notify(2);
        assertEquals(driver.board.outstanding.operations.size <= 128, true);
      },
    ),
    { seed: 11, numRuns: 300, verbose: true },
  );
});

Deno.test("a ring that fills while the device empties it keeps it busy for one queue only", () => {
  const board = new SlotBoard();
  const driver = new Driver(board, 128);
  let taken = 0;
  board.slot.plug({
    ...{ deviceId: 4, features: 0, queues: 1, configuration: () => new Uint8Array(0) },
    ...{ configure: () => true, inFlight: () => 0, completed() {}, resume() {}, reset() {} },
    notified() {
      // As when what the device writes lies upon the available ring.
      while (board.slot.take(0) !== undefined) driver.setAvailableIndex(0, ++taken + 1);
    },
  });
  driver.start(1);
  driver.chain(0, [{ address: ramBase, length: 16 }]);
  driver.setAvailableIndex(0, 1);
  driver.notify(0);
  assertEquals([taken, driver.needsReset()], [128, true]);
});

/** VIRTIO_F_EVENT_IDX. */
const eventIndices = 1 << 29;

/** A driver with event indices, and the two events: the driver's at the available ring's end, and the device's. */
function eventDriver(queueSize: number) {
  const driver = new ScsiDriver(disks, queueSize);
  driver.start(3, eventIndices);
  const { available, used } = driver.addresses(2);
  const { board } = driver;
  return {
    driver,
    interruptAt: (index: number) =>
      board.poke(available + 4 + 2 * queueSize, [index & 0xff, index >>> 8 & 0xff]),
    notifyAt: () => {
      const [low, high] = board.memory.read(used + 4 + 8 * queueSize, 2);
      return low! + 256 * high!;
    },
    interrupted: () => {
      const interrupted = board.line;
      board.store(0x064, 1);
      return interrupted;
    },
  };
}

Deno.test("with event indices an interrupt comes with the used buffer that the driver names", () => {
  const { driver, interruptAt, interrupted } = eventDriver(4);
  const ready = () => driver.command([0, 0, 0, 0, 0, 0]);
  const first = ready();
  assertEquals([first.sense, interrupted()], [[6, 0x29, 0], true]);
  interruptAt(3);
  ready();
  ready();
  assertEquals(interrupted(), false);
  ready();
  assertEquals(interrupted(), true);
  ready();
  assertEquals(interrupted(), false);
  for (let index = 5; index < 70_000; index++) {
    interruptAt(index % 2 === 0 ? index : 0x8000 + index);
    ready();
    if (interrupted() !== (index % 2 === 0)) throw new Error(`Wrong at ${index}`);
  }
});

Deno.test("with event indices the device asks for a notification once it has emptied the ring", () => {
  const { driver, notifyAt } = eventDriver(8);
  driver.acknowledgeResets();
  assertEquals(notifyAt(), 2);
  driver.send([0, 0, 0, 0, 0, 0], { notify: false });
  assertEquals(notifyAt(), 2);
  driver.send([0, 0, 0, 0, 0, 0]);
  assertEquals(notifyAt(), 4);
});

Deno.test("with event indices a ring without room for them makes the device need a reset", () => {
  const { driver } = eventDriver(8);
  driver.board.store(0x030, 2);
  driver.board.store(0x0a0, ramEnd - 4 - 8 * 8);
  driver.notify(2);
  assertEquals(driver.needsReset(), true);
});
