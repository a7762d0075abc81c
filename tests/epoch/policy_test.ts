import { assertEquals } from "@std/assert";
import { DEFAULT_POLICY, ramDigestStepsFor } from "../../lib/epoch/policy.ts";

Deno.test("the larger the memory, the rarer it is digested, and never more often than by default", () => {
  const mebibytes = [2, 64, 65, 128, 1024, 2048];
  assertEquals(
    mebibytes.map((size) => ramDigestStepsFor(size * 2 ** 20) / DEFAULT_POLICY.ramDigestSteps),
    [1, 1, 2, 2, 16, 32],
  );
});
