/**
 * Whole guests here and on QEMU print the same lines. What real time decides is left out: ticks, and how many timer
 * interrupts there were. Instructions are counted on both, on QEMU with `-icount`.
 */

import { assertEquals } from "@std/assert";
import { hasQemu, runOnQemu } from "../guests/qemu.ts";
import { simulate } from "../guests/simulated_host.ts";

const missing = hasQemu ? "" : " (ignored: qemu-system-riscv64 is not installed)";

const RUNS: readonly (readonly [guest: string, bootArguments: string])[] = [
  ["hello", "quiet exit=7"],
  ["bench", "scale=1"],
  ["paging", "rounds=8 fences"],
];

/** The lines without what depends on real time. */
function timeless(console: Uint8Array): string[] {
  return new TextDecoder().decode(console).split("\n").map((line) =>
    line.replace(/ ticks \d+/, "").replace(/\d+ timer interrupts/, "timer interrupts")
  );
}

for (const [guest, bootArguments] of RUNS) {
  Deno.test({
    name: `${guest} (${bootArguments}) prints the same here and on QEMU${missing}`,
    ignore: !hasQemu,
    fn: async () => {
      const theirs = await runOnQemu(guest, { bootArguments, options: ["-icount", "shift=0"] });
      const ours = await simulate(guest, { bootArguments });
      assertEquals(timeless(ours.console), timeless(theirs.console));
      assertEquals(ours.code, theirs.code);
    },
  });
}
