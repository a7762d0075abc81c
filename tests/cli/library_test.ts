import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BootImage,
  LogReader,
  Machine,
  record,
  RecordingError,
  replay,
  ReplayError,
} from "../../mod.ts";

const configuration = { ramBytes: 4 * 2 ** 20, disks: [], bills: false };

async function poweredOn(guest: string, bootArguments = ""): Promise<Machine> {
  const file = await Deno.readFile(new URL(`../../fixtures/${guest}.elf`, import.meta.url));
  const whole = { ...configuration, bootArguments };
  return Machine.powerOn(whole, BootImage.load(file, whole));
}

/** A log in memory. */
function memory(): { readonly chunks: Uint8Array[]; readonly sink: WritableStream<Uint8Array> } {
  const chunks: Uint8Array[] = [];
  return { chunks, sink: new WritableStream({ write: (chunk) => void chunks.push(chunk) }) };
}

Deno.test("a program records to any stream and replays from any stream", async () => {
  const { chunks, sink } = memory();
  const shown: Uint8Array[] = [];
  const end = await record(await poweredOn("hello", "exit=7"), sink, {
    console: (bytes) => void shown.push(bytes),
  });
  assertEquals(end, { kind: "end", reason: "power-off", exitCode: 7 });
  const again: Uint8Array[] = [];
  const summary = await replay(ReadableStream.from(chunks), {
    console: (bytes) => void again.push(bytes),
  });
  assertEquals(summary.end, end);
  assertEquals(await text(again), await text(shown));
});

Deno.test("a program types at the guest's console", async () => {
  const { sink } = memory();
  const shown: Uint8Array[] = [];
  await record(await poweredOn("echo"), sink, {
    input: ReadableStream.from([new TextEncoder().encode("hello\x04")]),
    console: (bytes) => void shown.push(bytes),
  });
  assert((await text(shown)).includes("hello"));
});

Deno.test("a program stops a recording, and its log ends cleanly", async () => {
  const { chunks, sink } = memory();
  const stop = new AbortController();
  const recording = record(await poweredOn("rtc-spin"), sink, { signal: stop.signal });
  setTimeout(() => stop.abort(), 50);
  assertEquals(await recording, { kind: "end", reason: "detach" });
  const reader = new LogReader(ReadableStream.from(chunks));
  for await (const _item of reader);
  assertEquals(reader.ending?.kind, "clean");
});

Deno.test("a sink that fails stops the recording with an error", async () => {
  const sink = new WritableStream<Uint8Array>({
    write() {
      throw new Error("The tape is full");
    },
  });
  const machine = await poweredOn("rtc-spin");
  await assertRejects(() => record(machine, sink), RecordingError, "The tape is full");
});

Deno.test("a log without the snapshot to enter at is refused, and says how many it has", async () => {
  const { chunks, sink } = memory();
  await record(await poweredOn("hello"), sink);
  await assertRejects(
    () => replay(ReadableStream.from(chunks), { fromSnapshot: 5 }),
    ReplayError,
    "has no whole key snapshot number 5; it has 1",
  );
});

async function text(chunks: readonly Uint8Array[]): Promise<string> {
  return await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
}
