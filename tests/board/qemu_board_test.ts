/** The board's registers and SCSI answers, compared with those of QEMU's board. */
import { assertEquals } from "@std/assert";
import { blkType } from "../../lib/board/virtio_blk_format.ts";
import { segment } from "./blk_driver.ts";
import {
  askForEntropy,
  GuestScript,
  queuePlace,
  requestPlace,
  results,
  sendBlkRequest,
  sendCommand,
  startDevice,
} from "./guest_script.ts";
import { hasQemu, onLockstep, onQemu } from "./qemu_board.ts";
import { big, read10, write10 } from "./scsi_driver.ts";

const uart = 0x1000_0000;
const plic = 0xc00_0000;
const timer = 0x200_4000;
const rtc = 0x10_1000;
const finisher = 0x10_0000;
const slot = (number: number) => 0x1000_1000 + 0x1000 * number;
const mip = 0x344;

/** A script and the names of its loads. */
class Comparison {
  readonly script = new GuestScript();
  readonly #names: string[] = [];

  store(address: number, value: number | bigint, size: 1 | 2 | 4 | 8 = 4): this {
    this.script.store(address, value, size);
    return this;
  }

  load(name: string, address: number, size: 1 | 2 | 4 | 8 = 4): this {
    this.script.load(address, size);
    this.#names.push(name);
    return this;
  }

  csr(name: string, csr: number): this {
    this.script.csrRead(csr);
    this.#names.push(name);
    return this;
  }

