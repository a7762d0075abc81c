import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { MachineState } from "../../lib/board/machine_state.ts";
import type { LogRecord, ReturnRecord } from "../../lib/epoch/record.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { RecordDecoder, ReturnDecoder } from "../../lib/log/record_decoder.ts";
import { RecordEncoder, ReturnEncoder } from "../../lib/log/record_encoder.ts";
import { recordFields, returnFields } from "../../lib/log/record_table.ts";
import {
  chunksOf,
  decodeAll,
  encodeAll,
  joined,
  sampleMember,
  sampleRecords,
  sampleReturnRecords,
} from "./sample_log.ts";

// fast-check prints the seed of a failing run, and takes it back as `{ seed }`.

const edges = [0, 1, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];

function count(min = 0, max = Number.MAX_SAFE_INTEGER): fc.Arbitrary<number> {
  const inside = edges.filter((edge) => edge >= min && edge <= max);
  const any = fc.integer({ min, max });
  return inside.length === 0 ? any : fc.oneof(any, fc.constantFrom(...inside));
}

const word = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
);

function bytes(minLength: number, maxLength = 600): fc.Arbitrary<Uint8Array> {
  // A copy, because fast-check's own arrays may carry more than the type says.
  return fc.uint8Array({ minLength, maxLength }).map((array) => new Uint8Array(array));
}

function optional<Key extends string, Value>(
  key: Key,
  value: fc.Arbitrary<Value>,
): fc.Arbitrary<{ [K in Key]?: Value }> {
  return fc.oneof(
    fc.constant({}),
    value.map((value) => ({ [key]: value } as { [K in Key]?: Value })),
  );
}

const identifier = fc.stringMatching(/^[0-9a-f]{32}$/);
const printable = (min: number, max: number) =>
  fc.array(fc.integer({ min: 0x20, max: 0x7e }), { minLength: min, maxLength: max })
    .map((codes) => String.fromCharCode(...codes));
const time = fc.record({ base: count(), rate: count(1, 2 ** 24) });
const text = fc.string({ unit: "binary", maxLength: 300 }).filter((text) => text.isWellFormed());

const request = fc.oneof(
  fc.record({
    kind: fc.constant("disk-read" as const),
    disk: count(0, 15),
    sector: count(),
    sectors: count(1, 2048),
  }),
  fc.record({
    kind: fc.constant("disk-write" as const),
    disk: count(0, 15),
    sector: count(),
    data: count(1, 5).chain((sectors) => bytes(sectors * 512, sectors * 512)),
  }),
  fc.record({ kind: fc.constant("disk-flush" as const), disk: count(0, 15) }),
  fc.record({
    kind: fc.constant("disk-unmap" as const),
    disk: count(0, 15),
    ranges: fc.array(fc.record({ sector: count(), sectors: count(1) }), { maxLength: 30 }),
  }),
  fc.record({ kind: fc.constant("bill-append" as const), offset: count(), data: bytes(1) }),
  fc.record({ kind: fc.constant("entropy" as const), bytes: count(1, 1024) }),
);

const completion = fc.record({
  operation: count(),
  status: fc.constantFrom(
    "done" as const,
    "uncertain" as const,
    "io-error" as const,
    "no-space" as const,
  ),
  blocks: fc.array(fc.record({ address: count(), data: bytes(1) }), { maxLength: 30 }),
});

const plain = fc.letrec<{ plain: unknown }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 5 },
    fc.constant(null),
    fc.boolean(),
    count(),
    fc.integer({ min: -(2 ** 32), max: 0 }),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
    text,
    bytes(0, 40),
    fc.array(tie("plain"), { maxLength: 30 }),
    fc.dictionary(
      printable(1, 64).filter((key) => key !== "__proto__"),
      tie("plain"),
      { maxKeys: 30, noNullPrototype: true },
    ),
  ),
})).plain;

