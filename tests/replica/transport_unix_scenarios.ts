/**
 * What must hold of Unix sockets. Each scenario runs in a process of its own, because only there can the
 * one socket path be permitted: `--allow-net=unix:PATH`. Run by `transport_unix_test.ts`.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { TransportError } from "../../lib/replica/transport.ts";
import { connectUnix, UnixListener } from "../../lib/replica/transport_unix.ts";
import { readAll, readCount, within } from "./stream_reading.ts";

const FRESH = { replaceStale: false };

/** Each gets the path that it may use. */
export const SCENARIOS: Readonly<Record<string, (path: string) => Promise<void>>> = {
  async "bytes go both ways, and the end of one direction leaves the other open"(path) {
    const listener = await UnixListener.open(path, FRESH);
    const clients = listener.clients();
    const near = await connectUnix(path);
    const far = (await clients.next()).value!;
    assertEquals([near.direction, far.direction, near.identity], ["two-way", "two-way", undefined]);
    const [up, down] = [near.writable!.getWriter(), far.writable!.getWriter()];
    const big = new Uint8Array(1 << 20).map((_, i) => (i * 13) & 255);
    const sending = up.write(big).then(() => up.close());
    assertEquals(await readAll(far.readable!), big);
    await sending;
    const reader = near.readable!.getReader();
    await down.write(new Uint8Array([4, 5, 6]));
    assertEquals(await readCount(reader, 3), new Uint8Array([4, 5, 6]));
    await far.close();
    assertEquals((await reader.read()).done, true);
    await near.close();
    listener.close();
  },

  async "several clients each have a stream of their own"(path) {
    const listener = await UnixListener.open(path, FRESH);
    const clients = listener.clients();
    const pairs = [];
    for (let i = 1; i <= 3; i++) {
      const near = await connectUnix(path);
      pairs.push([near, (await clients.next()).value!] as const);
    }
    assertEquals(new Set(pairs.map(([, far]) => far.name)).size, 3);
    for (const [index, [near]] of pairs.entries()) {
      const writer = near.writable!.getWriter();
      await writer.write(new Uint8Array([index]));
      await writer.close();
    }
    for (const [index, [near, far]] of pairs.entries()) {
      assertEquals(await readAll(far.readable!), new Uint8Array([index]));
      await near.close();
      await far.close();
    }
    listener.close();
  },

  async "the socket file has mode 0600 and is removed at the end, which ends waiting for clients"(
    path,
  ) {
    const listener = await UnixListener.open(path, FRESH);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    const next = listener.clients().next();
    listener.close();
    listener.close();
    assertEquals((await next).done, true);
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  },

  async "a dead process's socket is replaced only by whoever is told that it may"(path) {
    await leaveStale(path);
    await assertRejects(() => connectUnix(path), TransportError, "nobody listens there");
    await assertRejects(
      () => UnixListener.open(path, FRESH),
      TransportError,
      "a dead process left",
    );
    const listener = await UnixListener.open(path, { replaceStale: true });
    await (await connectUnix(path)).close();
    listener.close();
  },

  async "a socket at which somebody answers is never replaced"(path) {
    const listener = await UnixListener.open(path, FRESH);
    for (const replaceStale of [false, true]) {
      await assertRejects(
        () => UnixListener.open(path, { replaceStale }),
        TransportError,
        "another process listens there",
      );
    }
    await (await connectUnix(path)).close();
    listener.close();
  },

  async "a file that is no socket is never removed"(path) {
    Deno.writeTextFileSync(path, "precious");
    await assertRejects(
      () => UnixListener.open(path, { replaceStale: true }),
      TransportError,
      "choose another path",
    );
    assertEquals(Deno.readTextFileSync(path), "precious");
  },

  async "connecting to nothing says what to do"(path) {
    const error = await assertRejects(() => connectUnix(path), TransportError);
    assert(error.message.includes(path) && error.message.includes("start the other side first"));
  },

  async "a peer that does not read makes the writer wait, and its death is a broken pipe"(path) {
    const listener = await UnixListener.open(path, FRESH);
    const clients = listener.clients();
    const near = await connectUnix(path);
    const far = (await clients.next()).value!;
    const writer = near.writable!.getWriter();
    const writing = writer.write(new Uint8Array(8 << 20));
    assertEquals(await within(100, writing), "still waiting");
    await far.close();
    const error = await assertRejects(() => writing, TransportError, "gone away");
    assertEquals(error.gone, true);
    await writer.closed.catch(() => {});
    await near.close();
    listener.close();
  },

  async "what a dying peer sent is read to the end, although our answers were never read"(path) {
    const listener = await UnixListener.open(path, FRESH);
    const clients = listener.clients();
    const near = await connectUnix(path);
    const far = (await clients.next()).value!;
    await far.writable!.getWriter().write(new Uint8Array(50_000).fill(7));
    await near.writable!.getWriter().write(new Uint8Array([1]));
    await far.close();
    assertEquals((await readAll(near.readable!)).length, 50_000);
    await near.close();
    listener.close();
  },

  async "closing ends a read that waits"(path) {
    const listener = await UnixListener.open(path, FRESH);
    const near = await connectUnix(path);
    const reading = near.readable!.getReader().read().then(() => "over", () => "over");
    assertEquals(await within(20, reading), "still waiting");
    await near.close();
    assertEquals(await within(5000, reading), "over");
    listener.close();
  },
};

/** A socket file with nobody behind it, as a killed process leaves it: `close` would remove it. */
async function leaveStale(path: string): Promise<void> {
  const listener = Deno.listen({ transport: "unix", path });
  Deno.renameSync(path, `${path}.kept`);
  listener.close();
  await Promise.resolve();
  Deno.renameSync(`${path}.kept`, path);
}

if (import.meta.main) {
  const [name, path] = Deno.args;
  await SCENARIOS[name!]!(path!);
  Deno.exit(0);
}
