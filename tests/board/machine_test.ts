import { assertEquals, assertThrows } from "@std/assert";
import type { MachineConfiguration } from "../../lib/board/configuration.ts";
import type { Inputs, TimeBase } from "../../lib/board/environment.ts";
import { DeliveryError } from "../../lib/board/errors.ts";
import { epochReads, Machine } from "../../lib/board/machine.ts";
import type { Completion } from "../../lib/board/operation.ts";
import {
  GuestScript,
  payBill,
  queuePlace,
  requestPlace,
  results,
  sendCommand,
  startDevice,
} from "./guest_script.ts";
import { read10, write10 } from "./scsi_driver.ts";

const configuration: MachineConfiguration = {
  ramBytes: 2 ** 22,
  disks: [{ id: "disk", sectors: 4096 }],
  bills: true,
};

const uart = 0x1000_0000;
const finisher = 0x10_0000;
const clockLow = 0x10_1000;
const scsi = 0x1000_1000;
const testUnitReady = [0, 0, 0, 0, 0, 0];

/** One tick every 16 steps. */
const rate = 2 ** 20;

function start(script: GuestScript, time: TimeBase = { base: 0, rate }): Machine {
  const machine = Machine.powerOn(configuration, script.image(configuration));
  machine.startEpoch(time);
  return machine;
}

function inputs(machine: Machine, more: Partial<Inputs> = {}): Inputs {
  return {
    completions: [],
    consoleInput: new Uint8Array(0),
    consolePerformed: machine.consolePerformed,
    frames: [],
    time: { base: machine.time, rate },
    ...more,
  };
}

function nextEpoch(machine: Machine, more: Partial<Inputs> = {}): void {
  const given = inputs(machine, more);
  machine.deliver(given);
  machine.startEpoch(given.time);
}

function done(machine: Machine, number: number, data = new Uint8Array(0)): Completion {
  return { operation: number, status: "done", blocks: machine.dmaBlocks(number, data) };
}

Deno.test("the hart enters the image with its id and the device tree's address", () => {
  const a1 = 11;
  const saveRegister = (register: number) => (register << 20 | 28 << 15 | 3 << 12 | 0x23) >>> 0;
  const script = new GuestScript().raw(saveRegister(a1)).waitForEver();
  const machine = start(script);
  machine.run(100);
  assertEquals(results(machine.memory, 1), [BigInt(machine.image.boot.deviceTree)]);
  const tree = machine.memory.read(machine.image.boot.deviceTree, 4);
  assertEquals([...tree], [0xd0, 0x0d, 0xfe, 0xed]);
});

Deno.test("console output has positions and is kept until it is performed", () => {
  const script = new GuestScript();
  for (const byte of new TextEncoder().encode("hello")) script.store(uart, byte, 1);
  const machine = start(script.waitForEver());
  machine.run(1000);
  assertEquals(machine.waiting, true);
  assertEquals(new TextDecoder().decode(machine.takeConsoleOutput()), "hello");
  assertEquals([machine.consolePosition, machine.consolePerformed], [5, 0]);
  nextEpoch(machine, { consolePerformed: 4 });
  assertEquals(new TextDecoder().decode(machine.unperformedConsole()), "o");
  assertEquals(machine.takeConsoleOutput().length, 0);
});

Deno.test("console input reaches the guest at an epoch's end", () => {
  const script = new GuestScript().load(uart + 5, 1).raw(0x13).load(uart + 5, 1).load(uart, 1);
  const machine = start(script.waitForEver());
  machine.run(9);
  nextEpoch(machine, { consoleInput: Uint8Array.of(65) });
  machine.run(1000);
  assertEquals(results(machine.memory, 3), [0x60n, 0x61n, 65n]);
  assertEquals(machine.consoleInputRoom, 4096);
});

Deno.test("power-off ends the run and no further step is taken", () => {
  const machine = start(new GuestScript().store(finisher, 0x3333 + 7 * 65536).loopForEver());
  const steps = machine.run(1000);
  assertEquals(steps < 10, true);
  assertEquals(machine.power, { kind: "off", exitCode: 7 });
  assertEquals([machine.run(1000), machine.waiting], [0, true]);
});

