/** Where the primary ends its epochs (design sections 4 and 6), in simulated time. */
import { assert, assertEquals } from "@std/assert";
import { DEFAULT_POLICY } from "../../lib/epoch/policy.ts";
import { POWER_ON_TIME, RATE_SCALE, ticksOf } from "../../lib/epoch/guest_time.ts";
import {
  GuestScript,
  payBill,
  queuePlace,
  sendCommand,
  startDevice,
} from "../board/guest_script.ts";
import { read10, write10 } from "../board/scsi_driver.ts";
import { bootGuest } from "../replay/recording.ts";
import { Rig, scriptedMachine } from "./rig.ts";

const comparator = 0x200_4000;
const uart = 0x1000_0000;
const powerOff = { address: 0x10_0000, value: 0x5555 };
const mie = 0x304;
const machineTimer = 0x80;

/** Epochs that the budget ends and not the clock. */
const FEW_STEPS = 1_000_000;

/** sb t2, 0(t1): stores the byte of the last store again. */
const storeByteAgain = 0x0073_0023;

/** A script that goes to sleep with the timer set, and wakes up but for no other reason. */
const sleeper = (due: bigint) =>
  new GuestScript().csrSet(mie, machineTimer).store(comparator, due, 8).waitForEver();

Deno.test("an undisturbed epoch takes its budget to the step", async () => {
  for (const epochSteps of [1, 1000, 54_321]) {
    const rig = new Rig(scriptedMachine(new GuestScript().loopForEver()), {
      policy: { epochSteps },
      stopAfterEpochs: 20,
    });
    assertEquals(await rig.run(), { kind: "end", reason: "detach" });
    const steps = rig.epochs.map(({ record }) => record.steps);
    // The last one stands for the stop.
    assertEquals(steps, [...new Array(20).fill(epochSteps), 0]);
    assertEquals(rig.epochs.map(({ record }) => record.epoch), steps.map((_, index) => index + 1));
  }
});

Deno.test("an epoch lasts about four milliseconds at most, however slow the guest is", async () => {
  const rig = new Rig(scriptedMachine(new GuestScript().loopForEver()), {
    ticksPerStep: 0.5,
    stopAfterEpochs: 80,
  });
  await rig.run();
  const lasting = rig.epochs.map(({ hostTicks }, index) =>
    hostTicks - (rig.epochs[index - 1]?.hostTicks ?? 0)
  );
  // The first epochs do not know the speed yet: the clock cuts them off, within 50,000 steps.
  for (const ticks of lasting.slice(0, 40)) {
    assert(ticks <= DEFAULT_POLICY.longestTicks + 25_000, `An epoch lasted ${ticks}`);
  }
  for (const ticks of lasting.slice(40, -1)) {
    assert(ticks <= DEFAULT_POLICY.longestTicks * 1.02, `An epoch lasted ${ticks}`);
    assert(ticks >= DEFAULT_POLICY.longestTicks * 0.95, `An epoch lasted ${ticks}`);
  }
});

Deno.test("epochs whose records nobody gets have none, and the machine is the same", async () => {
  const run = async (recording: boolean) => {
    const script = new GuestScript();
    startDevice(script, 0, 3);
    sendCommand(script, 0, [0, 0, 0, 0, 0, 0]);
    const rig = new Rig(scriptedMachine(script.loopForEver()), { stopAfterEpochs: 30 });
    rig.recording = recording;
    await rig.run();
    return { records: rig.epochs.map(({ record }) => record), state: rig.machine.snapshotDigest() };
  };
  const [recorded, unrecorded] = [await run(true), await run(false)];
  assert(recorded.records.every((record) => record.digest.state > 0n));
  assertEquals(unrecorded.records, recorded.records.map(() => undefined as never));
  assertEquals(unrecorded.state, recorded.state);
});

