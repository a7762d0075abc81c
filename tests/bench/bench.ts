/** `deno task bench [SECTION]`: measures, and tells which goals are reached. */
import { benchDebug } from "./debug.ts";
import { benchGrowth } from "./growth.ts";
import { benchJoin } from "./join.ts";
import { benchKeys } from "./keys.ts";
import { benchLiveDebug } from "./live_debug.ts";
import { benchSpeed } from "./speed.ts";

const DEFAULT_ROUNDS = 5;

/** What can be measured besides speed. */
const sections: Readonly<Record<string, (argument?: string) => Promise<void>>> = {
  // The module asks for the guest as soon as it is loaded.
  linux: async (rounds) => await (await import("./linux.ts")).benchLinux(rounds),
  growth: benchGrowth,
  join: benchJoin,
  keys: benchKeys,
  debug: benchDebug,
  "live-debug": benchLiveDebug,
};

const USAGE =
  `deno task bench [ROUNDS]       speed, memory and start, beside QEMU and native code (${DEFAULT_ROUNDS} rounds)
deno task bench linux [ROUNDS] Debian's Linux, beside QEMU
deno task bench growth [ROUNDS] how costs grow with epochs, RAM and I/O
deno task bench join           how long a guest stands still when a backup joins
deno task bench keys           how long the echo of a key takes
deno task bench debug [LOG]    how long a debugger waits for a step back
deno task bench live-debug [ROUNDS] what a debugger at a backup costs the primary`;

const [first = `${DEFAULT_ROUNDS}`, argument] = Deno.args;
const section = sections[first];
if (section !== undefined) await section(argument);
else if (/^[1-9]\d*$/.test(first)) await benchSpeed(Number(first));
else {
  console.log(USAGE);
  Deno.exitCode = 64;
}
