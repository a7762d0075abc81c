/** Random guests on both engines. `deno task engines` runs more of them. */
import fc from "fast-check";
import { translating } from "./on_both_engines.ts";
import { compareEngines } from "./random_guest_comparison.ts";

Deno.test("random guests in random modes and address spaces do the same on both engines", () => {
  translating(() => {
    fc.assert(
      fc.property(fc.noShrink(fc.integer({ min: 0, max: 2 ** 31 - 1 })), compareEngines),
      { numRuns: 30 },
    );
  });
});
