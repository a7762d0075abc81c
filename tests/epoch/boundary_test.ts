/** The end of an epoch, the same on every replica. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeliveryError } from "../../lib/board/errors.ts";
import type { Machine } from "../../lib/board/machine.ts";
import { endEpoch } from "../../lib/epoch/boundary.ts";
import { GuestScript } from "../board/guest_script.ts";
import { scriptedMachine } from "./rig.ts";

const finisher = 0x10_0000;
const time = { base: 0, rate: 2 ** 20 };

/** Nothing is delivered but the time. */
const nothing = (machine: Machine) => ({
  completions: [],
  consoleInput: new Uint8Array(0),
  consolePerformed: machine.consolePerformed,
  frames: [],
  time: { base: machine.time, rate: time.rate },
});

function runOut(script: GuestScript): Machine {
  const machine = scriptedMachine(script);
  machine.startEpoch(time);
  while (machine.run(1000) > 0);
  return machine;
}

Deno.test("RAM is digested when it is asked for, and when the machine powers off", () => {
  const off = new GuestScript().store(finisher, 0x5555);
  const asleep = new GuestScript().waitForEver();
  const digestsRam = (script: GuestScript, wanted: boolean) => {
    const machine = runOut(script);
    return endEpoch(machine, nothing(machine), wanted).ram !== undefined;
  };
  assertEquals(digestsRam(asleep, false), false);
  assertEquals(digestsRam(asleep, true), true);
  assertEquals(digestsRam(off, false), true);
});

Deno.test("the digest is of the state after the deliveries", () => {
  const [machine, other] = [1, 2].map(() => runOut(new GuestScript().waitForEver()));
  const inputs = nothing(machine!);
  const typed = { ...inputs, consoleInput: Uint8Array.of(65) };
  const digest = endEpoch(machine!, inputs, false);
  assert(endEpoch(other!, typed, false).state !== digest.state);
  assertEquals(digest.state, machine!.digest());
});

Deno.test("a machine that has asked for a reset is reset behind its epoch", () => {
  const machine = runOut(new GuestScript().store(0x8003_0000, 77).store(finisher, 0x7777));
  const { steps } = machine;
  assertEquals(machine.power.kind, "reset");
  const before = machine.digest();
  const { state } = endEpoch(machine, nothing(machine), false);
  assertEquals(machine.power.kind, "on");
  assertEquals(machine.memory.read(0x8003_0000, 1), Uint8Array.of(0));
  assertEquals(machine.steps, steps, "Steps go on counting");
  assert(state !== machine.digest() && before !== machine.digest());
});

Deno.test("inputs that do not fit are not delivered in part", () => {
  const machine = runOut(new GuestScript().waitForEver());
  const inputs = { ...nothing(machine), consoleInput: Uint8Array.of(65) };
  const before = machine.save();
  for (
    const wrong of [
      { completions: [{ operation: 0, status: "done", blocks: [] } as const] },
      { consolePerformed: 1 },
      { time: { base: machine.time - 1, rate: 1 } },
      { time: { base: machine.time, rate: 0 } },
      { consoleInput: new Uint8Array(5000) },
      { frames: [new Uint8Array(60)] },
    ]
  ) {
    assertThrows(() => endEpoch(machine, { ...inputs, ...wrong }, false), DeliveryError);
    assertEquals(machine.save(), before);
  }
});