  /** Runs on both boards; values of the loads named in `differ` are compared with what stands there. */
  async run(differ: Readonly<Record<string, readonly [here: bigint, qemu: bigint]>> = {}) {
    this.script.store(finisher, 0x5555).loopForEver();
    const named = (values: readonly bigint[]) =>
      this.#names.map((name, index) => `${name} = 0x${values[index]!.toString(16)}`);
    const expected = (side: 0 | 1, values: readonly bigint[]) =>
      values.map((value, index) => differ[this.#names[index]!]?.[side] ?? value);
    const here = results(onLockstep(this.script), this.#names.length);
    const there = results(await onQemu(this.script), this.#names.length);
    assertEquals(named(here), named(expected(0, there)));
    assertEquals(named(there), named(expected(1, there)));
  }
}

function compare(name: string, test: () => Promise<void>) {
  Deno.test({
    name: `${name} as on QEMU (ignored without qemu-system-riscv64)`,
    ignore: !hasQemu,
    fn: test,
  });
}

compare("the UART's registers read", async () => {
  const script = new Comparison();
  const all = (when: string) => {
    for (const register of [1, 2, 3, 4, 5, 6, 7]) {
      script.load(`register ${register} ${when}`, uart + register, 1);
    }
  };
  all("at power-on");
  script.store(uart + 3, 0x83, 1).store(uart, 0x34, 1).store(uart + 1, 0x12, 1);
  script.load("divisor low", uart, 1).load("divisor high", uart + 1, 1);
  script.store(uart + 3, 0x1b, 1).store(uart + 7, 0x5a, 1).store(uart + 4, 0x0b, 1);
  all("after set-up");
  script.store(uart + 2, 0xc7, 1);
  all("with FIFOs");
  script.store(uart + 1, 2, 1).load("IIR with THRI", uart + 2, 1).load("IIR again", uart + 2, 1);
  script.store(uart, 65, 1).load("IIR after a byte", uart + 2, 1);
  script.store(uart + 1, 2, 1).load("IIR, enabled again", uart + 2, 1);
  script.store(uart, 65, 1).store(uart + 1, 0, 1).load("IIR, disabled", uart + 2, 1);
  script.store(uart + 1, 0xff, 1).load("IER keeps four bits", uart + 1, 1);
  script.store(uart + 1, 0, 1).store(uart + 2, 0, 1);
  script.store(uart + 4, 0x1f, 1).store(uart, 0x42, 1);
  script.load("LSR in loopback", uart + 5, 1).load("looped byte", uart, 1);
  script.load("LSR after it", uart + 5, 1).load("MCR", uart + 4, 1);
  script.load("a word", uart + 4, 4);
  await script.run();
});

compare("interrupts pass through the PLIC", async () => {
  const script = new Comparison();
  const state = (when: string) => {
    script.load(`pending ${when}`, plic + 0x1000).csr(`mip ${when}`, mip);
  };
  script.store(plic + 40, 0xff).load("priority", plic + 40).store(plic + 40, 3);
  script.load("priority of the last", plic + 4 * 96).load("priority of none", plic + 4 * 97);
  state("at rest");
  script.store(uart + 1, 2, 1);
  state("raised");
  script.store(plic + 0x2000, 0x400).load("enable", plic + 0x2000);
  state("enabled for M");
  script.store(plic + 0x2080, 0x400);
  state("enabled for M and S");
  script.store(plic + 0x20_0000, 3).load("threshold", plic + 0x20_0000);
  state("at the threshold");
  script.store(plic + 0x20_0000, 2);
  state("above the threshold");
  script.load("claim for S", plic + 0x20_1004).load("claim for M", plic + 0x20_0004);
  state("claimed");
  script.load("IIR", uart + 2, 1);
  state("line lowered");
  script.store(plic + 0x20_1004, 10);
  state("completed");
  script.store(uart, 65, 1);
  state("raised again");
  script.load("IIR once more", uart + 2, 1);
  state("taken back");
  script.load("claim of nothing", plic + 0x20_0004).store(plic + 0x20_0004, 0);
  script.load("a context that is not there", plic + 0x20_2000);
  script.store(plic + 0x200c, 0xffff_ffff).load("last enables", plic + 0x200c);
  await script.run({
    // QEMU 7.2 looks at newly enabled sources only when something else changes.
    "mip enabled for M": [0x880n, 0x80n],
    "mip enabled for M and S": [0xa80n, 0x80n],
    // It counts source 0 among its 96 sources, its device tree does not.
    "last enables": [1n, 0n],
  });
});

compare("the CLINT's registers read and drive mip", async () => {
  const script = new Comparison();
  script.store(timer, (1n << 64n) - 1n, 8).csr("mip at first", mip);
  script.store(0x200_0000, 0xffff_ffff).load("msip", 0x200_0000).csr("mip with msip", mip);
  script.store(0x200_0000, 0).csr("mip without", mip).load("msip of hart 1", 0x200_0004);
  script.store(timer, 0, 8).csr("mip with a comparator in the past", mip);
  script.load("mtimecmp", timer, 8);
  script.store(timer + 4, 0x1234).csr("mip with one in the future", mip);
  script.load("mtimecmp by halves", timer, 8).load("its high half", timer + 4);
  await script.run();
});

compare("the real-time clock's registers read", async () => {
  const script = new Comparison();
  script.load("alarm low", rtc + 8).load("alarm high", rtc + 12).load("enabled", rtc + 16);
  script.load("status", rtc + 24).load("write-only", rtc + 20).load("beyond", rtc + 32);
  script.store(rtc + 12, 0x7fff_ffff).store(rtc + 8, 0x1234);
  script.load("alarm low, set", rtc + 8).load("alarm high, set", rtc + 12);
  script.load("status, running", rtc + 24);
  script.store(rtc + 20, 0).load("status, cleared", rtc + 24);
  script.store(rtc + 16, 3).load("enabled, one bit", rtc + 16);
  script.load("pending before", plic + 0x1000);
  script.store(rtc + 12, 0).store(rtc + 8, 1).load("pending, alarm in the past", plic + 0x1000);
  script.load("status, fired", rtc + 24);
  script.store(rtc + 28, 0).load("pending, cleared", plic + 0x1000);
  script.load("finisher", finisher);
  await script.run();
});

compare("virtio-mmio slots read", async () => {
  const script = new Comparison();
  for (const number of [0, 1, 7]) {
    for (const offset of [0, 4, 8, 0xc, 0x34, 0x38, 0x44, 0x60, 0x70, 0xfc, 0x100]) {
      script.load(`slot ${number} register ${offset.toString(16)}`, slot(number) + offset);
    }
  }
  script.store(slot(0) + 0x30, 5).load("size of a queue that is not there", slot(0) + 0x34);
  script.store(slot(0) + 0x30, 0).store(slot(0) + 0x70, 3).load("status", slot(0) + 0x70);
  script.store(slot(0) + 0x14, 1).load("features, high", slot(0) + 0x10);
  script.store(slot(0) + 0x24, 1).store(slot(0) + 0x20, 1).store(slot(0) + 0x70, 0xb);
  script.load("status with features", slot(0) + 0x70);
  script.store(slot(0) + 0x44, 1).load("ready", slot(0) + 0x44);
  script.store(slot(0) + 0x70, 0).load("status after reset", slot(0) + 0x70);
  script.load("ready after reset", slot(0) + 0x44).load("a byte", slot(0), 1);
  for (const offset of [0, 16, 20, 24, 32, 36]) {
    script.load(`configuration ${offset}`, slot(0) + 0x100 + offset);
  }
  script.load("max target", slot(0) + 0x100 + 30, 2);
  await script.run({
    // QEMU offers VIRTIO_F_RING_RESET.
    "features, high": [1n, 0x101n],
    // Our queues are shorter.
    "slot 0 register 34": [128n, 1024n],
    "slot 1 register 34": [128n, 1024n],
  });
});

/** Commands to compare, each with the size of its answer and how much of that has to be equal. */
const commands: readonly {
  readonly name: string;
  readonly cdb: readonly number[];
  readonly inBytes?: number;
  readonly out?: Uint8Array;
  readonly lun?: readonly number[];
  /** Ranges of the answer that are equal: start and end. */
  readonly equal?: readonly (readonly [number, number])[];
}[] = [
  { name: "INQUIRY before anything", cdb: [0x12, 0, 0, 0, 36, 0], inBytes: 36, equal: [[0, 7]] },
  {
    name: "REPORT LUNS before anything",
    cdb: [0xa0, 0, 0, 0, 0, 0, ...big(16, 4)],
    inBytes: 16,
    equal: [[0, 16]],
  },
  { name: "READ after the reset", cdb: read10(0, 1), inBytes: 512 },
  { name: "TEST UNIT READY", cdb: [0, 0, 0, 0, 0, 0] },
  { name: "REQUEST SENSE", cdb: [3, 0, 0, 0, 18, 0], inBytes: 18, equal: [[0, 18]] },
  { name: "REQUEST SENSE, descriptors", cdb: [3, 1, 0, 0, 8, 0], inBytes: 8, equal: [[0, 8]] },
  { name: "INQUIRY, short", cdb: [0x12, 0, 0, 0, 5, 0], inBytes: 5, equal: [[0, 5]] },
  { name: "INQUIRY, page without EVPD", cdb: [0x12, 0, 0x80, 0, 36, 0], inBytes: 36 },
  { name: "INQUIRY, pages", cdb: [0x12, 1, 0, 0, 64, 0], inBytes: 64, equal: [[0, 10]] },
  {
    name: "INQUIRY, serial number",
    cdb: [0x12, 1, 0x80, 0, 64, 0],
    inBytes: 64,
    equal: [[0, 8]],
  },
  { name: "INQUIRY, unknown page", cdb: [0x12, 1, 0xc5, 0, 64, 0], inBytes: 64 },
  {
    name: "READ CAPACITY (10)",
    cdb: [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    inBytes: 8,
    equal: [[0, 8]],
  },
  {
    name: "READ CAPACITY (10) of a part",
    cdb: [0x25, 0, 0, 0, 0, 9, 0, 0, 0, 0],
    inBytes: 8,
  },
  {
    name: "READ CAPACITY (16)",
    cdb: [0x9e, 0x10, ...big(0, 8), ...big(32, 4), 0, 0],
    inBytes: 32,
    equal: [[0, 12]],
  },
  {
    name: "MODE SENSE (6), caching",
    cdb: [0x1a, 0, 8, 0, 64, 0],
    inBytes: 64,
    equal: [[0, 15]],
  },
  {
    name: "MODE SENSE (10), caching",
    cdb: [0x5a, 8, 8, 0, 0, 0, 0, 0, 64, 0],
    inBytes: 64,
    equal: [[0, 11]],
  },
  { name: "MODE SENSE (6), saved", cdb: [0x1a, 0, 0xc8, 0, 64, 0], inBytes: 64 },
  { name: "MODE SENSE (6), unknown page", cdb: [0x1a, 0, 0x1c, 0, 64, 0], inBytes: 64 },
  { name: "WRITE", cdb: write10(0, 1), out: new Uint8Array(512) },
  { name: "WRITE with FUA", cdb: write10(0, 1, 8), out: new Uint8Array(512) },
  { name: "READ", cdb: read10(4095, 1), inBytes: 512, equal: [[0, 512]] },
  { name: "READ beyond the end", cdb: read10(4095, 2), inBytes: 1024 },
  { name: "WRITE beyond the end", cdb: write10(4096, 1), out: new Uint8Array(512) },
  { name: "READ of nothing", cdb: read10(0, 0) },
  { name: "READ without room", cdb: read10(0, 2), inBytes: 512 },
  { name: "WRITE without data", cdb: write10(0, 1), inBytes: 512 },
  { name: "WRITE with protection", cdb: write10(0, 1, 0x20), out: new Uint8Array(512) },
  { name: "SYNCHRONIZE CACHE", cdb: [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
  { name: "START STOP UNIT", cdb: [0x1b, 0, 0, 0, 1, 0] },
  { name: "an unknown command", cdb: [0xff] },
  { name: "TEST UNIT READY of no target", cdb: [0, 0, 0, 0, 0, 0], lun: [1, 7, 0, 0] },
  { name: "TEST UNIT READY of no LUN", cdb: [0, 0, 0, 0, 0, 0], lun: [1, 0, 0x40, 3] },
  {
    name: "INQUIRY of no LUN",
    cdb: [0x12, 0, 0, 0, 36, 0],
    inBytes: 36,
    lun: [1, 0, 0x40, 3],
    equal: [[0, 1]],
  },
];

compare("SCSI commands answer", async () => {
  for (let start = 0; start < commands.length; start += 16) {
    const batch = commands.slice(start, start + 16);
    const script = new GuestScript();
    startDevice(script, 0, 3);
    // Only the first batch is about the unit attention after the reset.
    const before = start === 0 ? [] : [{ name: "", cdb: [0, 0, 0, 0, 0, 0] }];
    const sent: typeof commands = [...before, ...batch];
    sent.forEach(({ cdb, inBytes, out, lun }, count) => {
      const data = {
        ...(inBytes === undefined ? {} : { inBytes }),
        ...(out === undefined ? {} : { out }),
        ...(lun === undefined ? {} : { lun }),
      };
      sendCommand(script, count, cdb, data);
      script.waitFor(queuePlace(0, 2).used + 2, count + 1);
    });
    script.store(finisher, 0x5555).loopForEver();
    const here = onLockstep(script);
    const there = await onQemu(script);
    sent.forEach(({ name, equal = [] }, count) => {
      const { response, data } = requestPlace(count);
      const answers = [here, there].map((side) => {
        const header = side.read(response, 32);
        const view = new DataView(header.buffer, header.byteOffset);
        const hasSense = view.getUint32(0, true) > 0;
        const first = side.read(data, 100);
        const second = side.read(data + 512, 412);
        const all = Uint8Array.from([...first, ...second]);
        return {
          name,
          // Not the residual: QEMU tells none for short data or with sense data, and it should (virtio
          // 1.2, section 5.6.6.1).
          status: header[10],
          response: header[11],
          sense: hasSense ? [header[12]! & 0x7f, header[14], header[24], header[25]] : [],
          data: equal.map(([from, to]) => [...all.subarray(from, to)]),
        };
      });
      assertEquals(answers[0], answers[1]);
    });
  }
});

compare("virtio-blk and virtio-rng registers and configuration read", async () => {
  const script = new Comparison();
  for (const number of [3, 4]) {
    for (const offset of [0, 4, 8, 0xc, 0x44, 0x60, 0x70, 0xfc]) {
      script.load(`slot ${number} register ${offset.toString(16)}`, slot(number) + offset);
    }
    script.store(slot(number) + 0x30, 1);
    script.load(`slot ${number} size of a queue that is not there`, slot(number) + 0x34);
    script.store(slot(number) + 0x30, 0).store(slot(number) + 0x70, 3);
    script.store(slot(number) + 0x14, 0).load(`slot ${number} features`, slot(number) + 0x10);
    script.store(slot(number) + 0x24, 1).store(slot(number) + 0x20, 1);
    script.store(slot(number) + 0x70, 0xb).load(`slot ${number} status`, slot(number) + 0x70);
    script.store(slot(number) + 0x70, 0).load(`slot ${number} reset`, slot(number) + 0x70);
  }
  for (let offset = 0; offset < 56; offset += 4) {
    script.load(`configuration ${offset}`, slot(4) + 0x100 + offset);
  }
  script.load("write_zeroes_may_unmap", slot(4) + 0x100 + 56, 1);
  script.load("a byte of the configuration", slot(4) + 0x100 + 1, 1);
  await script.run({
    // Our requests are bounded (SIZE_MAX). QEMU tells a geometry, and has a cache that can be switched off.
    "slot 4 features": [0x3000_6646n, 0x3000_6e54n],
    "configuration 8": [8192n, 0n],
    // Its queues are longer.
    "configuration 12": [126n, 254n],
    // Cylinders, heads and sectors of its geometry.
    "configuration 16": [0n, 0x3f10_0004n],
    // Our blocks are pages of the host: exponent 3, and 8 sectors at least.
    "configuration 24": [0x8_0003n, 0n],
    // Its write cache is on, one queue each.
    "configuration 32": [0x1_0000n, 0x1_0001n],
    // What one discard or write-zeroes request may name: 16 ranges of 2 GiB; one range, in whole pages here.
    "configuration 36": [2n ** 22n, 0x3f_ffffn],
    "configuration 40": [16n, 1n],
    "configuration 44": [8n, 1n],
    "configuration 48": [2n ** 22n, 0x3f_ffffn],
    "configuration 52": [16n, 1n],
    // Zeros are written here; QEMU may make holes.
    "write_zeroes_may_unmap": [0n, 1n],
  });
});

const requests: readonly {
  readonly name: string;
  readonly type: number;
  readonly data?: Parameters<typeof sendBlkRequest>[3];
  /** Bytes of the answer that are equal. */
  readonly equal?: number;
}[] = [
  { name: "GET_ID", type: blkType.getId, data: { inBytes: 20 }, equal: 20 },
  { name: "GET_ID, short", type: blkType.getId, data: { inBytes: 3 }, equal: 3 },
  { name: "OUT", type: blkType.out, data: { sector: 7, out: new Uint8Array(1024) } },
  { name: "IN", type: blkType.in, data: { sector: 4095, inBytes: 512 }, equal: 512 },
  { name: "IN beyond the end", type: blkType.in, data: { sector: 4095, inBytes: 1024 } },
  { name: "IN far beyond the end", type: blkType.in, data: { sector: 2 ** 53, inBytes: 512 } },
  {
    name: "OUT beyond the end",
    type: blkType.out,
    data: { sector: 4096, out: new Uint8Array(512) },
  },
  { name: "IN of a part of a sector", type: blkType.in, data: { inBytes: 100 } },
  { name: "OUT of a part of a sector", type: blkType.out, data: { out: new Uint8Array(700) } },
  { name: "FLUSH", type: blkType.flush },
  { name: "DISCARD", type: blkType.discard, data: { out: segment(8, 8) } },
  { name: "DISCARD beyond the end", type: blkType.discard, data: { out: segment(4090, 8) } },
  { name: "DISCARD with unmap", type: blkType.discard, data: { out: segment(8, 8, 1) } },
  { name: "DISCARD with an unknown flag", type: blkType.discard, data: { out: segment(8, 8, 2) } },
  { name: "WRITE_ZEROES", type: blkType.writeZeroes, data: { out: segment(1, 9) } },
  { name: "WRITE_ZEROES with unmap", type: blkType.writeZeroes, data: { out: segment(1, 9, 1) } },
  {
    name: "WRITE_ZEROES with an unknown flag",
    type: blkType.writeZeroes,
    data: { out: segment(1, 9, 4) },
  },
  {
    name: "WRITE_ZEROES beyond the end",
    type: blkType.writeZeroes,
    data: { out: segment(4096, 1) },
  },
  { name: "an unknown type", type: 99 },
];

compare("virtio-blk requests answer", async () => {
  const script = new GuestScript();
  startDevice(script, 4, 1);
  requests.forEach(({ type, data }, count) => {
    sendBlkRequest(script, count, type, data);
    script.waitFor(queuePlace(4, 0).used + 2, count + 1);
  });
  script.store(finisher, 0x5555).loopForEver();
  const [here, there] = [onLockstep(script), await onQemu(script)].map((side) =>
    requests.map(({ name, equal = 0 }, count) => {
      const { response, data } = requestPlace(count);
      const used = side.read(queuePlace(4, 0).used + 4 + 8 * count, 8);
      return {
        name,
        status: side.read(response, 1)[0],
        head: used[0],
        data: [...side.read(data, equal)],
      };
    })
  );
  assertEquals(here, there);
});

compare("virtio-rng fills a buffer", async () => {
  const script = new GuestScript();
  startDevice(script, 3, 1);
  askForEntropy(script, 16);
  script.waitFor(queuePlace(3, 0).used + 2, 1);
  script.store(finisher, 0x5555).loopForEver();
  const used = [onLockstep(script), await onQemu(script)].map((
    side,
  ) => [...side.read(queuePlace(3, 0).used, 12)]);
  assertEquals(used[0], used[1]);
});
