import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { LogDecoderStream, LogReader } from "../../lib/log/log_reader.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import type { LogItem } from "../../lib/log/record_decoder.ts";
import { chunksOf, encodeAll, joined, sampleRecords } from "./sample_log.ts";

const log = joined(encodeAll(sampleRecords));

async function collect(items: AsyncIterable<LogItem>): Promise<{
  records: LogRecord[];
  error: Error | undefined;
}> {
  const records: LogRecord[] = [];
  try {
    for await (const item of items) records.push(item.record);
  } catch (error) {
    return { records, error: error as Error };
  }
  return { records, error: undefined };
}

Deno.test("what a writer writes, a reader reads", async () => {
  const pipe = new TransformStream<Uint8Array, Uint8Array>();
  const writer = new LogWriter(pipe.writable);
  const reader = new LogReader(pipe.readable);
  const read = collect(reader);
  for (const record of sampleRecords) {
    await writer.ready;
    await writer.write(record);
  }
  assertEquals(writer.records, sampleRecords.length);
  assertEquals(writer.byteLength, log.length);
  await writer.close();
  assertEquals((await read).records, sampleRecords);
  assertEquals(reader.ending, {
    kind: "clean",
    records: sampleRecords.length,
    byteLength: log.length,
    truncatedBytes: 0,
  });
});

Deno.test("a writer refuses a record out of order before anything is written", async () => {
  const chunks: Uint8Array[] = [];
  const writer = new LogWriter(new WritableStream({ write: (chunk) => void chunks.push(chunk) }));
  assertThrows(() => writer.write(sampleRecords[1]!), LogError);
  await writer.write(sampleRecords[0]!);
  assertEquals(joined(chunks), encodeAll(sampleRecords)[0]);
});

Deno.test("a write fails with the error of its sink", async () => {
  const sink = new WritableStream<Uint8Array>({
    write: () => Promise.reject(new Error("Disk is full")),
  });
  const writer = new LogWriter(sink);
  writer.ready.catch(() => {});
  await assertRejects(() => writer.write(sampleRecords[0]!), Error, "Disk is full");
});

for (const size of [1, 3, 100, 5000, log.length]) {
  Deno.test(`a log read in chunks of ${size} bytes is the same log`, async () => {
    const reader = new LogReader(ReadableStream.from(chunksOf(log, [size])));
    assertEquals((await collect(reader)).records, sampleRecords);
    assertEquals(reader.ending?.kind, "clean");
    const decoder = new LogDecoderStream();
    const piped = ReadableStream.from(chunksOf(log, [size])).pipeThrough(decoder);
    assertEquals((await collect(piped)).records, sampleRecords);
    assertEquals(decoder.ending?.kind, "clean");
  });
}

Deno.test("a log that just stops ends without an error, as stalled", async () => {
  const reader = new LogReader(ReadableStream.from([log.slice(0, log.length - 5)]));
  const { records, error } = await collect(reader);
  assertEquals(error, undefined);
  assertEquals(records.length, sampleRecords.length - 1);
  assertEquals(reader.ending?.kind, "stalled");
  assert(reader.ending!.truncatedBytes > 0);
});

Deno.test("every sound record before a fault comes out of a reader and of a pipe", async () => {
  const frames = encodeAll(sampleRecords);
  const damaged = log.slice();
  const faulty = 12;
  damaged[joined(frames.slice(0, faulty)).length + 30]! ^= 1;
  for (const size of [1000, log.length]) {
    const source = () => ReadableStream.from(chunksOf(damaged, [size]));
    const streams = [new LogReader(source()), source().pipeThrough(new LogDecoderStream())];
    for (const stream of streams) {
      const { records, error } = await collect(stream);
      assertInstanceOf(error, LogError);
      assertEquals((error as LogError).recordNumber, faulty);
      assertEquals(records, sampleRecords.slice(0, faulty));
    }
  }
});

Deno.test("a record out of order stops a reader behind the sound ones", async () => {
  const wrong = encodeAll([...sampleRecords.slice(0, 11), sampleRecords[10]!]);
  const { records, error } = await collect(new LogReader(ReadableStream.from(wrong)));
  assertInstanceOf(error, LogError);
  assertEquals((error as LogError).reason, "out-of-order");
  assertEquals((error as LogError).recordNumber, 11);
  assertEquals(records.length, 11);
});

Deno.test("an error of the source reaches the reader of the log", async () => {
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new Error("Pipe broke"));
    },
  });
  const { error } = await collect(new LogReader(source));
  assertEquals(error?.message, "Pipe broke");
});

Deno.test("leaving a reader early cancels its source", async () => {
  let cancelled = false;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(log.slice());
    },
    cancel() {
      cancelled = true;
    },
  });
  for await (const item of new LogReader(source)) {
    if (item.number === 3) break;
  }
  assert(cancelled);
});

Deno.test("reading takes time in proportion to the log, also in small chunks", async () => {
  // Three records of 1 MiB in chunks of 64 bytes: quadratic copying would take minutes.
  const record: LogRecord = {
    kind: "snapshot-pages",
    of: "ram",
    pages: Array.from({ length: 256 }, (_, page) => page),
    data: new Uint8Array(256 * 4096).fill(3),
  };
  const big = joined(encodeAll([...sampleRecords.slice(0, 2), record, record, record]));
  const start = performance.now();
  const { records } = await collect(new LogReader(ReadableStream.from(chunksOf(big, [64]))));
  assertEquals(records.length, 5);
  assert(performance.now() - start < 10_000);
});
