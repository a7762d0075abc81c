/** A short log with a record of every kind, and helpers that frame bytes by hand. */
import { AssertionError } from "@std/assert";
import type { LogRecord, ReturnRecord } from "../../lib/epoch/record.ts";
import type { MachineState } from "../../lib/board/machine_state.ts";
import { ChecksumChain, logSeed } from "../../lib/log/checksum_chain.ts";
import { frame } from "../../lib/log/frame.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { type LogItem, RecordDecoder, type StreamEnding } from "../../lib/log/record_decoder.ts";
import { RecordEncoder } from "../../lib/log/record_encoder.ts";

/** The member id of the sample log's header. */
export const sampleMember = "ffeeddccbbaa99887766554433221100";

/** Numbers at the places where encodings change, bigints beside equal numbers, nested containers. */
export const sampleState = {
  hart: {
    registers: [0n, 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, -1n, -(2n ** 64n)],
    counters: [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER],
    negative: [-1, -24, -25, -(2 ** 31), -(2 ** 32)],
    waiting: false,
  },
  devices: { uart: { fifo: Uint8Array.of(1, 2, 3), nothing: null }, "10": "ten" },
} as unknown as MachineState;

function bytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7 + seed);
}

/** Every kind of log record, in an order that the grammar allows. */
export const sampleRecords: readonly LogRecord[] = [
  {
    kind: "header",
    version: 1,
    run: "00112233445566778899aabbccddeeff",
    term: 1,
    member: sampleMember,
    configuration: {
      ramBytes: 2 ** 24,
      disks: [{ id: "disk-0", sectors: 2 ** 33, readOnly: false }, { id: "disk-1", sectors: 8 }],
      bills: true,
      network: { mac: "02:00:5e:10:00:01" },
      bootArguments: "console=ttyS0",
    },
    acknowledged: true,
    ramDigestSteps: 2 ** 33,
    consoleBase: 0,
    billBase: 2 ** 34,
    diskDigests: ["0f".repeat(32), "a0".repeat(32)],
  },
  { kind: "snapshot-begin", epoch: 0 },
  { kind: "snapshot-pages", of: "image", pages: [0], data: bytes(4096, 1) },
  { kind: "snapshot-pages", of: "ram", pages: [4095], data: bytes(4096, 2) },
  {
    kind: "snapshot-operation",
    operation: { number: 3, request: { kind: "disk-read", disk: 0, sector: 2 ** 32, sectors: 2 } },
  },
  {
    kind: "snapshot-operation",
    operation: {
      number: 4,
      request: { kind: "disk-write", disk: 1, sector: 7, data: bytes(512, 3) },
    },
  },
  {
    kind: "snapshot-operation",
    operation: { number: 5, request: { kind: "disk-flush", disk: 0 } },
  },
  {
    kind: "snapshot-operation",
    operation: {
      number: 6,
      request: { kind: "disk-unmap", disk: 0, ranges: [{ sector: 0, sectors: 8 }] },
    },
  },
  {
    kind: "snapshot-operation",
    operation: {
      number: 2 ** 40,
      request: { kind: "bill-append", offset: 2 ** 35, data: bytes(9, 4) },
    },
  },
  {
    kind: "snapshot-commit",
    epoch: 0,
    steps: 0,
    time: { base: 0, rate: 2 ** 23 },
    state: sampleState,
    digest: 0x0123_4567_89ab_cdefn,
  },
  {
    kind: "epoch",
    epoch: 1,
    steps: 20_000,
    reads: [],
    completions: [],
    consoleInput: new Uint8Array(0),
    consolePerformed: 17,
    frames: [],
    time: { base: 2 ** 33, rate: 2 ** 24 },
    digest: { state: 0xfedc_ba98_7654_3210n },
  },
  { kind: "heartbeat" },
  {
    kind: "epoch",
    epoch: 2,
    steps: 1,
    reads: [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n],
    completions: [
      {
        operation: 3,
        status: "done",
        blocks: [{ address: 2 ** 31, data: bytes(700, 5) }, {
          address: 2 ** 32 + 5,
          data: bytes(324, 6),
        }],
      },
      { operation: 4, status: "io-error", blocks: [] },
    ],
    consoleInput: bytes(5, 7),
    consolePerformed: 17,
    frames: [bytes(14, 8), bytes(1518, 9)],
    time: { base: 2 ** 33 + 5, rate: 1 },
    digest: { state: 0n, ram: 2n ** 64n - 1n },
  },
  { kind: "note", text: "Zürich ✓ 𝄞" },
  {
    kind: "epoch",
    epoch: 3,
    steps: 0,
    reads: [],
    completions: [{ operation: 5, status: "uncertain", blocks: [] }],
    consoleInput: new Uint8Array(0),
    consolePerformed: 2 ** 36,
    frames: [],
    time: { base: 2 ** 33 + 5, rate: 1 },
    digest: { state: 5n },
    term: 2,
  },
  { kind: "end", reason: "power-off", exitCode: 2 ** 32 - 1 },
];

/** Every kind of return record. */
export const sampleReturnRecords: readonly ReturnRecord[] = [
  { kind: "joined", epoch: 0, sharedDisk: true },
  { kind: "acknowledge", record: 23 },
  { kind: "executed", epoch: 2 ** 33 },
  { kind: "leave", reason: "Divergence at epoch 5" },
];

/** A log of a few small records without pages, for tests that try every byte. */
export const shortRecords: readonly LogRecord[] = sampleRecords.filter((record) =>
  record.kind !== "snapshot-pages" && record.kind !== "snapshot-operation"
).map((record) =>
  record.kind === "epoch" && record.epoch === 2
    ? { ...record, completions: [{ operation: 4, status: "no-space", blocks: [] }] }
    : record
);

/** The frames of a log, one for each record. */
export function encodeAll(records: readonly LogRecord[]): Uint8Array[] {
  const encoder = new RecordEncoder();
  return records.map((record) => encoder.encode(record));
}

/** One array of all the bytes. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/** Puts encoded items, which need not be records, into frames that chain. */
export function frameAll(items: readonly Uint8Array[]): Uint8Array {
  const chain = new ChecksumChain(logSeed);
  return joined(items.map((item) => {
    const checksum = chain.of(item);
    chain.advance(checksum);
    return frame(checksum, item);
  }));
}

/** What a decoder made of a stream: all it delivered, and how it went on from there. */
export interface Outcome {
  readonly items: readonly LogItem[];
  readonly ending: StreamEnding | undefined;
  readonly error: LogError | undefined;
}

/** The error that a stream must end with. */
export function faultOf(outcome: Outcome, what = ""): LogError {
  if (outcome.error === undefined) throw new AssertionError(`No error: ${what}`);
  return outcome.error;
}

/** Decodes a whole stream given in chunks, and goes on as a caller would after each. */
export function decodeAll(chunks: Iterable<Uint8Array>, decoder = new RecordDecoder()): Outcome {
  const items: LogItem[] = [];
  try {
    for (const chunk of chunks) items.push(...decoder.push(chunk));
    return { items, ending: decoder.finish(), error: undefined };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { items, ending: undefined, error };
  }
}

/** Cuts bytes into chunks of the given sizes, over and over. */
export function* chunksOf(whole: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let offset = 0;
  for (let index = 0; offset < whole.length; index++) {
    const size = Math.max(sizes[index % sizes.length] ?? 1, 1);
    yield whole.slice(offset, offset + size);
    offset += size;
  }
}

/** Bytes from hex digits; blanks are ignored. */
export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(
    digits.replaceAll(" ", "").match(/../g) ?? [],
    (pair) => parseInt(pair, 16),
  );
}