Deno.test("an epoch ends at the very step that issues an operation", async () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  startDevice(script, 1, 2);
  sendCommand(script, 0, [0, 0, 0, 0, 0, 0]);
  sendCommand(script, 1, read10(7, 2), { inBytes: 1024 });
  sendCommand(script, 2, write10(3, 1), { out: new Uint8Array(512).fill(5) });
  payBill(script, 0, Uint8Array.of(1, 2, 3));
  script.store(powerOff.address, powerOff.value);
  const rig = new Rig(scriptedMachine(script));
  assertEquals((await rig.run()).reason, "power-off");
  const issuing = rig.epochs.filter(({ operations }) => operations.length > 0);
  assertEquals(
    issuing.map(({ operations }) =>
      operations.map(({ number, request }) => [number, request.kind])
    ),
    [[[0, "disk-read"]], [[1, "disk-write"]], [[2, "bill-append"]]],
  );

  const again = scriptedMachine(script);
  again.environment = rig.machine.environment;
  let at = 0;
  for (const { record, operations } of rig.epochs) {
    if (operations.length > 0) {
      const step = at + record.steps;
      runTo(again, step - 1);
      assertEquals(again.takeIssued(), []);
      runTo(again, step);
      assertEquals(again.takeIssued(), operations);
    }
    at += record.steps;
  }
});

/** Runs a machine to a step, through whatever stops it on the way. */
function runTo(machine: Rig["machine"], step: number): void {
  while (machine.steps < step) machine.run(step - machine.steps);
}

Deno.test("budgets are short while an operation is outstanding", async () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  sendCommand(script, 0, [0, 0, 0, 0, 0, 0]);
  script.raw(...new Array(8000).fill(0x13));
  sendCommand(script, 1, read10(7, 2), { inBytes: 1024 });
  script.waitFor(queuePlace(0, 2).used + 2, 2).loopForEver();
  const rig = new Rig(scriptedMachine(script), {
    ...{ operationTicks: 100_000, stopAfterEpochs: 40 },
    policy: { epochSteps: FEW_STEPS },
  });
  await rig.run();
  const issued = rig.epochs.findIndex(({ operations }) => operations.length > 0);
  const completed = rig.epochs.findIndex(({ record }) => record.completions.length > 0);
  assert(issued >= 0 && completed > issued + 2, `Issued in ${issued}, completed in ${completed}`);
  const ticksOfEpoch = (index: number) =>
    rig.epochs[index]!.hostTicks - rig.epochs[index - 1]!.hostTicks;
  for (let index = issued + 1; index <= completed; index++) {
    const ticks = ticksOfEpoch(index);
    assert(ticks <= 1.7 * DEFAULT_POLICY.busyTicks, `Epoch ${index} lasted ${ticks} ticks`);
  }
  assertEquals(rig.epochs[completed + 1]!.record.steps, FEW_STEPS);
});

Deno.test("budgets are short while input waits", async () => {
  const rig = new Rig(scriptedMachine(new GuestScript().loopForEver()), {
    stopAfterEpochs: 30,
    policy: { epochSteps: FEW_STEPS },
    afterEpoch({ epochs, arrivals }) {
      // More than the machine takes at once.
      if (epochs.length === 10) arrivals.type(new Uint8Array(5000).fill(65));
    },
  });
  await rig.run();
  const lengths = rig.epochs.map(({ record }) => [record.steps, record.consoleInput.length]);
  assertEquals(lengths[9], [FEW_STEPS, 0]);
  assert(lengths[10]![0]! < 120_000, `${lengths[10]![0]} steps`);
  assertEquals(lengths[10]![1], 4096);
  // There is no room for the rest: nothing waits that the machine can take.
  for (const each of lengths.slice(11, -1)) assertEquals(each, [FEW_STEPS, 0]);
});

Deno.test("an epoch ends at the step in which time reaches the comparator", async () => {
  const due = 185_000n;
  const script = new GuestScript().csrSet(mie, machineTimer).store(comparator, due, 8);
  script.loopForEver();
  const rig = new Rig(scriptedMachine(script), { stopAfterEpochs: 20 });
  await rig.run();
  const fired = rig.epochs.findIndex(({ timerDueTicks }, index) =>
    index > 1 && timerDueTicks === Infinity
  );
  const before = rig.epochs[fired - 1]!.record;
  const { steps, time } = rig.epochs[fired]!.record;
  assert(steps > 1 && steps < DEFAULT_POLICY.epochSteps);
  assert(before.time.base + ticksOf(steps, before.time.rate) >= Number(due), "It is early");
  assert(before.time.base + ticksOf(steps - 1, before.time.rate) < Number(due), "It is late");
  assert(time.base >= Number(due));
});

