import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { LogError } from "../../lib/log/log_error.ts";
import { RecordDecoder } from "../../lib/log/record_decoder.ts";
import {
  decodeAll,
  encodeAll,
  faultOf,
  joined,
  sampleRecords,
  shortRecords,
} from "./sample_log.ts";

const frames = encodeAll(shortRecords);
const log = joined(frames);

/** How many of the log's records are whole in its first `length` bytes. */
function wholeRecords(length: number): number {
  let records = 0;
  for (let end = 0; records < frames.length; records++) {
    end += frames[records]!.length;
    if (end > length) break;
  }
  return records;
}

Deno.test("a log cut at any byte gives its whole records and says that it stalled", () => {
  for (let length = 0; length < log.length; length++) {
    const { items, ending, error } = decodeAll([log.slice(0, length)]);
    assertEquals(error, undefined, `cut at ${length}`);
    const records = wholeRecords(length);
    assertEquals(items.map((item) => item.record), shortRecords.slice(0, records));
    assertEquals(ending?.kind, "stalled");
    assertEquals(ending?.records, records);
    assertEquals(ending!.byteLength + ending!.truncatedBytes, length);
  }
  assertEquals(decodeAll([log]).ending?.kind, "clean");
});

Deno.test("a log cut at any byte can be continued from there", () => {
  for (let length = 0; length <= log.length; length++) {
    const { items, ending } = decodeAll([log.slice(0, length), log.slice(length)]);
    assertEquals(items.length, shortRecords.length);
    assertEquals(ending?.kind, "clean");
  }
});

Deno.test("any flipped bit is an error at its record, and nothing from there on is delivered", () => {
  for (let offset = 0; offset < log.length; offset++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = log.slice();
      damaged[offset]! ^= 1 << bit;
      const outcome = decodeAll([damaged]);
      const records = wholeRecords(offset);
      const error = faultOf(outcome, `bit ${bit} of byte ${offset}`);
      assertEquals(error.reason, "damaged");
      assertEquals(error.recordNumber, records);
      assertEquals(error.byteOffset, joined(frames.slice(0, records)).length);
      assertEquals(outcome.items.map((item) => item.record), shortRecords.slice(0, records));
    }
  }
});

Deno.test("any byte set to any value is noticed", () => {
  for (let offset = 0; offset < log.length; offset++) {
    for (const value of [0x00, 0x1f, 0x3f, 0x5a, 0x5b, 0x5f, 0x82, 0x9f, 0xff]) {
      if (log[offset] === value) continue;
      const damaged = log.slice();
      damaged[offset] = value;
      const { items, error } = decodeAll([damaged]);
      assertInstanceOf(error, LogError);
      assertEquals(items.length, wholeRecords(offset));
    }
  }
});

Deno.test("swapped, dropped, repeated and inserted records are noticed", () => {
  for (let index = 0; index < frames.length; index++) {
    const before = frames.slice(0, index);
    const [frame, ...after] = frames.slice(index);
    const variants = {
      repeated: [...before, frame!, frame!, ...after],
      dropped: [...before, ...after],
      swapped: after.length === 0 ? undefined : [...before, after[0]!, frame!, ...after.slice(1)],
      inserted: [...before, encodeAll(sampleRecords)[5]!, frame!, ...after],
    };
    for (const [name, variant] of Object.entries(variants)) {
      if (variant === undefined) continue;
      const { items, ending, error } = decodeAll(variant);
      const what = `record ${index} ${name}`;
      if (name === "dropped" && after.length === 0) {
        assertEquals(ending?.kind, "stalled", what);
      } else {
        assertInstanceOf(error, LogError, what);
      }
      assertEquals(
        items.map((item) => item.record),
        shortRecords.slice(0, name === "repeated" ? index + 1 : index),
        what,
      );
    }
  }
});

Deno.test("a record of another stream does not fit into the chain", () => {
  const other = encodeAll([
    { ...shortRecords[0]!, run: "0".repeat(32) } as typeof shortRecords[0] & object,
    ...shortRecords.slice(1),
  ]);
  const { items, error } = decodeAll([...frames.slice(0, 3), ...other.slice(3)]);
  assertInstanceOf(error, LogError);
  assertEquals(items.length, 3);
});

Deno.test("bytes behind the end are an error", () => {
  const outcome = decodeAll([joined([log, Uint8Array.of(0x82)])]);
  assertEquals(faultOf(outcome).reason, "out-of-order");
  assertEquals(outcome.items.length, shortRecords.length);
});

Deno.test("a decoder that found a fault stays at it", () => {
  const decoder = new RecordDecoder();
  const damaged = log.slice();
  damaged[frames[0]!.length + 20]! ^= 1;
  const items = decoder.push(damaged);
  assertEquals(items.length, 1);
  assert(decoder.failure instanceof LogError);
  for (const again of [() => decoder.push(log), () => decoder.finish()]) {
    let error: unknown;
    try {
      again();
    } catch (thrown) {
      error = thrown;
    }
    assertEquals(error, decoder.failure);
  }
});
