/**
 * Guests for tests of the whole machine: straight-line programs of device accesses, on an image that holds
 * whatever they need in RAM.
 */
import { BootImage } from "../../lib/board/boot_image.ts";
import type { MachineConfiguration } from "../../lib/board/configuration.ts";
import { setWide } from "./virtio_driver.ts";

const base = 0x8000_0000;
const tableOffset = 0x1_0000;
const resultsOffset = 0x2_0000;
const imageBytes = 0x10_0000;

const t0 = 5;
const t1 = 6;
const t2 = 7;
const t3 = 28;
const t4 = 29;
const a0 = 10;
const a6 = 16;
const a7 = 17;

const ecall = 0x73;

const auipc = (rd: number, imm: number) => (imm | rd << 7 | 0x17) >>> 0;
const addi = (rd: number, rs1: number, imm: number) =>
  ((imm & 0xfff) << 20 | rs1 << 15 | rd << 7 | 0x13) >>> 0;
const loadOf = { 1: 4, 2: 5, 4: 6, 8: 3 } as const;
const load = (size: 1 | 2 | 4 | 8, rd: number, rs1: number, imm = 0) =>
  (imm << 20 | rs1 << 15 | loadOf[size] << 12 | rd << 7 | 0x03) >>> 0;
const storeOf = { 1: 0, 2: 1, 4: 2, 8: 3 } as const;
const store = (size: 1 | 2 | 4 | 8, rs2: number, rs1: number) =>
  (rs2 << 20 | rs1 << 15 | storeOf[size] << 12 | 0x23) >>> 0;

const branchNotEqual = (rs1: number, rs2: number, bytes: number) =>
  ((bytes >> 12 & 1) << 31 | (bytes >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | 1 << 12 |
    (bytes >> 1 & 15) << 8 | (bytes >> 11 & 1) << 7 | 0x63) >>> 0;

/** Instructions that tests give by hand. */
export const instruction = {
  wfi: 0x1050_0073,
  nop: 0x0000_0013,
  /** jal x0, bytes */
  jump: (bytes: number) =>
    ((bytes >> 20 & 1) << 31 | (bytes >> 1 & 0x3ff) << 21 | (bytes >> 11 & 1) << 20 |
      (bytes >> 12 & 0xff) << 12 | 0x6f) >>> 0,
  /** csrrs x0, csr, t2: sets the bits of the register that the last load went to. */
  csrSet: (csr: number) => (csr << 20 | t2 << 15 | 2 << 12 | 0x73) >>> 0,
} as const;

/** A program under construction. */
export class GuestScript {
  /** The second auipc stands 4 bytes further on. */
  readonly #code: number[] = [
    auipc(t0, tableOffset),
    auipc(t3, resultsOffset),
    addi(t3, t3, -4),
  ];
  readonly #table: [address: number, value: bigint][] = [];
  readonly #image = new Uint8Array(imageBytes);

  /** Stores a value at an address. */
  store(address: number, value: number | bigint, size: 1 | 2 | 4 | 8 = 4): this {
    this.#entry(address, BigInt(value));
    this.#code.push(store(size, t2, t1));
    return this;
  }

  /** Loads from an address; the value becomes the next of the results. */
  load(address: number, size: 1 | 2 | 4 | 8 = 4): this {
    this.#entry(address, 0n);
    this.#code.push(load(size, t2, t1), store(8, t2, t3), addi(t3, t3, 8));
    return this;
  }

  /** Sets bits of a CSR. */
  csrSet(csr: number, bits: number): this {
    this.#entry(0, BigInt(bits));
    this.#code.push(instruction.csrSet(csr));
    return this;
  }

  /** Reads a CSR; the value becomes the next of the results. */
  csrRead(csr: number): this {
    this.#code.push(
      (csr << 20 | 2 << 12 | t2 << 7 | 0x73) >>> 0,
      store(8, t2, t3),
      addi(t3, t3, 8),
    );
    return this;
  }

  /** Calls the SBI; a0 and a1 become the next two of the results. */
  call(extension: number, number: number, ...values: readonly (number | bigint)[]): this {
    const registers = [...values.map((value, index) => [a0 + index, value] as const)];
    for (const [register, value] of [...registers, [a6, number], [a7, extension]] as const) {
      this.#entry(0, BigInt(value));
      this.#code.push(addi(register, t2, 0));
    }
    this.#code.push(ecall);
    for (const register of [a0, a0 + 1]) {
      this.#code.push(store(8, register, t3), addi(t3, t3, 8));
    }
    return this;
  }

  /** Polls a halfword in memory until it has this value. */
  waitFor(address: number, value: number): this {
    this.#entry(address, BigInt(value));
    this.#code.push(load(2, t4, t1), branchNotEqual(t4, t2, -4));
    return this;
  }

  /** Adds instructions as they are. */
  raw(...words: readonly number[]): this {
    this.#code.push(...words);
    return this;
  }

  /** Waits for ever at this place: every waking goes back to sleep. */
  waitForEver(): this {
    return this.raw(instruction.wfi, instruction.jump(-4));
  }

  /** Runs for ever at this place. */
  loopForEver(): this {
    return this.raw(instruction.jump(0));
  }

  /** Puts bytes into the image. */
  place(address: number, bytes: ArrayLike<number>): this {
    this.#image.set(Array.from(bytes), address - base);
    return this;
  }

  image(configuration: MachineConfiguration): BootImage {
    return BootImage.raw(this.bytes(), configuration);
  }

  /** The image as a file. */
  bytes(): Uint8Array {
    if (4 * this.#code.length > tableOffset || this.#table.length * 16 > 0x1_0000) {
      throw new RangeError("The script is too long");
    }
    const view = new DataView(this.#image.buffer);
    this.#code.forEach((word, index) => view.setUint32(4 * index, word, true));
    this.#table.forEach(([address, value], index) => {
      setWide(view, tableOffset + 16 * index, address);
      view.setBigUint64(tableOffset + 16 * index + 8, BigInt.asUintN(64, value), true);
    });
    return this.#image;
  }

  #entry(address: number, value: bigint): void {
    this.#table.push([address, value]);
    this.#code.push(load(8, t1, t0), load(8, t2, t0, 8), addi(t0, t0, 16));
  }
}

