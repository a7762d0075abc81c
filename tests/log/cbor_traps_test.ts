import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { encodeItem } from "../../lib/log/cbor_item.ts";
import { readFrameHead } from "../../lib/log/frame.ts";
import { RecordDecoder } from "../../lib/log/record_decoder.ts";
import { checkStructure, StructureError } from "../../lib/log/structure.ts";
import {
  decodeAll,
  encodeAll,
  faultOf,
  frameAll,
  fromHex,
  joined,
  sampleRecords,
} from "./sample_log.ts";

const limits = { depth: 8, items: 1000, maxInteger: 2 ** 64, bignums: false };

/** `{"kind": "note", "text": …}` with the given bytes in place of the text. */
function note(text: Uint8Array): Uint8Array {
  return joined([fromHex("a2 64 6b696e64 64 6e6f7465 64 74657874"), text]);
}

function repeated(byte: number, times: number): Uint8Array {
  return new Uint8Array(times).fill(byte);
}

const traps: { readonly [name: string]: Uint8Array } = {
  "an indefinite array of one element": fromHex("9f 01"),
  "a closed indefinite array": fromHex("9f 01 ff"),
  "an indefinite map": fromHex("bf 61 61 01 ff"),
  "an indefinite byte string": fromHex("5f 41 01 ff"),
  "an indefinite text": fromHex("7f 61 61 ff"),
  "a lone break": fromHex("ff"),
  "a byte string cut behind its length": fromHex("44"),
  "a text cut behind its length": note(fromHex("64")),
  "a text cut in its middle": note(fromHex("64 6162")),
  "a head cut in its middle": fromHex("19 01"),
  "nothing but a map head": fromHex("a1"),
  "arrays nested 100,000 deep": repeated(0x81, 100_000),
  "maps nested 100,000 deep": joined(Array.from({ length: 100_000 }, () => fromHex("a1 6161"))),
  "tags nested 100,000 deep": repeated(0xc2, 100_000),
  "an array that claims 2^32 - 1 elements": fromHex("9a ffffffff 01"),
  "an array that claims 2^53 elements": fromHex("9b 0020000000000000 01"),
  "a map that claims 2^32 - 1 entries": fromHex("ba ffffffff 01"),
  "a byte string that claims 2^32 - 1 bytes": fromHex("5a ffffffff 01"),
  "a byte string that claims 2^64 - 1 bytes": fromHex("5b ffffffffffffffff 01"),
  "a million empty arrays": joined([fromHex("9a 000f4240"), repeated(0x80, 1_000_000)]),
  "a repeated key": fromHex("a2 6161 01 6161 02"),
  "a repeated kind": fromHex("a2 64 6b696e64 64 6e6f7465 64 6b696e64 64 6e6f7465"),
  "keys out of order": fromHex("a2 6162 01 6161 02"),
  "a longer key before a shorter one": fromHex("a2 626161 01 6162 02"),
  "a key that is a number": fromHex("a1 01 01"),
  "an empty key": fromHex("a1 60 01"),
  "a key with a control character": fromHex("a1 6107 01"),
  "a key of 65 bytes": joined([fromHex("a1 7841"), repeated(0x61, 65), fromHex("01")]),
  "a key cut off": fromHex("a1 6461"),
  "a key that is a map": fromHex("a1 a0 01"),
  "an integer in a longer head than needed": note(fromHex("18 01")),
  "an integer of 2^32 - 1 in a head of 8": note(fromHex("1b 00000000ffffffff")),
  "a half float": note(fromHex("f9 3c00")),
  "a float": note(fromHex("fa 3f800000")),
  "a double": note(fromHex("fb 3ff0000000000000")),
  "an undefined": note(fromHex("f7")),
  "an unassigned simple value": note(fromHex("f8 ff")),
  "a reserved length": note(fromHex("1c")),
  "a date": note(fromHex("c1 00")),
  "a bignum": note(fromHex("c2 41 01")),
  "a bignum of a megabyte": note(joined([fromHex("c2 5a 00100000"), repeated(0xff, 2 ** 20)])),
  "cbor-x's record extension": fromHex("d9 dfff 82 19 e000 81 61 61"),
  "cbor-x's inline record": fromHex("d8 69 83 19e000 81 6161 01"),
  "cbor-x's bundled strings": fromHex("d9 dff9 84 1a 00000005 01 60 60 60"),
  "cbor-x's packed table": fromHex("d8 33 84 81 6161 80 80 c6 00"),
  "cbor-x's packed reference": fromHex("e0"),
  "text that is not UTF-8": note(fromHex("62 c328")),
  "text with an overlong form": note(fromHex("62 c080")),
  "text with a surrogate": note(fromHex("63 eda080")),
  "bytes behind the record": joined([note(fromHex("60")), fromHex("00")]),
  "an item that is no map": fromHex("80"),
  "an item that is null": fromHex("f6"),
  "a map without kind": fromHex("a0"),
  "a kind from Object's prototype": encodeItem({ kind: "constructor" }).slice(),
  "a kind that is an array": encodeItem({ kind: ["note"] }).slice(),
  "an unknown field": encodeItem({ kind: "note", text: "", zzzzz: 1 }).slice(),
  "a field from Object's prototype": fromHex(
    "a2 64 6b696e64 69 686561727462656174 69 5f5f70726f746f5f5f a0",
  ),
  "an optional field that is null": encodeItem({ kind: "end", reason: "detach", exitCode: null })
    .slice(),
  "an integer beyond 2^53": encodeItem({ kind: "snapshot-begin", epoch: 2n ** 53n }).slice(),
  "an integer beyond 2^63": encodeItem({ kind: "snapshot-begin", epoch: 2n ** 64n - 1n }).slice(),
  "a negative integer": encodeItem({ kind: "snapshot-begin", epoch: -1 }).slice(),
  "an empty list that should be absent": fromHex("a2 64 6b696e64 65 65706f6368 65 7265616473 80"),
};

