import { assertEquals, assertRejects } from "@std/assert";
import { TransportError } from "../../lib/replica/transport.ts";
import { openExec } from "../../lib/replica/transport_exec.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { readAll, readCount, within } from "./stream_reading.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("bytes go both ways through a command, and its end is the stream's", async () => {
  const stream = openExec("cat");
  assertEquals([stream.direction, stream.identity], ["two-way", undefined]);
  const writer = stream.writable!.getWriter();
  const reader = stream.readable!.getReader();
  for (const word of ["hello", "again"]) {
    await writer.write(bytes(word));
    assertEquals(text(await readCount(reader, 5)), word);
  }
  await writer.close();
  assertEquals((await reader.read()).done, true);
  await stream.close();
});

Deno.test("a megabyte goes through a command and comes back whole", async () => {
  const stream = openExec("cat");
  const sent = new Uint8Array(1 << 20).map((_, i) => (i * 31) & 255);
  const writer = stream.writable!.getWriter();
  const writing = writer.write(sent).then(() => writer.close());
  assertEquals(await readAll(stream.readable!), sent);
  await writing;
  await stream.close();
});

Deno.test("a command that does not read makes the writer wait", async () => {
  const stream = openExec("sleep 0.5; exec cat >/dev/null");
  const writer = stream.writable!.getWriter();
  const writing = writer.write(new Uint8Array(1 << 20));
  assertEquals(await within(100, writing), "still waiting");
  const closing = stream.close();
  await writing.catch(() => {});
  await closing;
});

Deno.test("a command that leaves is a broken pipe for the writer and an end for the reader", async () => {
  const stream = openExec("exit 3");
  assertEquals((await readAll(stream.readable!)).length, 0);
  const writer = stream.writable!.getWriter();
  const error = await assertRejects(
    async () => {
      for (;;) await writer.write(new Uint8Array(1000));
    },
    TransportError,
    "gone away",
  );
  assertEquals([error.gone, error.stream], [true, "exec:exit 3"]);
  await writer.closed.catch(() => {});
  await stream.close();
});

Deno.test("closing ends the command's input and lets it finish its work", () =>
  withFolder(async (folder) => {
    const stream = openExec(`cat >/dev/null; echo done > '${folder}/result'`);
    await stream.writable!.getWriter().write(bytes("x"));
    await Promise.all([stream.close(), stream.close()]);
    await appears(`${folder}/result`, "done\n");
  }));

Deno.test("closing does not kill a command that is stopped, and ends a read that waits for it", () =>
  withFolder(async (folder) => {
    const stream = openExec(`echo $$; kill -STOP $$; cat >/dev/null; echo on > '${folder}/result'`);
    const reader = stream.readable!.getReader();
    const pid = Number(text((await reader.read()).value!));
    const reading = reader.read();
    assertEquals(await within(5000, stream.close()), undefined);
    assertEquals((await reading).done, true);
    // Repeated, because the first may come before the command has stopped.
    await appears(`${folder}/result`, "on\n", () => Deno.kill(pid, "SIGCONT"));
  }));

Deno.test("Ctrl-C, sent to everyone at the terminal, leaves the command running", async () => {
  const stream = openExec("kill -INT $$; echo alive; cat");
  const reader = stream.readable!.getReader();
  assertEquals(text(await readCount(reader, 6)), "alive\n");
  await stream.close();
});

Deno.test("a command that is not there ends the stream", async () => {
  const stream = openExec("exec /no/such/program 2>/dev/null");
  assertEquals((await readAll(stream.readable!)).length, 0);
  await stream.close();
});

async function appears(path: string, contents: string, push = () => {}): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await Deno.readTextFile(path).catch(() => "") === contents) return;
    push();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${path} did not appear`);
}