Deno.test("an issued operation ends the run at the notification", () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  sendCommand(script, 0, testUnitReady);
  sendCommand(script, 1, write10(3, 1), { out: new Uint8Array(512).fill(5) });
  const machine = start(script.loopForEver());
  const steps = machine.run(100_000);
  assertEquals(steps < 1000, true);
  const issued = machine.takeIssued();
  assertEquals(issued, [{
    number: 0,
    request: { kind: "disk-write", disk: 0, sector: 3, data: new Uint8Array(512).fill(5) },
  }]);
  assertEquals(machine.takeIssued(), []);
  assertEquals([...machine.outstanding.keys()], [0]);
  assertEquals(machine.run(100), 100);
  nextEpoch(machine, { completions: [done(machine, 0)] });
  assertEquals(machine.outstanding.size, 0);
  const { used } = queuePlace(0, 2);
  assertEquals([...machine.memory.read(used, 4)], [0, 0, 2, 0]);
  const response = machine.memory.read(requestPlace(1).response, 12);
  assertEquals([response[10], response[11]], [0, 0]);
});

Deno.test("a completion interrupts through the PLIC and wakes the guest", () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  sendCommand(script, 0, testUnitReady);
  script.store(0xc00_0004, 1).store(0xc00_2000, 2).csrSet(0x304, 0x800);
  script.store(scsi + 0x064, 1).load(0xc20_0004).store(0xc20_0004, 1);
  sendCommand(script, 1, read10(3, 1), { inBytes: 512 });
  script.raw(0x1050_0073).load(0xc20_0004).load(scsi + 0x060).store(finisher, 0x5555);
  const machine = start(script);
  machine.run(100_000);
  machine.run(100_000);
  assertEquals(machine.waiting, true);
  nextEpoch(machine);
  assertEquals(machine.waiting, true);
  const data = Uint8Array.from({ length: 512 }, (_, index) => index % 7);
  nextEpoch(machine, { completions: [done(machine, 0, data)] });
  assertEquals(machine.waiting, false);
  machine.run(1000);
  assertEquals(results(machine.memory, 3), [1n, 1n, 1n]);
  assertEquals(machine.power, { kind: "off", exitCode: 0 });
  const place = requestPlace(1).data;
  assertEquals(machine.memory.read(place, 100), data.subarray(0, 100));
  assertEquals(machine.memory.read(place + 512, 412), data.subarray(100));
});

function writing(end: (script: GuestScript) => void): Machine {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  sendCommand(script, 0, testUnitReady);
  sendCommand(script, 1, write10(3, 1), { out: new Uint8Array(512) });
  end(script);
  const machine = start(script);
  machine.run(100_000);
  return machine;
}

Deno.test("power-off and reset wait for outstanding operations", () => {
  for (const [command, kind] of [[0x5555, "off"], [0x7777, "reset"]] as const) {
    const machine = writing((script) => script.store(finisher, command).loopForEver());
    machine.run(100_000);
    assertEquals([machine.power.kind, machine.waiting, machine.run(10)], ["on", true, 0]);
    nextEpoch(machine);
    assertEquals([machine.power.kind, machine.run(10)], ["on", 0]);
    nextEpoch(machine, { completions: [done(machine, 0)] });
    assertEquals([machine.power.kind, machine.run(10)], [kind, 0]);
  }
});

Deno.test("a device reset waits for outstanding operations, and the guest goes on after it", () => {
  const machine = writing((script) =>
    script.store(scsi + 0x070, 0).load(scsi + 0x070).store(uart, 65, 1).waitForEver()
  );
  machine.run(100_000);
  assertEquals([machine.waiting, machine.run(10)], [true, 0]);
  nextEpoch(machine);
  assertEquals(machine.waiting, true);
  nextEpoch(machine, { completions: [{ operation: 0, status: "uncertain", blocks: [] }] });
  assertEquals(machine.waiting, false);
  machine.run(1000);
  assertEquals(results(machine.memory, 1), [0n]);
  assertEquals(machine.consolePosition, 1);
});

