/** `deno task bench [SECTION]`: measures, and tells which goals are reached. */
import { benchDebug } from "./debug.ts";
import { benchGrowth } from "./growth.ts";
import { benchJoin } from "./join.ts";
import { benchKeys } from "./keys.ts";
import { benchLiveDebug } from "./live_debug.ts";
import { benchSeek } from "./seek.ts";
import { benchService } from "./service.ts";
import { benchSnapshots } from "./snapshots.ts";
import { benchSpeed } from "./speed.ts";

const DEFAULT_ROUNDS = 5;
/** Phases of a second or less: what comes before code is translated and optimised is part of them. */
const DEFAULT_SCALE = 300;

/** What can be measured besides speed. */
const sections: Readonly<Record<string, (argument?: string) => Promise<void>>> = {
  // The module asks for the guest as soon as it is loaded.
  linux: async (rounds) => await (await import("./linux.ts")).benchLinux(rounds),
  growth: benchGrowth,
  join: benchJoin,
  service: benchService,
  snapshots: benchSnapshots,
  keys: benchKeys,
  debug: benchDebug,
  seek: benchSeek,
  "live-debug": benchLiveDebug,
};

/** Sections whose argument is a number of rounds. */
const inRounds: ReadonlySet<string> = new Set(["linux", "growth"]);

const USAGE = `deno task bench [ROUNDS [SCALE]]
                               speed, memory and start, beside QEMU and native code, in ${DEFAULT_ROUNDS} rounds;
                               the guest does SCALE (${DEFAULT_SCALE}) percent of its 1.8 G instructions
deno task bench linux [ROUNDS]  Debian's Linux, beside QEMU
deno task bench growth [ROUNDS] how costs grow with length of runs and of epochs, RAM and I/O
deno task bench join            how long a guest stands still when a backup joins
deno task bench service         how long a signal waits for a guest that is busy
deno task bench snapshots       what key snapshots cost a guest that computes
deno task bench keys            how long the echo of a key takes
deno task bench debug [LOG]     how long a debugger waits for a step back, and for "who last wrote?"
deno task bench seek [LOG]      how long the way to any point of an indexed recording is
deno task bench live-debug      what a debugger on a backup costs its primary`;

const [first = `${DEFAULT_ROUNDS}`, second] = Deno.args;
const isCount = (text: string) => /^[1-9]\d{0,3}$/.test(text);
const section = sections[first];
if (section !== undefined && (!inRounds.has(first) || isCount(second ?? "1"))) {
  await section(second);
} else if (isCount(first) && isCount(second ?? "1")) {
  await benchSpeed(Number(first), Number(second ?? DEFAULT_SCALE));
} else {
  console.log(USAGE);
  Deno.exitCode = 64;
}