const logRecords: { readonly [Kind in LogRecord["kind"]]: fc.Arbitrary<object> } = {
  "header": fc.tuple(
    fc.record({
      version: fc.constant(1),
      run: identifier,
      term: count(1),
      configuration: fc.tuple(
        fc.record({
          ramBytes: count(512, 2 ** 19).map((pages) => pages * 4096),
          disks: fc.uniqueArray(
            fc.tuple(
              fc.record({ id: printable(1, 20), sectors: count(1, 2 ** 40) }),
              optional("readOnly", fc.boolean()),
              optional("bus", fc.constantFrom("scsi" as const, "blk" as const)),
            ).map(([disk, readOnly, bus]) => ({ ...disk, ...readOnly, ...bus })),
            { selector: (disk) => disk.id, maxLength: 16 },
          ).filter((disks) => disks.filter(({ bus }) => bus === "blk").length <= 4),
          bills: fc.boolean(),
        }),
        optional("bootArguments", printable(0, 200)),
        optional("entropy", fc.boolean()),
      ).map(([configuration, boot, entropy]) => ({ ...configuration, ...boot, ...entropy })),
      acknowledged: fc.boolean(),
      ramDigestSteps: count(1),
      consoleBase: count(),
      billBase: count(),
    }),
    optional("member", identifier),
    optional("diskDigests", fc.array(fc.stringMatching(/^[0-9a-f]{64}$/), { maxLength: 16 })),
  ).map(([header, member, digests]) => ({ ...header, ...member, ...digests })),
  "snapshot-begin": fc.record({ epoch: count() }),
  "snapshot-pages": fc.array(count(0, 2 ** 19 - 1), { minLength: 1, maxLength: 8 }).chain((pages) =>
    fc.oneof(
      fc.record({
        of: fc.constantFrom("ram", "image"),
        pages: fc.constant(pages),
        data: bytes(pages.length * 4096, pages.length * 4096),
      }),
      fc.record({
        of: fc.constantFrom("ram", "image"),
        pages: fc.constant(pages),
        packed: fc.constant("zstd"),
        data: bytes(1, pages.length * 4096 - 1),
      }),
    )
  ),
  "snapshot-operation": fc.record({ operation: fc.record({ number: count(), request }) }),
  "snapshot-commit": fc.record({
    epoch: count(),
    steps: count(),
    time,
    state: plain as fc.Arbitrary<MachineState>,
    digest: word,
  }),
  "epoch": fc.tuple(
    fc.record({
      epoch: count(1),
      steps: count(0, 2 ** 28),
      reads: fc.array(word, { maxLength: 300 }),
      completions: fc.array(completion, { maxLength: 30 }),
      consoleInput: bytes(0),
      consolePerformed: count(),
      frames: fc.array(fc.uint8Array({ minLength: 14, maxLength: 1518 }), { maxLength: 5 }),
      time,
      digest: fc.tuple(word, optional("ram", word)).map(([state, ram]) => ({ state, ...ram })),
    }),
    optional("term", count(2)),
  ).map(([epoch, term]) => ({ ...epoch, ...term })),
  "end": fc.oneof(
    fc.record({ reason: fc.constantFrom("power-off", "detach", "hand-over") }),
    fc.record({ reason: fc.constant("power-off"), exitCode: count(0, 2 ** 32 - 1) }),
  ),
  "note": fc.record({ text }),
  "heartbeat": fc.constant({}),
};

const returnRecords: { readonly [Kind in ReturnRecord["kind"]]: fc.Arbitrary<object> } = {
  "acknowledge": fc.record({ record: count() }),
  "executed": fc.record({ epoch: count() }),
  "joined": fc.record({ epoch: count(), sharedDisk: fc.boolean() }),
  "leave": fc.record({ reason: text }),
};

for (const [kind, arbitrary] of Object.entries(logRecords)) {
  Deno.test(`a random ${kind} record comes back as it was written`, () => {
    fc.assert(fc.property(arbitrary, (fields) => {
      const record = { kind, ...fields } as LogRecord;
      const [item, ...others] = new RecordDecoder().push(new RecordEncoder().encode(record));
      assertEquals(others.length, 0);
      assertEquals(item?.record, record);
    }));
  });
}

for (const [kind, arbitrary] of Object.entries(returnRecords)) {
  Deno.test(`a random ${kind} record of the return direction comes back as it was written`, () => {
    fc.assert(fc.property(arbitrary, (fields) => {
      const record = { kind, ...fields } as ReturnRecord;
      const bytes = new ReturnEncoder(sampleMember).encode(record);
      assertEquals(new ReturnDecoder(sampleMember).push(bytes)[0]?.record, record);
    }));
  });
}

Deno.test("the tests above cover every kind of record", () => {
  assertEquals(Object.keys(logRecords), Object.keys(recordFields));
  assertEquals(Object.keys(returnRecords), Object.keys(returnFields));
  assertEquals(
    new Set<string>(sampleRecords.map((record) => record.kind)),
    new Set(Object.keys(recordFields)),
  );
});

