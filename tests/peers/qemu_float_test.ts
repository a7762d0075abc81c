/**
 * Floating-point arithmetic against one that we did not write: every instruction with every rounding mode over generated
 * operands, on `qemu-system-riscv64` and on our hart.
 *
 * `LOCKSTEP_QEMU_ROWS`, `LOCKSTEP_QEMU_SEED` and `LOCKSTEP_QEMU_FIRST` (a part of the table) choose another sample.
 */

import { assertEquals } from "@std/assert";
import {
  buildTable,
  generateRows,
  LOOPS,
  MOST_ROWS,
  tableBytes,
  tableDifferences,
} from "./qemu_float_table.ts";
import { runHere } from "./qemu_here.ts";
import { runOnPeer } from "./qemu_peer.ts";
import { ignoredWithoutQemu, missingQemu, setting } from "./qemu_settings.ts";

const DEFAULT_ROWS = 4_096, DEFAULT_SEED = 20_261_128;
const STEPS_PER_RESULT = 16, TIMEOUT_MILLISECONDS = 60_000;
const REPORTED = 10;

const seed = setting("LOCKSTEP_QEMU_SEED", DEFAULT_SEED);
const first = setting("LOCKSTEP_QEMU_FIRST", 0);
const count = setting("LOCKSTEP_QEMU_ROWS", DEFAULT_ROWS);

Deno.test({
  name: `${
    count * LOOPS.length
  } floating-point results and flags are the same here and on QEMU (seed ${seed})${missingQemu}`,
  ignore: ignoredWithoutQemu,
  fn: async () => {
    const failures: string[] = [];
    let different = 0;
    for (let done = 0, part = first; done < count; part++) {
      const rows = generateRows(seed, part, Math.min(MOST_ROWS, count - done));
      const image = buildTable(rows);
      const length = tableBytes(rows.length);
      const theirs = await runOnPeer(image, "plain", length, TIMEOUT_MILLISECONDS);
      const steps = (rows.length + 10) * LOOPS.length * STEPS_PER_RESULT;
      const ours = runHere(image, length, steps, {
        chunk: 1_000_000,
        dropCaches: false,
        engine: "mixed",
      });
      const found = tableDifferences(rows, theirs, ours, REPORTED - failures.length);
      different += found.count;
      failures.push(...found.reports.map((report) => `part ${part}: ${report}`));
      done += rows.length;
    }
    assertEquals(different, 0, `${different} differ. The first:\n${failures.join("\n")}`);
  },
});
