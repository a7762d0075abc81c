/** The log of a machine that has been promoted (design section 3). */
import { assert, assertEquals } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import { replay } from "../../lib/replica/replaying.ts";
import { Seeded } from "../epoch/seeded.ts";
import { epochsOf, recordsOf } from "./log_editing.ts";
import { play, streamOf } from "./playing.ts";
import { recordGuest, type Recording } from "./recording.ts";
import { assertSameMachine } from "./same_machine.ts";
import { copiedUntil, killedAfter, succeed } from "./succession.ts";

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
  for (let epoch = 40; epoch < 100; epoch += 5) {
    const { primary, disk } = await killedTeller(epoch);
    const { sink, copy } = copiedUntil(primary.log, epoch);
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

Deno.test("on virtio-blk a promotion at any epoch performs again, tells nobody, and replays equal", async () => {
  let again = 0;
  for (let epoch = 5; epoch < 110; epoch += 5) {
    const disk = new Uint8Array(2048 * 512);
    const primary = await recordGuest("teller", {
      ...{ bootArguments, disk, bus: "blk", bills: true, policy, stopAfterEpochs: epoch },
    });
    const replica = killedAfter(recordsOf(primary.log), epoch);
    const { bills, console } = primary;
    const successor = await succeed(replica, { disk, bills, console });
    again += successor.unknown.length;
    assertEquals(
      successor.notes.map((text) => /^Operation (\d+), .*: performed again$/.exec(text)?.[1]),
      successor.unknown.map(({ number }) => `${number}`),
    );
    assertEquals(successor.end.exitCode, 0);
    const told = { bills: successor.devices.bills.bytes, console: successor.devices.console.bytes };
    assertEquals(audit({ disk, ...told }).findings, [], `killed after epoch ${epoch}`);
    assert(!new TextDecoder().decode(told.console).includes("retrying"));
    const played = await play(successor.log, { random: new Seeded(epoch), sliceSteps: 20_000 });
    assertSameMachine(played.machine, replica.machine, `killed after epoch ${epoch}`);
  }
  assert(again > 20, `Only ${again} operations were outstanding`);
});

Deno.test("one promotion tells SCSI that it is uncertain and performs virtio-blk and random bytes again", async () => {
  const mixes = new Set<string>();
  for (let epoch = 24; epoch < 200; epoch += 3) {
    const disks = [new Uint8Array(256 * 512), new Uint8Array(256 * 512)] as const;
    const primary = await recordGuest("mixed", {
      ...{ disk: disks[0], blkDisk: disks[1], entropy: true, policy, stopAfterEpochs: epoch },
    });
    const replica = killedAfter(recordsOf(primary.log), epoch);
    const successor = await succeed(replica, { disk: disks, console: primary.console });
    const kinds = successor.unknown.map(({ request }) =>
      "disk" in request ? `disk ${request.disk}` : request.kind
    );
    mixes.add([...new Set(kinds)].sort().join(", "));
    assertEquals(successor.end.exitCode, 0);
    assertEquals(disks[0], disks[1], `killed after epoch ${epoch}`);
    const played = await play(successor.log, { random: new Seeded(epoch), sliceSteps: 20_000 });
    assertSameMachine(played.machine, replica.machine, `killed after epoch ${epoch}`);
  }
  for (const mix of ["disk 0, disk 1", "disk 0, disk 1, entropy"]) {
    assert(mixes.has(mix), `No promotion with ${mix}, but ${[...mixes].join("; ")}`);
  }
});
