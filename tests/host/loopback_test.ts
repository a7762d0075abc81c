import { assertEquals, assertRejects } from "@std/assert";
import { connectionsOf } from "../../lib/host/loopback.ts";

const { BadResource, ConnectionAborted, ConnectionReset, Interrupted, NotConnected } = Deno.errors;

/** A listener at which these come in turn. */
function listenerOf(...comers: readonly (Error | string)[]): Deno.TcpListener {
  const left = [...comers];
  const accept = (): Promise<unknown> => {
    const next = left.shift();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  };
  return { accept } as unknown as Deno.TcpListener;
}

async function comersOf(listener: Deno.TcpListener): Promise<unknown[]> {
  return await Array.fromAsync(connectionsOf(listener));
}

Deno.test("who has gone before it was looked at does not end the listening, closing does", async () => {
  const gone = [new NotConnected(), new ConnectionReset(), new ConnectionAborted()];
  for (const end of [new BadResource(), new Interrupted()]) {
    assertEquals(await comersOf(listenerOf("one", ...gone, "two", end)), ["one", "two"]);
  }
  await assertRejects(
    () => comersOf(listenerOf("one", new Error("no more files"))),
    Error,
    "files",
  );
});
