/**
 * The machine against one that we did not write: thousands of generated sequences run on `qemu-system-riscv64` and on our
 * hart, and everything that they leave is compared.
 *
 * `LOCKSTEP_QEMU_CASES`, `LOCKSTEP_QEMU_SEED` and `LOCKSTEP_QEMU_FIRST` choose another sample: a long campaign, or one case.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { compressed } from "../../lib/isa/compressed.ts";
import { instructions } from "../../lib/isa/decoder.ts";
import { type Case, generateCase, type Processor } from "./qemu_cases.ts";
import { describeCase, differences } from "./qemu_comparison.ts";
import { CSR_RULES } from "./qemu_csrs.ts";
import { DIFFERENCES } from "./qemu_differences.ts";
import { type HereOptions, runHere } from "./qemu_here.ts";
import { buildImage, readResults, type Result, resultBytes } from "./qemu_image.ts";
import { runOnPeer } from "./qemu_peer.ts";
import { ignoredWithoutQemu, missingQemu, setting } from "./qemu_settings.ts";

const DEFAULT_CASES = 12_000, DEFAULT_SEED = 20_261_124;
const BATCH = 3_000;
/** Generous: a case takes about 60,000 steps here and 100 microseconds there. */
const STEPS_PER_CASE = 400_000, TIMEOUT_MILLISECONDS = 30_000;
const REPORTED = 5;

const peer = { ignore: ignoredWithoutQemu };

/** The ways our side runs a batch: none may make a difference. */
const WAYS: readonly HereOptions[] = [
  { chunk: 1_000_000, dropCaches: false, engine: "mixed" },
  { chunk: 9_973, dropCaches: false, engine: "interpreter" },
  { chunk: 997, dropCaches: false, engine: "mixed" },
  { chunk: 25_013, dropCaches: true, engine: "interpreter" },
  { chunk: 30_011, dropCaches: true, engine: "mixed" },
];

const seed = setting("LOCKSTEP_QEMU_SEED", DEFAULT_SEED);
const first = setting("LOCKSTEP_QEMU_FIRST", 0);
const count = setting("LOCKSTEP_QEMU_CASES", DEFAULT_CASES);

/** Both machines' results for cases of one kind of processor. */
async function runBoth(
  cases: readonly Case[],
  processor: Processor,
  way: HereOptions,
): Promise<{ theirs: Result[]; ours: Result[] }> {
  const image = buildImage(seed, cases);
  const length = resultBytes(cases.length);
  const bytes = await runOnPeer(image, processor, length, TIMEOUT_MILLISECONDS);
  const ours = runHere(image, length, (cases.length + 10) * STEPS_PER_CASE, way);
  return {
    theirs: readResults(bytes, cases.length),
    ours: readResults(ours, cases.length),
  };
}

Deno.test({
  name:
    `${count} generated sequences leave the same state here and on QEMU (seed ${seed})${missingQemu}`,
  ...peer,
  fn: async () => {
    const failures: string[] = [];
    const causes = new Set<bigint>();
    for (let from = first, batch = 0; from < first + count; from += BATCH, batch++) {
      const length = Math.min(BATCH, first + count - from);
      const all = Array.from({ length }, (_, index) => generateCase(seed, from + index));
      for (const processor of ["prioritised", "plain", "counted"] as const) {
        const cases = all.filter((item) => item.processor === processor);
        if (cases.length === 0) continue;
        const way = WAYS[batch % WAYS.length] as HereOptions;
        const { theirs, ours } = await runBoth(cases, processor, way);
        cases.forEach((item, index) => {
          const peerResult = theirs[index] as Result;
          for (const trap of peerResult.traps) causes.add(trap.mcause).add(trap.scause);
          const found = differences(peerResult, ours[index] as Result);
          if (found.length > 0) failures.push(`${found.join("\n")}\n${describeCase(seed, item)}`);
        });
      }
    }
    assertEquals(
      failures.length,
      0,
      `${failures.length} of ${count} cases differ. The first:\n\n${
        failures.slice(0, REPORTED).join("\n\n")
      }`,
    );
    if (count >= DEFAULT_CASES) assertEquals(CAUSES.filter((cause) => !causes.has(cause)), []);
  },
});

const INTERRUPT = 1n << 63n;
/** What a full sample must have met. Machine timer and external interrupts need devices that these guests do not use. */
const CAUSES: readonly bigint[] = [
  ...[1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 11n, 12n, 13n, 15n],
  ...[1n, 3n, 5n, 9n].map((code) => INTERRUPT | code),
];

Deno.test("the generated sequences execute every instruction of the tables", () => {
  const executed = new Set<string>();
  for (let number = 0; number < DEFAULT_CASES; number++) {
    for (const name of generateCase(DEFAULT_SEED, number).names) executed.add(name);
  }
  const all = [...instructions, ...compressed].map(({ name }) => name);
  assertEquals(all.filter((name) => !executed.has(name)), []);
});

Deno.test({
  name: `a machine that executes one instruction differently is caught${missingQemu}`,
  ...peer,
  fn: async () => {
    const cases = Array.from({ length: 40 }, (_, index) => generateCase(DEFAULT_SEED, index))
      .filter((item) => item.processor === "prioritised");
    const image = buildImage(seed, cases);
    const length = resultBytes(cases.length);
    const theirs = readResults(
      await runOnPeer(image, "prioritised", length, TIMEOUT_MILLISECONDS),
      cases.length,
    );
    // The first instruction of the first case becomes one that the peer did not have.
    const changed = cases.map((item, index) => {
      if (index !== 0) return item;
      const code = item.code.slice();
      code.set([0, 0]);
      return { ...item, code };
    });
    const ours = readResults(
      runHere(buildImage(seed, changed), length, 50 * STEPS_PER_CASE, WAYS[0] as HereOptions),
      cases.length,
    );
    const reports = cases.map((_, index) =>
      differences(theirs[index] as Result, ours[index] as Result)
    );
    assert((reports[0] as string[]).length > 0, "The changed case was not noticed");
    assertEquals(reports.slice(1).flat(), []);
  },
});

Deno.test("nothing is left out of the comparison without the sentence that says why", () => {
  for (const { what, sentence, handled } of DIFFERENCES) {
    assertMatch(sentence, /^(Priv|Unpriv)\. \d/, what);
    assert(handled.length > 0, what);
  }
  for (const { name, operand, compared, because } of CSR_RULES) {
    const limited = operand !== undefined || compared !== undefined;
    assert(!limited || because !== undefined, `${name} is limited without a reason`);
  }
});

Deno.test("a report of a differing case says how to run it alone", () => {
  const text = describeCase(7, generateCase(7, 3));
  assertStringIncludes(text, "LOCKSTEP_QEMU_SEED=7 LOCKSTEP_QEMU_FIRST=3 LOCKSTEP_QEMU_CASES=1");
});
