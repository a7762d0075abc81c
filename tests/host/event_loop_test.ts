import { assert, assertEquals } from "@std/assert";
import { hostLoop } from "../../lib/host/event_loop.ts";

Deno.test("a loop that is never idle hears from its streams about every millisecond", async () => {
  const child = new Deno.Command("cat", { stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.getReader();
  const rounds = 50;
  let turns = 0;
  for (let round = 0; round < rounds; round++) {
    await writer.write(new Uint8Array([round]));
    let answered = false;
    const reading = reader.read().then(() => answered = true);
    while (!answered) {
      busy(0.5);
      await hostLoop.turn();
      turns++;
    }
    await reading;
  }
  // Two to three turns to the next look; with one immediate for each turn it is 59.
  assert(turns / rounds < 10, `${turns / rounds} turns for an answer`);
  await writer.close();
  await reader.cancel();
  await child.status;
});

Deno.test("a sleep ends at its time, or as soon as it is woken", async () => {
  const before = performance.now();
  await hostLoop.sleep(200_000, new Promise(() => {}));
  const slept = performance.now() - before;
  assert(slept >= 19 && slept < 5000, `${slept} ms`);
  const wake = Promise.withResolvers<void>();
  setTimeout(() => wake.resolve(), 5);
  const woken = performance.now();
  await hostLoop.sleep(600_000_000, wake.promise);
  await hostLoop.sleep(undefined, Promise.resolve());
  await hostLoop.sleep(10, new Promise(() => {}));
  assert(performance.now() - woken < 5000);
});

Deno.test("a repeated action is called until it is stopped", async () => {
  let calls = 0;
  const stop = hostLoop.every(20_000, () => calls++);
  while (calls < 3) await hostLoop.sleep(20_000, new Promise(() => {}));
  stop();
  const then = calls;
  await hostLoop.sleep(100_000, new Promise(() => {}));
  assertEquals(calls, then);
});

function busy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}
