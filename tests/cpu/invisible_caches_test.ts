/** Design invariant 9, on a guest that edits page tables and code without fences. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { paging, type PagingMachine } from "./paging_machine.ts";

const EPOCH_STEPS = 40_000;
const EPOCHS = 12;

function endEpoch({ hart, memory, digester }: PagingMachine): readonly unknown[] {
  hart.save();
  const digest = [digester.state(), digester.pages(memory.writtenPages()), digester.ram()];
  hart.startEpoch();
  return digest;
}

Deno.test("a machine whose caches are dropped at random moments stays the same to the bit", () => {
  const warm = paging();
  const expected = Array.from({ length: EPOCHS }, () => {
    assertEquals(warm.hart.run(EPOCH_STEPS), EPOCH_STEPS);
    return endEpoch(warm);
  });
  assert(warm.hart.retired < warm.hart.steps, "The guest has taken traps");
  fc.assert(
    fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 400 })), (pieces) => {
      const cold = paging();
      for (const digest of expected) {
        for (let left = EPOCH_STEPS; left > 0;) {
          const steps = Math.min(left, pieces.next().value!);
          assertEquals(cold.hart.run(steps), steps);
          cold.hart.dropCaches();
          left -= steps;
        }
        assertEquals(endEpoch(cold), digest);
      }
    }),
    { numRuns: 3 },
  );
});
