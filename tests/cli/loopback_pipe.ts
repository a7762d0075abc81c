/**
 * Standard input and output as a connection to a port of this host, for tests that may not open one.
 *
 *     loopback_pipe.ts PORT
 */
const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
const sending = Deno.stdin.readable.pipeTo(connection.writable).catch(() => {});
await connection.readable.pipeTo(Deno.stdout.writable).catch(() => {});
// Who has been cut off has nothing more to say.
await Promise.race([sending, Promise.resolve()]);
Deno.exit(0);