Deno.test("a comparator that is written in mid-epoch ends the epoch where it is due, and not before", async () => {
  const script = new GuestScript().csrSet(mie, machineTimer);
  // The comparator is 0 at power-on, and pending: it is set far away, then near.
  script.store(comparator, 1n << 40n, 8).raw(...new Array(10_000).fill(0x13));
  script.store(comparator, 10_000n, 8).loopForEver();
  const rig = new Rig(scriptedMachine(script), { stopAfterEpochs: 2 });
  await rig.run();
  const { record: { steps, time }, timerDueTicks } = rig.epochs[0]!;
  assertEquals(steps, Math.ceil(10_000 * RATE_SCALE / POWER_ON_TIME.rate));
  assert(time.base >= 10_000);
  assertEquals(timerDueTicks, Infinity);
});

Deno.test("a guest whose timer is due sooner than an epoch's end takes goes on all the same", async () => {
  // Its handler sets the timer again, 5 microseconds on; the loop behind it counts.
  const machine = await bootGuest("paging", { ramBytes: 8 << 20 });
  const afterEpoch = ({ clock }: Rig) => clock.advance(90);
  const rig = new Rig(machine, { stopAfterEpochs: 1000, afterEpoch });
  await rig.run();
  // The first epochs have no timer yet.
  const interrupted = rig.epochs.slice(-500).map(({ record }) => record.steps);
  const average = interrupted.reduce((sum, steps) => sum + steps, 0) / interrupted.length;
  assert(average > 100, `${average} steps in an epoch, with the handler's 19`);
});

Deno.test("WFI ends its epoch, and an epoch of no step wakes the guest when its timer is due", async () => {
  const due = 5_000_000;
  const rig = new Rig(scriptedMachine(sleeper(BigInt(due))), { stopAfterEpochs: 4 });
  await rig.run();
  const asleep = rig.epochs.findIndex(({ record }) => record.steps === 0);
  const { record, hostTicks, timerDueTicks } = rig.epochs[asleep]!;
  assertEquals(record.time.base, due);
  assertEquals(hostTicks, due);
  assertEquals(timerDueTicks, Infinity);
  // The record of the epoch that ends with WFI was handed out before the guest slept.
  assert(rig.epochs[asleep - 1]!.hostTicks < 1000);
  assert(rig.loop.sleeps <= 2, `It slept ${rig.loop.sleeps} times`);
});

Deno.test("what the guest cannot see does not end its sleep", async () => {
  const due = 5_000_000;
  const rig = new Rig(scriptedMachine(sleeper(BigInt(due))), { stopAfterEpochs: 4 });
  for (const before of [4_000_000, 2000, 100, 1]) {
    rig.loop.after(due - before, () => rig.arrivals.nudge());
  }
  await rig.run();
  const wakings = rig.epochs.filter(({ record }) => record.steps === 0);
  assertEquals(wakings[0]!.record.time.base, due);
});

Deno.test("input wakes a sleeping guest at once, and the time of waking stands in the record", async () => {
  const rig = new Rig(await bootGuest("echo"));
  rig.loop.after(3_000_000, () => rig.arrivals.type(Uint8Array.of(65)));
  rig.loop.after(7_000_000, () => rig.arrivals.type(Uint8Array.of(4)));
  assertEquals((await rig.run()).exitCode, 0);
  const wakings = rig.epochs.filter(({ record }) => record.steps === 0);
  assertEquals(wakings.map(({ record }) => [...record.consoleInput]), [[65], [4]]);
  assertEquals(wakings.map(({ record }) => record.time.base), [3_000_000, 7_000_000]);
});

Deno.test("a completion wakes a guest that waits to be powered off", async () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  sendCommand(script, 0, [0, 0, 0, 0, 0, 0]);
  sendCommand(script, 1, write10(3, 1), { out: new Uint8Array(512).fill(5) });
  script.store(powerOff.address, powerOff.value);
  const rig = new Rig(scriptedMachine(script));
  assertEquals(await rig.run(), { kind: "end", reason: "power-off", exitCode: 0 });
  const last = rig.epochs.at(-1)!;
  assertEquals([last.record.steps, last.record.completions.length], [0, 1]);
  assert(last.record.digest.ram !== undefined, "RAM is digested when the machine powers off");
  assertEquals(rig.devices.disk![3 * 512], 5);
});

