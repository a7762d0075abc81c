import { assertEquals, assertThrows } from "@std/assert";
import type { MachineConfiguration } from "../../lib/board/configuration.ts";
import { DeliveryError, StateError } from "../../lib/board/errors.ts";
import { Machine } from "../../lib/board/machine.ts";
import type { CompletionStatus } from "../../lib/board/operation.ts";
import { fateAtPromotion, slotOf } from "../../lib/board/virtio_slots.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { GuestScript, requestPlace, sendBlkRequest, startDevice } from "./guest_script.ts";

const configuration: MachineConfiguration = {
  ramBytes: 2 ** 22,
  disks: [
    { id: "a", sectors: 64, bus: "blk" },
    { id: "b", sectors: 64 },
    { id: "c", sectors: 64, bus: "blk" },
    { id: "d", sectors: 64, bus: "scsi" },
  ],
  bills: false,
  entropy: true,
};

Deno.test("disks on virtio-blk have a slot each, all others are behind the SCSI controller", () => {
  const slots = [0, 1, 2, 3].map((disk) => slotOf({ kind: "disk-flush", disk }, configuration));
  assertEquals(slots, [4, 0, 5, 0]);
  assertEquals(slotOf({ kind: "entropy", bytes: 1 }, configuration), 3);
  assertEquals(
    slotOf({ kind: "entropy", bytes: 1 }, { ...configuration, entropy: false }),
    undefined,
  );
  const bill = { kind: "bill-append", offset: 0, data: new Uint8Array(1) } as const;
  assertEquals(slotOf(bill, configuration), undefined);
  assertEquals(slotOf(bill, { ...configuration, bills: true }), 1);
});

Deno.test("only SCSI has a word for uncertain", () => {
  const fates = [0, 1, 2, 3].map((disk) =>
    fateAtPromotion({ kind: "disk-flush", disk }, configuration)
  );
  assertEquals(fates, ["again", "uncertain", "again", "uncertain"]);
  assertEquals(fateAtPromotion({ kind: "entropy", bytes: 1 }, configuration), "again");
});

/** A machine whose guest has a write to its second virtio-blk disk outstanding. */
function writing(): Machine {
  // Scripts talk to slot 4, so that disk comes first.
  const disks = [configuration.disks[2]!, configuration.disks[1]!, configuration.disks[0]!];
  const own = { ...configuration, disks };
  const script = new GuestScript();
  startDevice(script, 4, 1);
  sendBlkRequest(script, 0, 1, { sector: 3, out: new Uint8Array(512).fill(1) });
  const machine = Machine.powerOn(own, script.waitForEver().image(own));
  machine.startEpoch({ base: 0, rate: 2 ** 20 });
  machine.run(10_000);
  return machine;
}

function deliver(machine: Machine, status: CompletionStatus): void {
  machine.deliver({
    completions: [{ operation: 0, status, blocks: [] }],
    consoleInput: new Uint8Array(0),
    consolePerformed: 0,
    frames: [],
    time: { base: machine.time, rate: 2 ** 20 },
  });
}

Deno.test("an uncertain completion for virtio-blk is refused, all others are told", () => {
  const machine = writing();
  assertEquals([...machine.outstanding.values()][0]?.request.kind, "disk-write");
  assertThrows(() => deliver(machine, "uncertain"), DeliveryError, "is never uncertain");
  deliver(machine, "no-space");
  assertEquals([...machine.memory.read(requestPlace(0).response, 1)], [1]);
});

Deno.test("a saved operation that is not of its slot's device is refused", () => {
  const machine = writing();
  const state = machine.save();
  const restored = (slot: number, outstanding = state.outstanding[0]!) => {
    const memory = new GuestMemory(configuration.ramBytes);
    memory.write(GuestMemory.ramBase, machine.memory.ram.slice());
    return Machine.restore({
      configuration: machine.configuration,
      image: machine.image,
      state: { ...state, outstanding: [{ ...outstanding, slot }] },
      operations: [...machine.outstanding.values()],
      memory,
    });
  };
  assertEquals(restored(4).snapshotDigest(), machine.snapshotDigest());
  const aborted = { ...state.outstanding[0]!, fate: "aborted" as const };
  assertThrows(() => restored(4, aborted), StateError, "ends no operation early");
  for (const slot of [0, 3, 5, 7]) assertThrows(() => restored(slot), StateError, `slot ${slot}`);
});
