/**
 * Stands between a primary and its backup, and measures how long the backup takes to answer: from a piece of the
 * log that comes while nothing is unanswered to the next answer.
 *
 *     lockstep primary … --to 'exec:deno run … acknowledgement_meter.ts FILE COMMAND …'
 *
 * COMMAND is the backup, on standard input and output; FILE gets the latencies in milliseconds, as JSON.
 */
const [path, command, ...args] = Deno.args;
const backup = new Deno.Command(command!, { args, stdin: "piped", stdout: "piped" }).spawn();
const latencies: number[] = [];
let asked: number | undefined;

async function relay(
  from: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
  passed: () => void,
): Promise<void> {
  const writer = to.getWriter();
  for await (const bytes of from) {
    passed();
    await writer.write(bytes);
  }
  await writer.close();
}

await Promise.allSettled([
  relay(Deno.stdin.readable, backup.stdin, () => asked ??= performance.now()),
  relay(backup.stdout, Deno.stdout.writable, () => {
    if (asked !== undefined) latencies.push(performance.now() - asked);
    asked = undefined;
  }),
]);
await backup.status;
await Deno.writeTextFile(path!, JSON.stringify(latencies));
