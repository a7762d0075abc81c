import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Operation } from "../../lib/board/operation.ts";
import { virtioSlots } from "../../lib/board/memory_map.ts";
import { maximumQueueSize } from "../../lib/board/virtqueue.ts";
import type { HeaderRecord, LogRecord } from "../../lib/epoch/record.ts";
import { maxOutstandingBytes, maxRecordBytes, pageBytes } from "../../lib/log/limits.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { LogGrammar } from "../../lib/log/log_grammar.ts";
import { SnapshotAssembler } from "../../lib/log/snapshot_assembler.ts";
import {
  memoryPages,
  type Page,
  type SnapshotParts,
  snapshotRecords as records,
} from "../../lib/log/snapshot_records.ts";
import { atOnce } from "./at_once.ts";
import { decodeAll, encodeAll, sampleRecords, sampleState } from "./sample_log.ts";

const header: HeaderRecord = {
  ...sampleRecords[0] as HeaderRecord,
  configuration: { ramBytes: 2 ** 22, disks: [{ id: "disk", sectors: 2 ** 20 }], bills: true },
};
delete (header as { diskDigests?: unknown }).diskDigests;
const ramPages = header.configuration.ramBytes / pageBytes;

const parts = {
  epoch: 7,
  steps: 123_456,
  time: { base: 99, rate: 5 },
  state: sampleState,
  digest: 77n,
};

const operations: readonly Operation[] = [
  { number: 5, request: { kind: "disk-read", disk: 0, sector: 0, sectors: 3 } },
  { number: 6, request: { kind: "bill-append", offset: 9, data: Uint8Array.of(1) } },
];

/** The records of a snapshot, without the places where others have a turn. */
function snapshotRecords(snapshot: SnapshotParts): readonly LogRecord[] {
  return atOnce(records(snapshot));
}

function memoryWith(pages: Iterable<Page>): Uint8Array {
  const ram = new Uint8Array(header.configuration.ramBytes);
  for (const [page, data] of pages) ram.set(data, page * pageBytes);
  return ram;
}

function assemble(records: Iterable<LogRecord>) {
  const grammar = new LogGrammar();
  const ram = new Map<number, Uint8Array>();
  const image = new Map<number, Uint8Array>();
  const assembler = new SnapshotAssembler({
    ram: (page, data) => ram.set(page, data),
    image: (page, data) => image.set(page, data),
  });
  const outcome = decodeAll(encodeAll([header, ...records]));
  assertEquals(outcome.error, undefined);
  let snapshot;
  for (const item of outcome.items) {
    grammar.accept(item);
    snapshot = assembler.accept(item) ?? snapshot;
  }
  return { snapshot, ram, image, records: outcome.items.map((item) => item.record) };
}