Deno.test("a log in chunks of any size gives the same records at the same places", () => {
  const log = joined(encodeAll(sampleRecords));
  const whole = decodeAll([log]);
  assertEquals(whole.items.map((item) => item.record), sampleRecords);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 6000 })), {
        minLength: 1,
        maxLength: 20,
      }),
      (sizes) => {
        assertEquals(decodeAll(chunksOf(log, sizes)), whole);
      },
    ),
    { numRuns: 60, examples: [[[1]], [[14]], [[15]], [[16]]] },
  );
});

Deno.test("items tell number, offset and length of their frames", () => {
  const frames = encodeAll(sampleRecords);
  let offset = 0;
  for (const item of decodeAll([joined(frames)]).items) {
    assertEquals(item.byteOffset, offset);
    assertEquals(item.byteLength, frames[item.number]?.length);
    offset += item.byteLength;
  }
});

Deno.test("equal records are equal bytes, whatever the order of their properties", () => {
  const backwards = sampleRecords.map((record) =>
    Object.fromEntries(Object.entries(record).reverse()) as unknown as LogRecord
  );
  assertEquals(encodeAll(backwards), encodeAll(sampleRecords));
});

Deno.test("an ordinary epoch takes about a hundred bytes", () => {
  const frames = encodeAll(sampleRecords);
  const index = sampleRecords.findIndex((record) => record.kind === "epoch");
  const size = frames[index]!.length;
  assert(size <= 100, `${size} bytes`);
});

Deno.test("decoded byte strings are copies, and reusing the chunk does not change them", () => {
  const log = joined(encodeAll(sampleRecords));
  const expected = structuredClone(sampleRecords);
  for (const size of [log.length, 1000, 7]) {
    const decoder = new RecordDecoder();
    const records: LogRecord[] = [];
    const chunk = new Uint8Array(size);
    for (const part of chunksOf(log, [size])) {
      chunk.set(part);
      const items = decoder.push(chunk.subarray(0, part.length));
      chunk.fill(0xff);
      records.push(...items.map((item) => item.record));
    }
    assertEquals(records, expected);
  }
});

Deno.test("encoding copies: changing a record's bytes later does not change what was encoded", () => {
  const encoder = new RecordEncoder();
  encoder.encode(sampleRecords[0]!);
  encoder.encode(sampleRecords[1]!);
  const data = new Uint8Array(4096).fill(7);
  const bytes = encoder.encode({ kind: "snapshot-pages", of: "ram", pages: [1], data });
  const before = bytes.slice();
  data.fill(8);
  for (let index = 0; index < 100; index++) encoder.encode({ kind: "note", text: "another" });
  assertEquals(bytes, before);
});

Deno.test("what a record must not contain is refused on both sides, naming the field", () => {
  const epoch = sampleRecords.find((record) => record.kind === "epoch")!;
  const header = sampleRecords[0]!;
  const cases: readonly (readonly [unknown, string])[] = [
    [{ ...epoch, steps: 2 ** 28 + 1 }, "steps"],
    [{ ...epoch, steps: 1.5 }, "steps"],
    [{ ...epoch, steps: -1 }, "steps"],
    [{ ...epoch, steps: NaN }, "steps"],
    [{ ...epoch, steps: 1n }, "steps"],
    [{ ...epoch, epoch: 0 }, "epoch"],
    [{ ...epoch, epoch: 2 ** 53 }, "epoch"],
    [{ ...epoch, reads: [1n, -1n] }, "reads[1]"],
    [{ ...epoch, reads: [2n ** 64n] }, "reads[0]"],
    [{ ...epoch, reads: undefined }, "reads"],
    [{ ...epoch, time: { base: 0, rate: 0 } }, "time.rate"],
    [{ ...epoch, time: [0, 1] }, "time.base"],
    [{ ...epoch, digest: { state: 5 } }, "digest.state"],
    [{ ...epoch, term: 1 }, "term"],
    [{ ...epoch, consoleInput: [1] }, "input"],
    [
      { ...epoch, completions: [{ operation: 1, status: "lost", blocks: [] }] },
      "completions[0].status",
    ],
    [
      { ...epoch, completions: [{ operation: 1, status: "done", blocks: [{ address: 1 }] }] },
      "completions[0].blocks[0].data",
    ],
    [{ ...header, run: "xyz" }, "run"],
    [{ ...header, version: 2 }, "version"],
    [
      { ...header, configuration: { ramBytes: 4096 * 512 + 1, disks: [], bills: true } },
      "configuration.ramBytes",
    ],
    [{ ...header, diskDigests: ["0f"] }, "diskDigests[0]"],
    [{ kind: "note", text: "\ud800" }, "text"],
    [{ kind: "note", text: "x".repeat(4097) }, "text"],
    [{ kind: "snapshot-pages", of: "ram", pages: [1, 2], data: new Uint8Array(4096) }, "data"],
    [
      { kind: "snapshot-pages", of: "ram", pages: [1], packed: "zstd", data: new Uint8Array(4096) },
      "data",
    ],
    [
      { kind: "snapshot-pages", of: "ram", pages: [1], packed: "gzip", data: new Uint8Array(9) },
      "packed",
    ],
    [{ kind: "snapshot-pages", of: "rom", pages: [1], data: new Uint8Array(4096) }, "of"],
    [{ kind: "end", reason: "detach", exitCode: 0 }, "exitCode"],
    [{ kind: "gossip" }, "kind"],
    [{ kind: "toString" }, "kind"],
    [{}, "kind"],
  ];
  for (const [record, field] of cases) {
    const encoder = new RecordEncoder();
    const error = assertThrows(() => encoder.encode(record as LogRecord), LogError);
    assertEquals(error.field, field, error.message);
    assertEquals(encoder.records, 0);
  }
});