Deno.test("an epoch ends when its environment reads reach their bound", async () => {
  const rig = new Rig(await bootGuest("rtc-spin"), { stopAfterEpochs: 50 });
  await rig.run();
  for (const { record } of rig.epochs.slice(0, -1)) assertEquals(record.reads.length, 64);
});

Deno.test("a console that stands still stops the guest in its sleep, and nothing is lost", async () => {
  const script = new GuestScript().store(uart, 0x41, 1).raw(storeByteAgain);
  // jal x0, -4: stores for ever.
  script.raw(0xffdf_f06f);
  let full = 0;
  const machine = scriptedMachine(script);
  const rig = new Rig(machine, {
    afterEpoch({ hypervisor }) {
      if (machine.consoleFull) full++;
      if (machine.consolePosition > 1.1 * 2 ** 20) hypervisor.stop("detach");
    },
  });
  // The console has performed nothing for a second, then all.
  let position = 0;
  const shown: Uint8Array[] = [];
  rig.devices.writeConsole = (at, bytes) => {
    assertEquals(at, position);
    position += bytes.length;
    shown.push(bytes);
    return new Promise(() => {});
  };
  const standing: number[] = [];
  rig.loop.after(10_000_000, () => {
    standing.push(machine.consolePosition);
    rig.arrivals.performed(position);
  });
  await rig.run();
  assertEquals(standing, [2 ** 20]);
  assert(full >= 1 && position > 1.1 * 2 ** 20);
  assert(shown.every((bytes) => bytes.every((byte) => byte === 0x41)));
});

Deno.test("a stop ends a sleeping machine at once, and RAM is digested", async () => {
  const rig = new Rig(scriptedMachine(sleeper(1n << 50n)));
  rig.loop.after(20_000, () => rig.hypervisor.stop("hand-over"));
  rig.loop.after(20_000, () => rig.hypervisor.stop("detach"));
  assertEquals(await rig.run(), { kind: "end", reason: "hand-over" });
  const { record } = rig.epochs.at(-1)!;
  assertEquals([record.steps, record.time.base], [0, 20_000]);
  assert(record.digest.ram !== undefined);
});

Deno.test("a snapshot can be taken of a sleeping machine, and of one that has ended", async () => {
  const moments: [number, boolean][] = [];
  const script = new GuestScript().csrSet(mie, machineTimer).store(comparator, 9_000_000n, 8);
  const rig = new Rig(scriptedMachine(script.raw(0x1050_0073).store(powerOff.address, 0x5555)));
  const snapshot = () => moments.push([rig.hypervisor.epoch, rig.machine.waiting]);
  rig.loop.after(1_000_000, () => rig.hypervisor.atNextEpochEnd(snapshot));
  assertEquals((await rig.run()).reason, "power-off");
  rig.hypervisor.atNextEpochEnd(snapshot);
  assertEquals(moments.length, 1);
  const { record } = rig.epochs[moments[0]![0] - 1]!;
  assertEquals([record.steps, moments[0]![1]], [0, true]);
});

Deno.test("a digest of all RAM stands in the log at least every so many steps", async () => {
  const rig = new Rig(scriptedMachine(new GuestScript().loopForEver()), {
    policy: { epochSteps: 3000, ramDigestSteps: 10_000 },
    stopAfterEpochs: 40,
  });
  await rig.run();
  const digested = rig.epochs.slice(0, -1).map(({ record }) => record.digest.ram !== undefined);
  assertEquals(digested.slice(0, 9), [false, false, false, true, false, false, false, true, false]);
});

Deno.test("the same host gives the same epochs", async () => {
  const records = async () => {
    const rig = new Rig(await bootGuest("clock"));
    await rig.run();
    return rig.epochs.map(({ record }) => record);
  };
  const first = await records();
  assert(first.length > 30);
  assertEquals(await records(), first);
});
