/** A disk that fails reaches the guest as an error, stands in the log, and replays equal. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import type { CompletionStatus } from "../../lib/board/operation.ts";
import { replay } from "../../lib/replica/replaying.ts";
import { Seeded } from "../epoch/seeded.ts";
import { epochsOf } from "./log_editing.ts";
import { play, streamOf } from "./playing.ts";
import { recordGuest, type RecordingOptions } from "./recording.ts";
import { assertSameMachine } from "./same_machine.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Records a teller whose disk operations end as `fate` says, by their count; replays it. */
async function tellerWith(
  fate: (count: number) => CompletionStatus,
  bootArguments: string,
  options: RecordingOptions = {},
) {
  const disk = new Uint8Array(2048 * 512);
  let count = 0;
  const recording = await recordGuest("teller", {
    ...{ bootArguments, disk, bills: true },
    ...options,
    fate: ({ kind }) => kind === "bill-append" ? "done" : fate(count++),
  });
  const random = new Seeded(4);
  const summary = await replay(streamOf(recording.log, random));
  assertEquals(summary.end, recording.end);
  const played = await play(recording.log, { random, sliceSteps: 5000, dropCachesOnceIn: 5 });
  assertEquals(played.console, recording.console);
  assertSameMachine(played.machine, recording.machine, "at the end");
  const statuses = epochsOf(recording.log).flatMap(({ completions }) =>
    completions.map(({ status }) => status)
  );
  return { ...recording, statuses };
}

/** What the guest is told, as its driver prints it. */
const reports = {
  "io-error": {
    read: /\[disk\] .* read sector \d+ failed for good \(sense 3\/11\/00\)/,
    other: /\[disk\] .* (write|flush) sector \d+ failed for good \(sense 3\/0c\/00\)/,
  },
  "no-space": {
    read: /\[disk\] .* failed for good/,
    other: /\[disk\] data protect: (write|flush) sector \d+ failed for good \(sense 7\/27\/07\)/,
  },
} as const;

for (const status of ["io-error", "no-space"] as const) {
  for (const failing of [0, 1, 6, 15, 36]) {
    Deno.test(`${status} in disk operation ${failing} stops the teller with its own exit code`, async () => {
      const { end, console, statuses } = await tellerWith(
        (count) => count === failing ? status : "done",
        "burst transfers=60",
      );
      assertEquals(end, { kind: "end", reason: "power-off", exitCode: 20 }, text(console));
      assertEquals(statuses.filter((each) => each !== "done"), [status]);
      assertMatch(text(console), reports[status][failing === 0 ? "read" : "other"]);
      assertMatch(text(console), /teller: the disk failed, stopping\n$/);
    });
  }
}

Deno.test("a disk that fails in everything from some moment on replays equal, too", async () => {
  const { end, statuses } = await tellerWith(
    (count) => count < 25 ? "done" : "io-error",
    "burst transfers=60",
    { snapshotEverySteps: 50_000 },
  );
  assertEquals(end.exitCode, 20);
  assert(statuses.filter((status) => status === "io-error").length >= 1);
});

Deno.test("uncertain interrupts make the driver retry, and the bank stays sound", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const random = new Seeded(seed);
    const { end, console, bills, devices, statuses } = await tellerWith(
      () => random.once(6) ? "uncertain" : "done",
      seed % 2 === 0 ? "burst transfers=40" : "transfers=12 pace=5",
      { seed },
    );
    assertEquals(end.exitCode, 0, text(console));
    assert(statuses.filter((status) => status === "uncertain").length > 2);
    assertMatch(text(console), /\[disk\] unit attention: retrying (read|write|flush) sector \d+\n/);
    const verdict = audit({ disk: devices.disk!, bills, console });
    assertEquals(verdict.findings, []);
    assert(verdict.finished);
  }
});