Deno.test("a state that is not plain data is refused, naming the place", () => {
  class Register {}
  const cases: readonly (readonly [unknown, string])[] = [
    [{ hart: { pc: undefined } }, "state.hart.pc"],
    [{ hart: [0, 0.5] }, "state.hart[1]"],
    [{ hart: [-(2 ** 32) - 1] }, "state.hart[0]"],
    [{ hart: 2n ** 64n }, "state.hart"],
    [{ hart: new Register() }, "state.hart"],
    [{ hart: new Map() }, "state.hart"],
    [{ hart: new Uint16Array(1) }, "state.hart"],
    [{ hart: () => 0 }, "state.hart"],
    [{ hart: "\udc00" }, "state.hart"],
    [{ "schlüssel": 1 }, "state.schlüssel"],
    [{ ["__proto__"]: 1 }, "state.__proto__"],
  ];
  const commit = sampleRecords.find((record) => record.kind === "snapshot-commit")!;
  for (const [state, field] of cases) {
    const record = { ...commit, state } as LogRecord;
    const error = assertThrows(() => new RecordEncoder().encode(record), LogError);
    assertEquals(error.field, field, error.message);
  }
});

Deno.test("a record beyond the size bound is refused, and the stream goes on without it", () => {
  const encoder = new RecordEncoder();
  const chunks = sampleRecords.slice(0, 10).map((record) => encoder.encode(record));
  const data = new Uint8Array(2 ** 20);
  const blocks = Array.from({ length: 5 }, () => ({ address: 0, data }));
  const epoch = sampleRecords[10]!;
  const big = { ...epoch, completions: [{ operation: 1, status: "done", blocks }] } as LogRecord;
  const error = assertThrows(() => encoder.encode(big), LogError);
  assertEquals(error.recordNumber, 10);
  chunks.push(encoder.encode(epoch));
  assertEquals(decodeAll(chunks).items.length, 11);
});

Deno.test("a record as big as the bound passes through", () => {
  const data = new Uint8Array(2 ** 20 - 40).fill(9);
  const blocks = Array.from({ length: 4 }, (_, address) => ({ address, data }));
  const record = {
    ...sampleRecords[10]!,
    completions: [{ operation: 1, status: "done", blocks }],
  } as LogRecord;
  const bytes = new RecordEncoder().encode(record);
  const [item] = decodeAll(chunksOf(bytes, [1000])).items;
  assertEquals(item?.record, record);
});

Deno.test("the return direction round-trips, and is bound to its member", () => {
  const encoder = new ReturnEncoder(sampleMember);
  const chunks = sampleReturnRecords.map((record) => encoder.encode(record));
  const decoder = new ReturnDecoder(sampleMember);
  const records = chunks.flatMap((chunk) => decoder.push(chunk).map((item) => item.record));
  assertEquals(records, sampleReturnRecords);
  assertEquals(decoder.finish().kind, "clean");

  const other = new ReturnDecoder("0".repeat(32));
  assertInstanceOf(assertThrows(() => other.push(chunks[0]!)), LogError);
  assertThrows(() => new RecordDecoder().push(chunks[0]!), LogError);
});
