import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ConsoleDiscard,
  ConsoleFile,
  ConsoleOutput,
  type ConsoleSink,
  ConsoleStream,
} from "../../lib/host/console.ts";
import { FaultyFile, systemError } from "./faulty_file.ts";
import { withFolder } from "./temporary_folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test("a console file holds each byte once, also when a promoted machine repeats some", () =>
  withFolder(async (folder) => {
    const path = `${folder}/console`;
    Deno.writeTextFileSync(path, "last week\n");
    const file = new ConsoleFile(path);
    assertEquals(file.base, 10);
    const first = new ConsoleOutput(file);
    first.write(0, bytes("hello, "));
    first.write(7, bytes("wor"));
    await first.flush();
    assertEquals(first.performed, 10);
    await first.close();
    const promoted = new ConsoleOutput(new ConsoleFile(path, 10), 5);
    promoted.write(5, bytes(", world\n"));
    await promoted.close();
    assertEquals(promoted.performed, 13);
    assertEquals(Deno.readTextFileSync(path), "last week\nhello, world\n");
  }));

Deno.test("a new console file has mode 0600", () =>
  withFolder(async (folder) => {
    const output = new ConsoleOutput(new ConsoleFile(`${folder}/console`));
    await output.close();
    assertEquals(Deno.statSync(`${folder}/console`).mode! & 0o777, 0o600);
  }));

Deno.test("a stream goes on from the position known performed, and passes over what it has taken", async () => {
  const out = new SlowOutput();
  out.open();
  const output = new ConsoleOutput(new ConsoleStream(out), 100);
  output.write(100, bytes("abc"));
  output.write(100, bytes("abcdef"));
  output.write(101, bytes("bc"));
  await output.flush();
  assertEquals(text(out.taken), "abcdef");
  assertEquals(output.performed, 106);
  assertThrows(() => output.write(107, bytes("x")), RangeError, "leaves a gap after 106");
});

Deno.test("a slow terminal makes the machine wait and the buffer stays bounded", async () => {
  const out = new SlowOutput();
  const output = new ConsoleOutput(new ConsoleStream(out), 0, 10);
  output.write(0, bytes("0123456789"));
  assert(output.full);
  let waited = false;
  const ready = output.ready().then(() => waited = true);
  await Promise.resolve();
  assert(!waited);
  assertEquals(output.performed, 0);
  out.open();
  await ready;
  assert(!output.full);
  assertEquals(output.performed, 10);
});

Deno.test("what was queued behind a slow write goes out in one piece and in order", async () => {
  const writes: string[] = [];
  const gate = Promise.withResolvers<void>();
  const sink: ConsoleSink = {
    async write(data, position) {
      writes.push(`${position}: ${text(data)}`);
      await gate.promise;
    },
    retry: () => false,
    close() {},
  };
  const output = new ConsoleOutput(sink);
  for (let i = 0; i < 10; i++) output.write(i, bytes(String(i)));
  gate.resolve();
  await output.flush();
  assertEquals(writes, ["0: 0", "1: 123456789"]);
});

Deno.test("a terminal that is gone does not stop the machine, and that is told once", async () => {
  const notes: string[] = [];
  const output = new ConsoleOutput(
    new ConsoleStream({ write: () => Promise.reject(systemError("EPIPE")) }),
    0,
    4,
    (text) => notes.push(text),
  );
  for (let i = 0; i < 10; i++) {
    output.write(i * 4, bytes("lost"));
    await output.ready();
  }
  await output.flush();
  assertEquals(output.performed, 40);
  assert(output.failure?.includes("EPIPE"));
  assertEquals(notes, ["Nobody reads the console output any more; going on without"]);
});

Deno.test("a console file on a full disk is tried again until it fits, and nothing is lost", async () => {
  const file = new FaultyFile(0);
  file.faults.capacity = 3;
  const notes: string[] = [];
  const output = new ConsoleOutput(
    new ConsoleFile("console", 0, () => file),
    0,
    64,
    (text) => notes.push(text.replace(/: .*/, "")),
  );
  output.write(0, bytes("abcdef"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(output.performed, 0);
  assert(output.failure?.includes("ENOSPC"));
  file.faults.capacity = 100;
  await output.flush();
  assertEquals([text(file.bytes), output.performed, output.failure], ["abcdef", 6, undefined]);
  assertEquals(notes, [
    "Cannot write console output, and waits until it can",
    "Console output goes on",
  ]);
  await output.close();
});

Deno.test("closing does not wait for ever, and does not call performed what is not", async () => {
  const file = new FaultyFile(0);
  file.faults.writeError = systemError("ENOSPC");
  const output = new ConsoleOutput(new ConsoleFile("console", 0, () => file), 0, 3);
  output.write(0, bytes("abc"));
  const waiting = Promise.all([output.flush(), output.ready()]);
  await output.close(10);
  await waiting;
  assertEquals([output.performed, file.closed], [0, true]);
  output.write(3, bytes("def"));
  assertEquals(output.accepted, 3);
});

Deno.test("a console that nobody watches performs at once", async () => {
  const sink: ConsoleSink = new ConsoleDiscard();
  const output = new ConsoleOutput(sink);
  output.write(0, bytes("x".repeat(1000)));
  await output.close();
  assertEquals(output.performed, 1000);
});

/** Takes three bytes at a time, once it is opened. */
class SlowOutput {
  #gate = Promise.withResolvers<void>();
  taken: Uint8Array = new Uint8Array(0);

  open(): void {
    this.#gate.resolve();
  }

  async write(data: Uint8Array): Promise<number> {
    await this.#gate.promise;
    const count = Math.min(3, data.length);
    this.taken = new Uint8Array([...this.taken, ...data.subarray(0, count)]);
    return count;
  }
}