Deno.test("a snapshot of any memory comes back as it was", () => {
  const page = fc.integer({ min: 0, max: ramPages - 1 });
  const byte = fc.tuple(page, fc.integer({ min: 0, max: pageBytes - 1 }), fc.integer({ max: 255 }));
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 40 }),
      fc.array(byte, { maxLength: 5 }),
      (now, boot) => {
        const [ram, image] = [now, boot].map((bytes) => {
          const memory = memoryWith([]);
          for (const [page, offset, value] of bytes) memory[page * pageBytes + offset] = value;
          return memory;
        }) as [Uint8Array, Uint8Array];
        const result = assemble(
          snapshotRecords({
            ...parts,
            ram: memoryPages(ram),
            image: memoryPages(image),
            operations,
          }),
        );
        assertEquals(result.snapshot, { ...parts, operations });
        assertEquals(memoryWith(result.ram), ram);
        assertEquals(memoryWith(result.image), image);
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("pages of zeros are left out, also those at odd addresses and those with one bit", () => {
  const bytes = new Uint8Array(pageBytes * 3 + 1);
  bytes[1 + pageBytes + 3] = 0x80;
  const ram = [0, 1, 2].map((page): Page => [
    page,
    bytes.subarray(1 + page * pageBytes, 1 + (page + 1) * pageBytes),
  ]);
  assertEquals([
    ...assemble(snapshotRecords({ ...parts, ram, image: ram, operations: [] })).ram.keys(),
  ], [1]);
  const aligned = ram.map(([page, data]): Page => [page, data.slice()]);
  assertEquals(
    [
      ...assemble(snapshotRecords({ ...parts, ram: aligned, image: [], operations: [] })).ram
        .keys(),
    ],
    [1],
  );
});

Deno.test("a page that is still as it was at power-on stands in a snapshot once", () => {
  const filled = (byte: number) => new Uint8Array(pageBytes).fill(byte);
  const image: Page[] = [[1, filled(1)], [2, filled(2)], [3, filled(3)], [9, filled(9)]];
  // Page 1 stayed, page 2 has changed, page 3 is zero now, page 5 is new, page 9 stayed but for a bit.
  const last = filled(9);
  last[pageBytes - 1] = 8;
  const ram: Page[] = [[1, filled(1)], [2, filled(22)], [3, filled(0)], [5, filled(5)], [9, last]];
  const records = snapshotRecords({ ...parts, ram, image, operations: [] });
  const kept = records.flatMap((record) =>
    record.kind === "snapshot-pages" ? [[record.of, ...record.pages]] : []
  );
  assertEquals(kept, [["ram", 2, 5, 9], ["image", 2, 3, 9], ["both", 1]]);
  const result = assemble(records);
  assertEquals(memoryWith(result.image), memoryWith(image));
  assertEquals(memoryWith(result.ram), memoryWith(ram));
});

Deno.test("a memory without a zero page is split into records below the bound", () => {
  const ram = new Uint8Array(header.configuration.ramBytes).fill(1);
  const records = [
    ...snapshotRecords({ ...parts, ram: memoryPages(ram), image: [], operations: [] }),
  ];
  assertEquals(records.length, 1 + ramPages / 256 + 1);
  for (const frame of encodeAll([header, ...records])) assert(frame.length < maxRecordBytes / 2);
});

Deno.test("records keep their data when the memory goes on changing", () => {
  const ram = new Uint8Array(header.configuration.ramBytes).fill(1);
  const records = [
    ...snapshotRecords({ ...parts, ram: memoryPages(ram), image: [], operations: [] }),
  ];
  ram.fill(2);
  assertEquals(memoryWith(assemble(records).ram)[0], 1);
});

Deno.test("shared memory can be snapshotted", () => {
  const ram = new Uint8Array(new SharedArrayBuffer(header.configuration.ramBytes));
  ram[5 * pageBytes] = 1;
  const result = assemble(
    snapshotRecords({ ...parts, ram: memoryPages(ram), image: [], operations: [] }),
  );
  assertEquals([...result.ram.keys()], [5]);
});

Deno.test("a page that comes again replaces the earlier one", () => {
  const page = (fill: number): LogRecord => ({
    kind: "snapshot-pages",
    of: "ram",
    pages: [3],
    data: new Uint8Array(pageBytes).fill(fill),
  });
  const [begin, commit] = [
    ...snapshotRecords({ ...parts, ram: [], image: [], operations: [] }),
  ] as [LogRecord, LogRecord];
  const { ram } = assemble([begin, page(1), page(2), commit]);
  assertEquals(ram.get(3)?.[0], 2);
});

Deno.test("a page of the image keeps no other page of its record in memory", () => {
  // A hostile log names one page that stays and hundreds that are replaced, again and again.
  const ram = new Uint8Array(pageBytes * 3).fill(1);
  const pages = [...memoryPages(ram)];
  const records = snapshotRecords({ ...parts, ram: pages, image: pages, operations: [] });
  const incompressible = crypto.getRandomValues(new Uint8Array(pageBytes * 3));
  const others = [...memoryPages(incompressible)];
  const more = snapshotRecords({ ...parts, ram: [], image: others, operations: [] });
  for (const { image } of [assemble(records), assemble(more)]) {
    assertEquals(image.size, 3);
    for (const data of image.values()) assertEquals(data.buffer.byteLength, pageBytes);
  }
});

Deno.test("outstanding operations beyond the bound are refused", () => {
  const data = new Uint8Array(2 ** 20);
  const assembler = new SnapshotAssembler({ ram() {}, image() {} });
  const keep = (number: number) =>
    assembler.accept({
      record: {
        kind: "snapshot-operation",
        operation: { number, request: { kind: "bill-append", offset: 0, data } },
      },
      number,
      byteOffset: 0,
    });
  const most = maxOutstandingBytes / data.length;
  for (let number = 0; number < most; number++) keep(number);
  assertThrows(() => keep(most), LogError);
});

Deno.test("the state of a machine whose every request is in as many pieces as can be fits its record", () => {
  const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);
  const piece = { address: 0xffff_fff0, length: 0xffff };
  const pieces = numbers(maximumQueueSize).map(() => piece);
  const outstanding = numbers(maximumQueueSize * virtioSlots).map((operation) => (
    {
      ...{ operation: 2 ** 40 + operation, slot: 7, head: 127, dataBytes: 2 ** 40 },
      ...{ response: [piece, piece], data: pieces, tag: 2n ** 64n - 1n },
      ...{ forceUnitAccess: false, fate: "aborted" as const },
    }
  ));
  const taskManagement = numbers(maximumQueueSize).map((head) => (
    { head, response: pieces, operations: numbers(maximumQueueSize).map((n) => 2 ** 40 + n) }
  ));
  const state = { ...sampleState, outstanding, taskManagement };
  const records = snapshotRecords({ ...parts, state, ram: [], image: [], operations: [] });
  assertEquals(assemble(records).snapshot?.state.outstanding, outstanding);
});

Deno.test("nothing comes of a snapshot without its commit", () => {
  const records = [...snapshotRecords({ ...parts, ram: [], image: [], operations })];
  assertEquals(assemble(records.slice(0, -1)).snapshot, undefined);
});
