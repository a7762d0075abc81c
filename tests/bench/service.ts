/**
 * How long a signal waits while a guest is being recorded, by what the guest does. Acknowledgements, keys
 * and frames come the same way: when the guest's thread looks at what the host has for it.
 *
 *     deno task bench service
 */
import { bareLive, bareMachine, streamInto } from "./bare_machine.ts";
import { printTable } from "./text_table.ts";

const RAM_BYTES = 32 << 20;
const SECONDS = 3;

/** What a guest does, and its name and boot arguments. */
const CASES: readonly (readonly [what: string, guest: string, bootArguments?: string])[] = [
  ["nothing: no guest", ""],
  ["computes", "bench", "scale=10000"],
  ["floating point, traps, devices, in turns", "mixed", "rounds=1000000"],
  ["traps only", "trap-loop"],
  ["reads a device only", "rtc-spin"],
  ["changes its mappings", "paging"],
];

/** Sends signals at irregular moments and says when, in milliseconds since the host's epoch. */
const SENDER = `
  const [pid, sent] = await new Promise((resolve) => self.onmessage = ({ data }) => resolve(data));
  const times = new Float64Array(sent);
  for (let count = 0;; count++) {
    await new Promise((resolve) => setTimeout(resolve, 5 + count * 7 % 13));
    times[0] = performance.timeOrigin + performance.now();
    Deno.kill(pid, "SIGUSR2");
  }`;

/** Measures all cases and prints a table. */
export async function benchService(): Promise<void> {
  const rows = [["a signal waits, ms; the guest", "median", "99 %", "longest"]];
  for (const [what, guest, bootArguments] of CASES) {
    const waits = (await waitsDuring(guest, bootArguments)).toSorted((a, b) => a - b);
    const at = (part: number) =>
      waits[Math.min(waits.length - 1, Math.floor(waits.length * part))]!.toFixed(2);
    rows.push([what, at(0.5), at(0.99), at(1)]);
  }
  printTable(rows);
}

async function waitsDuring(guest: string, bootArguments?: string): Promise<number[]> {
  const sent = new SharedArrayBuffer(8);
  const waits: number[] = [];
  const times = new Float64Array(sent);
  const listener = () => {
    // One that was sent for the case before says nothing.
    if (times[0]! > 0) waits.push(performance.timeOrigin + performance.now() - times[0]!);
  };
  Deno.addSignalListener("SIGUSR2", listener);
  const url = `data:application/javascript,${encodeURIComponent(SENDER)}`;
  const sender = new Worker(url, { type: "module" });
  try {
    const live = guest === "" ? undefined : bareLive(bareMachine(guest, RAM_BYTES, bootArguments));
    live?.logTo(streamInto(() => {}));
    const ended = live?.run();
    // What comes before code is translated is another matter.
    await new Promise((resolve) => setTimeout(resolve, 500));
    sender.postMessage([Deno.pid, sent]);
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    live?.stop("detach");
    await ended;
  } finally {
    sender.terminate();
    Deno.removeSignalListener("SIGUSR2", listener);
  }
  return waits;
}