/** The values that a script has loaded so far. */
export function results(
  memory: { read(address: number, length: number): Uint8Array },
  count: number,
) {
  const bytes = memory.read(base + resultsOffset, 8 * count);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, index) => view.getBigUint64(8 * index, true));
}

const slotBase = (slot: number) => 0x1000_1000 + 0x1000 * slot;

/** Where the queues of scripts are. Slots 0 and 4 share a place, since no script uses both. */
export function queuePlace(slot: number, queue: number) {
  const start = base + 0x4_0000 + (slot % 4) * 0x1_0000 + queue * 0x4000;
  return {
    descriptors: start,
    available: start + 0x1000,
    used: start + 0x2000,
    buffers: start + 0x3000,
  };
}

/** Starts the device of a slot with queues of 128 descriptors. */
export function startDevice(script: GuestScript, slot: number, queues: number): void {
  const at = slotBase(slot);
  script.store(at + 0x070, 0).store(at + 0x070, 3);
  script.store(at + 0x024, 1).store(at + 0x020, 1).store(at + 0x070, 0x0b);
  for (let queue = 0; queue < queues; queue++) {
    const { descriptors, available, used } = queuePlace(slot, queue);
    script.store(at + 0x030, queue).store(at + 0x038, 128);
    script.store(at + 0x080, descriptors).store(at + 0x090, available).store(at + 0x0a0, used);
    script.store(at + 0x044, 1);
  }
  script.store(at + 0x070, 0x0f);
}

/** Places a chain of descriptors from `index` on. */
function placeChain(
  script: GuestScript,
  table: number,
  index: number,
  parts: readonly { address: number; length: number; write?: boolean }[],
): void {
  parts.forEach(({ address, length, write }, part) => {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    const more = part + 1 < parts.length;
    setWide(view, 0, address);
    view.setUint32(8, length, true);
    view.setUint16(12, (write === true ? 2 : 0) | (more ? 1 : 0), true);
    view.setUint16(14, more ? index + part + 1 : 0, true);
    script.place(table + 16 * (index + part), bytes);
  });
}