Deno.test("a reset starts the guest again while steps, operations and positions go on counting", () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  sendCommand(script, 0, testUnitReady);
  sendCommand(script, 1, write10(3, 1), { out: new Uint8Array(512) });
  const flag = 0x8010_0000;
  script.store(uart, 65, 1).load(flag).store(flag, 1).store(finisher, 0x7777);
  const machine = start(script);
  const round = (operation: number) => {
    machine.run(100_000);
    assertEquals([...machine.outstanding.keys()], [operation]);
    machine.run(100_000);
    nextEpoch(machine, { completions: [done(machine, operation)] });
    assertEquals(machine.power.kind, "reset");
    assertEquals(results(machine.memory, 1), [0n]);
    machine.reset();
    assertEquals(machine.power.kind, "on");
    assertEquals(machine.memory.read(flag, 4), new Uint8Array(4));
    machine.startEpoch({ base: machine.time, rate });
  };
  round(0);
  const { steps } = machine;
  round(1);
  assertEquals(machine.steps, 2 * steps);
  assertEquals(machine.consolePosition, 2);
});

Deno.test("a machine that was not asked to refuses to be reset", () => {
  const machine = start(new GuestScript().loopForEver());
  assertThrows(() => machine.reset(), Error, "has not asked");
});

Deno.test("time goes by the steps, and the budget to the timer is exact", () => {
  const script = new GuestScript().store(0x200_4000, 20n, 8).loopForEver();
  const machine = start(script, { base: 3, rate });
  assertEquals([machine.stepsToTimer, machine.timerDueTicks], [Infinity, Infinity]);
  machine.run(1000);
  assertEquals(machine.timerDueTicks, 20);
  assertEquals(machine.stepsToTimer, 17 * 16 - machine.steps);
  machine.run(machine.stepsToTimer - 1);
  assertEquals(machine.time, 19);
  machine.run(1);
  assertEquals([machine.time, machine.stepsToTimer], [20, 0]);
  nextEpoch(machine);
  assertEquals([machine.timerDueTicks, machine.stepsToTimer], [Infinity, Infinity]);
});

Deno.test("the timer wakes a waiting guest at the end of an epoch", () => {
  const script = new GuestScript().csrSet(0x304, 0x80).store(0x200_4000, 1000n, 8);
  const machine = start(script.raw(0x1050_0073).store(uart, 65, 1).waitForEver());
  machine.run(1000);
  machine.run(1000);
  assertEquals([machine.waiting, machine.timerDueTicks], [true, 1000]);
  nextEpoch(machine, { time: { base: 999, rate } });
  assertEquals(machine.waiting, true);
  nextEpoch(machine, { time: { base: 1000, rate } });
  assertEquals(machine.waiting, false);
  machine.run(1000);
  assertEquals(machine.consolePosition, 1);
});

Deno.test("clock reads ask the environment, and many of them end the run", () => {
  const script = new GuestScript();
  for (let count = 0; count < 100; count++) script.load(clockLow);
  const machine = start(script.waitForEver());
  let reads = 0;
  machine.environment = { read: () => BigInt(reads++) };
  machine.run(100_000);
  assertEquals(reads, epochReads);
  nextEpoch(machine);
  machine.run(100_000);
  assertEquals([reads, machine.waiting], [100, true]);
  assertEquals(results(machine.memory, 100)[99], 99n);
});

Deno.test("a machine without an environment says so when it is asked", () => {
  const machine = start(new GuestScript().load(clockLow).waitForEver());
  assertThrows(() => machine.run(100), Error, "no environment");
});

Deno.test("a console that is never performed stops the guest until it is", () => {
  // A loop that prints: sb t2, 0(t1) with t1 = UART.
  const script = new GuestScript().store(uart, 65, 1).raw(0x0073_0023, 0xffdf_f06f);
  const machine = start(script);
  while (!machine.waiting) {
    machine.run(2 ** 24);
    assertEquals(machine.takeConsoleOutput().length <= 65_536, true);
    nextEpoch(machine);
  }
  assertEquals([machine.consoleFull, machine.consolePosition], [true, 2 ** 20]);
  assertEquals(machine.run(10), 0);
  nextEpoch(machine, { consolePerformed: 10 });
  assertEquals([machine.consoleFull, machine.waiting], [false, false]);
  assertEquals(machine.run(10), 10);
});