for (const [name, item] of Object.entries(traps)) {
  Deno.test(`a record with ${name} is refused at once, behind the sound ones`, () => {
    const header = encodeAll(sampleRecords.slice(0, 1))[0]!;
    const headerItem = contentOf(header);
    const start = performance.now();
    const outcome = decodeAll([frameAll([headerItem, item, headerItem])]);
    assert(performance.now() - start < 2000, "took too long");
    const error = faultOf(outcome);
    assertEquals(error.reason, "malformed");
    assertEquals(error.recordNumber, 1);
    assertEquals(error.byteOffset, header.length);
    assertEquals(outcome.items.length, 1);
  });
}

const stateTraps: { readonly [name: string]: Uint8Array } = {
  "a bignum of nine bytes": fromHex("c2 49 010000000000000000"),
  "a bignum of a megabyte": joined([fromHex("c2 5a 00100000"), repeated(0xff, 2 ** 20)]),
  "a bignum with leading zeros": fromHex("c2 42 0001"),
  "a bignum of an array": fromHex("c2 80"),
  "an unknown tag": fromHex("d8 69 80"),
  "a date": fromHex("c1 00"),
  "an integer beyond 2^53": fromHex("1b 0020000000000000"),
  "a negative integer below -2^32": fromHex("3b 0000000100000000"),
  "an indefinite array": fromHex("9f ff"),
  "arrays nested 17 deep": joined([repeated(0x81, 17), fromHex("00")]),
  "a repeated key": fromHex("a2 6161 01 6161 02"),
  "the key __proto__": fromHex("a1 69 5f5f70726f746f5f5f a0"),
  "nothing": new Uint8Array(0),
};

for (const [name, state] of Object.entries(stateTraps)) {
  Deno.test(`a machine state with ${name} is refused`, () => {
    const commit = encodeItem({
      kind: "snapshot-commit",
      time: [0, 1],
      epoch: 0,
      state,
      steps: 0,
      digest: 0,
    });
    const sorted = sortedKeys(commit);
    const error = faultOf(decodeAll([frameAll([sorted])]));
    assertEquals(error.reason, "malformed");
    assertEquals(error.field, "state", error.message);
  });
}

/** The commit above is written in key order; this asserts it, so that no test passes by that. */
function sortedKeys(item: Uint8Array): Uint8Array {
  const copy = item.slice();
  checkStructure(copy, { ...limits, items: 100 });
  return copy;
}

