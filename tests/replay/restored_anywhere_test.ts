/** A machine is the same wherever it is saved and restored, also in the middle of an epoch (design section 2). */
import { assert, assertEquals } from "@std/assert";
import { decode, Encoder } from "cbor-x";
import { Machine } from "../../lib/board/machine.ts";
import { Replica } from "../../lib/epoch/replica.ts";
import { Seeded } from "../epoch/seeded.ts";
import { freshOptions, guestCases } from "./guest_cases.ts";
import { enter, recordsOf } from "./log_editing.ts";
import { recordGuest } from "./recording.ts";
import { assertSameMachine } from "./same_machine.ts";

const encoder = new Encoder({ useRecords: false });
const throughCbor = (value: unknown) => decode(encoder.encode(value));

/** Guests with every kind of device. */
const NAMES = [
  "clock",
  "paging",
  "reset",
  "reset on virtio-blk",
  "teller",
  "mixed",
  "net",
] as const;

/** The same replica with another machine, which has nothing of the old one but RAM and a saved state. */
function restored({ machine, epoch, time, progress }: Replica): Replica {
  const { configuration, image, memory } = machine;
  const state = throughCbor(machine.save());
  const operations = [...machine.outstanding.values()].map(throughCbor);
  machine.dropCaches();
  const copy = Machine.restore({ configuration, image, state, operations, memory });
  const replica = new Replica(copy, epoch, time);
  if (progress) replica.resume(progress);
  return replica;
}

for (const name of NAMES) {
  Deno.test(`${name} is replayed by machines that are saved and restored at random moments`, async () => {
    const which = guestCases[name]!;
    const recording = await recordGuest(which.guest, freshOptions(which, { seed: 21 }));
    const records = recordsOf(recording.log);
    const random = new Seeded(4);
    let replica = enter(records);
    let within = 0;
    let outstanding = 0;
    for (const record of records) {
      if (record.kind !== "epoch") continue;
      replica.begin(record);
      while (!replica.advance(random.upTo(record.steps + 1))) {
        if (!random.once(3)) continue;
        replica = restored(replica);
        within++;
        outstanding += replica.machine.outstanding.size;
      }
      if (random.once(2)) replica = restored(replica);
      outstanding += replica.machine.outstanding.size;
    }
    assertSameMachine(replica.machine, recording.machine, "restored again and again");
    assert(within > 5, `Restored ${within} times within an epoch`);
    if (which.diskSectors !== undefined) assert(outstanding > 5, `${outstanding} outstanding`);
    assertEquals(replica.machine.power, recording.machine.power);
  });
}