Deno.test("bills are appended at their positions", () => {
  const script = new GuestScript();
  startDevice(script, 1, 2);
  payBill(script, 0, Uint8Array.of(1, 2, 3));
  payBill(script, 1, Uint8Array.of(4, 5));
  const machine = start(script.waitForEver());
  machine.run(100_000);
  machine.run(100_000);
  assertEquals(machine.takeIssued().map(({ request }) => request), [
    { kind: "bill-append", offset: 0, data: Uint8Array.of(1, 2, 3) },
    { kind: "bill-append", offset: 3, data: Uint8Array.of(4, 5) },
  ]);
});

Deno.test("inputs that do not fit the machine are refused and change nothing", () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  startDevice(script, 1, 2);
  sendCommand(script, 0, testUnitReady);
  sendCommand(script, 1, read10(3, 1), { inBytes: 512 });
  payBill(script, 0, Uint8Array.of(1));
  const machine = start(script.store(uart, 65, 1).waitForEver());
  while (!machine.waiting) machine.run(100_000);
  const good = done(machine, 0, new Uint8Array(512));
  const [first, second] = good.blocks;
  const failed = { operation: 0, status: "io-error", blocks: [] } as const;
  const bad: [Partial<Inputs>, string][] = [
    [{ completions: [{ ...good, operation: 2 }] }, "not outstanding"],
    [{ completions: [{ ...good, operation: -1 }] }, "not outstanding"],
    [{ completions: [good, good] }, "not outstanding"],
    [{ completions: [{ ...good, status: "lost" as "done" }] }, "unknown status"],
    [{ completions: [{ ...good, blocks: [] }] }, "scatter list"],
    [{ completions: [{ ...good, blocks: [second!, first!] }] }, "scatter list"],
    [{ completions: [{ ...good, blocks: [first!, second!, second!] }] }, "scatter list"],
    [{ completions: [{ ...good, blocks: [{ ...first!, address: 0 }, second!] }] }, "scatter list"],
    [
      { completions: [{ ...good, blocks: [first!, { ...second!, data: new Uint8Array(1) }] }] },
      "scatter list",
    ],
    [{ completions: [{ ...failed, blocks: good.blocks }] }, "scatter list"],
    [{ completions: [{ operation: 1, status: "uncertain", blocks: [] }] }, "never uncertain"],
    [{ consoleInput: new Uint8Array(4097) }, "over the room"],
    [{ consolePerformed: 2 }, "position 2"],
    [{ consolePerformed: -1 }, "position -1"],
    [{ frames: [new Uint8Array(60)] }, "over the room of 0"],
    [{ time: { base: machine.time - 1, rate } }, "time base"],
    [{ time: { base: 0.5, rate } }, "time base"],
    [{ time: { base: Number.MAX_SAFE_INTEGER, rate } }, "time base"],
    [{ time: { base: machine.time, rate: 0 } }, "rate 0"],
    [{ time: { base: machine.time, rate: 2 ** 24 + 1 } }, "rate"],
  ];
  const before = machine.digest();
  for (const [more, message] of bad) {
    const given = inputs(machine, { completions: [good], ...more });
    assertThrows(() => machine.deliver(given), DeliveryError, message);
    assertEquals(machine.digest(), before, message);
  }
  assertThrows(() => machine.startEpoch({ base: -1, rate }), DeliveryError);
  nextEpoch(machine, { completions: [failed, done(machine, 1)], consolePerformed: 1 });
  assertEquals(machine.outstanding.size, 0);
});

Deno.test("read data of another length than the operation's is refused", () => {
  const script = new GuestScript();
  startDevice(script, 0, 3);
  sendCommand(script, 0, testUnitReady);
  sendCommand(script, 1, read10(3, 1), { inBytes: 512 });
  const machine = start(script.waitForEver());
  machine.run(100_000);
  assertThrows(() => machine.dmaBlocks(0, new Uint8Array(511)), RangeError);
  assertThrows(() => machine.dmaBlocks(1, new Uint8Array(512)), RangeError);
});
