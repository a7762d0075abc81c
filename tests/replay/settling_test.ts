/** Reset, power-off and device reset wait for outstanding operations (design section 5), also in a replay. */
import { assert, assertEquals } from "@std/assert";
import { Seeded } from "../epoch/seeded.ts";
import { scriptedMachine } from "../epoch/rig.ts";
import {
  GuestScript,
  queuePlace,
  results,
  sendCommand,
  startDevice,
} from "../board/guest_script.ts";
import { write10 } from "../board/scsi_driver.ts";
import { play } from "./playing.ts";
import { recordGuest, recordMachine } from "./recording.ts";
import { assertSameMachine } from "./same_machine.ts";

const finisher = 0x10_0000;
const slotStatus = 0x1000_1070;

/** What the guest has asked the finisher for: 0 nothing, 1 power-off, 2 reset. */
const requestOf = (machine: { save(): { devices: Record<string, unknown> } }) =>
  (machine.save().devices["finisher"] as { request: number }).request;

Deno.test("from its request on, the machine takes no step until its operations have settled", async () => {
  const disk = new Uint8Array(1024 * 512);
  const { log, console, end } = await recordGuest("reset", { disk, seed: 6 });
  assertEquals(end.exitCode, 0, new TextDecoder().decode(console));
  /** Most operations that were outstanding at a request, and epochs that passed until it took effect. */
  const waits = { 1: { outstanding: 0, epochs: 0 }, 2: { outstanding: 0, epochs: 0 } };
  let boots = 0;
  await play(log, {
    beforeEpoch({ steps, completions }, { machine }) {
      const request = requestOf(machine) as 0 | 1 | 2;
      if (request === 0) return;
      assertEquals(steps, 0, "A step behind the request");
      const { size } = machine.outstanding;
      assert(size > 0 && machine.power.kind === "on" && machine.waiting);
      const wait = waits[request];
      wait.outstanding = Math.max(wait.outstanding, size);
      wait.epochs++;
      if (request === 2 && completions.length === size) boots++;
    },
  });
  assertEquals(boots, 1);
  for (const wait of Object.values(waits)) {
    assert(wait.outstanding > 2 && wait.epochs > 1, JSON.stringify(waits));
  }
});

Deno.test("a device reset waits for the device's operations, and the replay for the log", async () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  sendCommand(script, 0, [0, 0, 0, 0, 0, 0]);
  sendCommand(script, 1, write10(3, 1), { out: new Uint8Array(512).fill(5) });
  sendCommand(script, 2, write10(4, 1), { out: new Uint8Array(512).fill(6) });
  // Reset with two writes outstanding; the status reads 0 once they have settled.
  script.store(slotStatus, 0).load(slotStatus);
  // The rings are the driver's to clear, before the device is started again.
  script.store(queuePlace(0, 2).available + 2, 0, 2).store(queuePlace(0, 2).used + 2, 0, 2);
  startDevice(script, 0, 3);
  sendCommand(script, 0, [0, 0, 0, 0, 0, 0]);
  script.waitFor(queuePlace(0, 2).used + 2, 1).load(slotStatus);
  script.store(finisher, 0x5555);

  const disk = new Uint8Array(4096 * 512);
  const recording = await recordMachine(scriptedMachine(script), {
    ...{ disk, epochSteps: 50, snapshotEverySteps: 50 },
  });
  assertEquals(recording.end, { kind: "end", reason: "power-off", exitCode: 0 });
  assertEquals([disk[3 * 512], disk[4 * 512]], [5, 6]);
  assertEquals(results(recording.machine.memory, 2), [0n, 0xfn]);

  let waited = 0;
  const straight = await play(recording.log, {
    beforeEpoch({ steps }, { machine }) {
      const slot = machine.save().devices["virtio-0"] as unknown as { resetPending: number };
      if (slot.resetPending === 0) return;
      assertEquals(steps, 0);
      assert(machine.outstanding.size > 0);
      waited++;
    },
  });
  assert(waited > 0 && straight.snapshots > 4);
  for (let fromSnapshot = 0; fromSnapshot < straight.snapshots; fromSnapshot++) {
    const played = await play(recording.log, {
      ...{ fromSnapshot, random: new Seeded(fromSnapshot), sliceSteps: 30 },
    });
    assertSameMachine(played.machine, recording.machine, `from snapshot ${fromSnapshot}`);
  }
});