/** Offers the `count`-th buffer of a queue and notifies the device. */
function offer(
  script: GuestScript,
  slot: number,
  queue: number,
  count: number,
  head: number,
): void {
  const { available } = queuePlace(slot, queue);
  script.store(available + 4 + 2 * (count % 128), head, 2).store(available + 2, count + 1, 2);
  script.store(slotBase(slot) + 0x050, queue);
}

/** Where the parts of the `count`-th SCSI request of a script are. */
export function requestPlace(count: number) {
  const start = base + 0x8_0000 + count * 0x2000;
  return { request: start, response: start + 0x100, data: start + 0x1000 };
}

/** Sends the `count`-th SCSI request (0 to 31) of a script to slot 0. */
export function sendCommand(
  script: GuestScript,
  count: number,
  cdb: readonly number[],
  data: {
    readonly lun?: readonly number[];
    readonly out?: Uint8Array;
    readonly inBytes?: number;
  } = {},
): void {
  const { request, response, data: buffer } = requestPlace(count);
  const header = new Uint8Array(51);
  header.set(data.lun ?? [1, 0, 0, 0]);
  header[8] = count;
  header.set(cdb, 19);
  script.place(request, header);
  const parts = [{ address: request, length: 51, write: false }];
  if (data.out !== undefined) {
    script.place(buffer, data.out);
    parts.push({ address: buffer, length: data.out.length, write: false });
  }
  parts.push({ address: response, length: 108, write: true });
  if (data.inBytes !== undefined) {
    // Two pieces when it is long, so that the scatter list is one.
    const first = Math.min(data.inBytes, 100);
    parts.push({ address: buffer, length: first, write: true });
    if (data.inBytes > first) {
      parts.push({ address: buffer + 512, length: data.inBytes - first, write: true });
    }
  }
  const index = 4 * count;
  placeChain(script, queuePlace(0, 2).descriptors, index, parts);
  offer(script, 0, 2, count, index);
}

/** Pays the `count`-th bill of a script at slot 1. */
export function payBill(script: GuestScript, count: number, bill: Uint8Array): void {
  const { descriptors, buffers } = queuePlace(1, 1);
  const address = buffers + 0x100 * count;
  script.place(address, bill);
  placeChain(script, descriptors, count, [{ address, length: bill.length }]);
  offer(script, 1, 1, count, count);
}

/** Sends the `count`-th request (0 to 31) of a script to the virtio-blk disk in slot 4. */
export function sendBlkRequest(
  script: GuestScript,
  count: number,
  type: number,
  { sector = 0, out, inBytes }: {
    readonly sector?: number;
    readonly out?: Uint8Array;
    readonly inBytes?: number;
  } = {},
): void {
  const { request, response, data } = requestPlace(count);
  const header = new Uint8Array(16);
  const view = new DataView(header.buffer);
  view.setUint32(0, type, true);
  setWide(view, 8, sector);
  script.place(request, header);
  // A status that no device has written.
  script.place(response, [0xee]);
  if (out !== undefined) script.place(data, out);
  const index = 4 * count;
  placeChain(script, queuePlace(4, 0).descriptors, index, [
    { address: request, length: 16 },
    ...out === undefined ? [] : [{ address: data, length: out.length }],
    ...inBytes === undefined ? [] : [{ address: data, length: inBytes, write: true }],
    { address: response, length: 1, write: true },
  ]);
  offer(script, 4, 0, count, index);
}

/** Asks the source of random bytes in slot 3 for some, as its first request. */
export function askForEntropy(script: GuestScript, bytes: number): void {
  const { descriptors } = queuePlace(3, 0);
  const { data: address } = requestPlace(0);
  placeChain(script, descriptors, 0, [{ address, length: bytes, write: true }]);
  offer(script, 3, 0, 0, 0);
}
