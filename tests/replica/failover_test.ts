/** Failover scenarios: real machines on a stage, whose processes and cables fail at chosen moments. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Cable } from "./stage/cable.ts";
import { Stage } from "./stage/stage.ts";

Deno.test("a backup follows its primary to a clean end and leaves with it", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable] });
  const backup = stage.backup(cable);
  assertEquals((await primary.ended).reason, "power-off");
  const outcome = await backup.outcome;
  assertEquals(outcome.kind === "ended" && outcome.end.exitCode, 0);
  assertEquals(stage.audit().sound, true);
});

Deno.test("a backup takes over from a killed primary and the auditor is satisfied", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: "transfers=40 pace=5" });
  const backup = stage.backup(cable);
  await stage.until(() => stage.consoleText().includes("receipt 10 "), "ten receipts");
  assertEquals(primary.live.roster.protection, "protected");
  primary.kill();
  primary.freeLock();
  const promoted = await backup.promoted;
  assertEquals((await promoted.ended).exitCode, 0);
  assertEquals(stage.audit().sound, true);
  assertStringIncludes(backup.notes.join("\n"), "the record names this backup");
});