Deno.test("data items are counted over all containers", () => {
  const item = (inner: number) =>
    joined(
      Array.from({ length: 20 }, (_, index) =>
        joined([
          fromHex(index === 0 ? "94" : ""),
          fromHex("98"),
          Uint8Array.of(inner),
          repeated(0x80, inner),
        ])),
    );
  // 1 + 20 + 20 * inner
  checkStructure(item(48), limits);
  const error = assertThrows(() => checkStructure(item(49), limits), StructureError);
  assert(error.message.includes("More than 1000 data items"));
});

Deno.test("integers of 2^32 and more are CBOR integers, not floats", () => {
  const [frame] = encodeAll([{ kind: "snapshot-begin", epoch: 2 ** 40 }]);
  const digits = Array.from(frame!, (byte) => byte.toString(16).padStart(2, "0")).join("");
  assert(digits.includes("1b0000010000000000"), digits);
});

Deno.test("a frame that claims more than the bound is refused by its head alone", () => {
  const heads = {
    "one byte more": "82 48 0102030405060708 5a 00400001",
    "2^32 - 1": "82 48 0102030405060708 5a ffffffff",
    "eight bytes of length": "82 48 0102030405060708 5b",
    "indefinite": "82 48 0102030405060708 5f",
    "text": "82 48 0102030405060708 78",
    "no record": "82 48 0102030405060708 40",
    "a longer head than needed": "82 48 0102030405060708 58 17",
    "an array of three": "83",
    "an indefinite array": "9f",
    "a checksum of seven": "82 47",
    "zeros": "00",
  };
  for (const [name, head] of Object.entries(heads)) {
    assertEquals(faultOf(decodeAll([fromHex(head)]), name).reason, "damaged");
    const byByte = Array.from(fromHex(head), (byte) => Uint8Array.of(byte));
    assertEquals(faultOf(decodeAll(byByte), name).reason, "damaged");
  }
});

Deno.test("frames that claim 4 MiB take no memory before their bytes come", () => {
  const head = fromHex("82 48 0102030405060708 5a 00400000 00");
  const before = Deno.memoryUsage();
  const decoders = Array.from({ length: 500 }, () => {
    const decoder = new RecordDecoder();
    decoder.push(head);
    return decoder;
  });
  const after = Deno.memoryUsage();
  const grown = after.external - before.external + after.heapUsed - before.heapUsed;
  assert(grown < 32 * 1024 * 1024, `${grown} bytes for ${decoders.length} frames of 4 MiB`);
});

Deno.test("random bytes in a sound frame never get past the structure check unseen", () => {
  // What the check accepts, cbor-x must decode without an error and to the end.
  let state = 12345;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  let accepted = 0;
  for (let round = 0; round < 20_000; round++) {
    const item = Uint8Array.from({ length: 1 + random() % 12 }, () => random() & 0xff);
    try {
      checkStructure(item, limits);
    } catch (error) {
      assertInstanceOf(error, StructureError);
      continue;
    }
    accepted++;
    const error = faultOf(decodeAll([frameAll([item])]));
    assert(error.field !== undefined, error.message);
  }
  assert(accepted > 300, `${accepted}`);
});

Deno.test("a sound frame around damaged content gives an error, or exactly what was meant", () => {
  // Deterministic encoding: what is accepted must be what an encoder of ours writes for it.
  const items = encodeAll(sampleRecords).map(contentOf).filter((item) => item.length < 2000);
  const item = fc.constantFrom(...items);
  const change = fc.record({
    at: fc.nat(2000),
    remove: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 3 }),
  });
  let accepted = 0;
  fc.assert(
    fc.property(item, fc.array(change, { minLength: 1, maxLength: 3 }), (item, changes) => {
      let content = item;
      for (const { at, remove, insert } of changes) {
        const start = at % content.length;
        content = joined([
          content.subarray(0, start),
          insert,
          content.subarray(Math.min(start + remove, content.length)),
        ]);
        if (content.length === 0) return;
      }
      const log = frameAll([content]);
      const { items, error } = decodeAll([log]);
      if (error !== undefined) return assertMatch(error.reason, /^(malformed|unsupported)$/);
      accepted++;
      assertEquals(joined(encodeAll(items.map((item) => item.record))), log);
    }),
    { numRuns: 5000 },
  );
  assert(accepted > 50, `${accepted}`);
});

/** The record inside a frame. */
function contentOf(frame: Uint8Array): Uint8Array {
  const { headBytes } = readFrameHead(frame) ?? { headBytes: frame.length };
  return frame.subarray(headBytes);
}
