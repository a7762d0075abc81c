/** The log of a machine that has been promoted (design section 3). */
import { assert, assertEquals } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import { RecordDecoder } from "../../lib/log/record_decoder.ts";
import { LogCopy } from "../../lib/replica/log_copy.ts";
import { replay } from "../../lib/replica/replaying.ts";
import { Seeded } from "../epoch/seeded.ts";
import { epochsOf, recordsOf } from "./log_editing.ts";
import { play, streamOf } from "./playing.ts";
import { MemorySink, recordGuest, type Recording } from "./recording.ts";
import { assertSameMachine } from "./same_machine.ts";
import { killedAfter, succeed } from "./succession.ts";

const bootArguments = "burst transfers=40";
const policy = { ramDigestSteps: 100_000 };

/** The teller on a new disk, killed after an epoch: what it had dispatched is performed. */
async function killedTeller(epoch: number): Promise<{ primary: Recording; disk: Uint8Array }> {
  const disk = new Uint8Array(2048 * 512);
  const primary = await recordGuest("teller", {
    ...{ bootArguments, disk, bills: true, policy },
    stopAfterEpochs: epoch,
  });
  return { primary, disk };
}

Deno.test("the bank is sound after a promotion at any epoch, and the new log replays equal", async () => {
  let uncertain = 0;
  for (let epoch = 5; epoch < 110; epoch += 5) {
    const { primary, disk } = await killedTeller(epoch);
    const replica = killedAfter(recordsOf(primary.log), epoch);
    const { bills, console } = primary;
    const successor = await succeed(replica, { disk, bills, console });
    uncertain += successor.unknown.length;
    // The teller's driver takes up again what it was told to be uncertain.
    assertEquals(
      successor.notes.flatMap((text) =>
        /^Operation (\d+), .*: retried as operation \d+$/.exec(text)?.[1] ?? []
      ).sort(),
      successor.unknown.filter(({ request }) => request.kind !== "bill-append")
        .map(({ number }) => `${number}`).sort(),
    );
    assertEquals(successor.end.exitCode, 0);
    const { findings, finished } = audit({
      disk,
      bills: successor.devices.bills.bytes,
      console: successor.devices.console.bytes,
    });
    assertEquals(findings, [], `killed after epoch ${epoch}`);
    assert(finished);
    const summary = await replay(streamOf(successor.log, new Seeded(epoch)));
    assertEquals(summary.end, successor.end);
    const played = await play(successor.log, { random: new Seeded(epoch), sliceSteps: 20_000 });
    assertSameMachine(played.machine, replica.machine, `killed after epoch ${epoch}`);
  }
  assert(uncertain > 20, `Only ${uncertain} operations were outstanding`);
});

Deno.test("a log that goes through a promotion replays as one, uncertain interrupts and all", async () => {
  let uncertain = 0;
  for (let epoch = 40; epoch < 100; epoch += 9) {
    const { primary, disk } = await killedTeller(epoch);
    const sink = new MemorySink();
    const copy = new LogCopy(sink.stream, (reason) => {
      throw new Error(reason);
    });
    for (const item of new RecordDecoder().push(primary.log)) {
      const { record } = item;
      if (record.kind === "end" || (record.kind === "epoch" && record.epoch > epoch)) break;
      copy.add(item);
    }
    const replica = killedAfter(recordsOf(primary.log), epoch);
    const { bills, console } = primary;
    const successor = await succeed(replica, { disk, bills, console, copy: copy.log, policy });
    const whole = sink.bytes;
    const promotion = epochsOf(whole).find(({ term }) => term !== undefined)!;
    assertEquals([promotion.epoch, promotion.steps, promotion.term], [epoch + 1, 0, 2]);
    uncertain += promotion.completions.length;
    assert(promotion.completions.every(({ status }) => status === "uncertain"));

    const shown: Uint8Array[] = [];
    const summary = await replay(streamOf(whole, new Seeded(epoch)), {
      console: (bytes) => void shown.push(bytes),
    });
    assertEquals(summary.terms, [2]);
    assertEquals(summary.end, successor.end);
    assertEquals(
      new Uint8Array(await new Blob(shown as BlobPart[]).arrayBuffer()),
      successor.devices.console.bytes,
    );
    const played = await play(whole, { random: new Seeded(epoch), sliceSteps: 20_000 });
    assertSameMachine(played.machine, replica.machine, `promoted after epoch ${epoch}`);
  }
  assert(uncertain > 5, `Only ${uncertain} uncertain interrupts`);
});
