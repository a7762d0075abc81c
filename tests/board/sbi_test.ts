/** The built-in SBI: each function and each error (RISC-V SBI specification 2.0), and what firmware leaves. */
import { assertEquals } from "@std/assert";
import type { MachineConfiguration } from "../../lib/board/configuration.ts";
import type { Inputs } from "../../lib/board/environment.ts";
import { Machine } from "../../lib/board/machine.ts";
import { sbiExtensions } from "../../lib/board/sbi_extensions.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { GuestScript, instruction, results } from "./guest_script.ts";

const configuration: MachineConfiguration = {
  ramBytes: 2 ** 22,
  disks: [],
  bills: false,
  firmware: "sbi",
};
const base = GuestMemory.ramBase;
const data = base + 0x8_0000;
const ramEnd = base + configuration.ramBytes;

const BASE = 0x10;
const TIME = 0x5449_4d45;
const IPI = 0x73_5049;
const RFENCE = 0x5246_4e43;
const HSM = 0x48_534d;
const SRST = 0x5352_5354;
const DBCN = 0x4442_434e;

const error = (number: number) => BigInt.asUintN(64, BigInt(number));
const SUCCESS = 0n;
const FAILED = error(-1);
const NOT_SUPPORTED = error(-2);
const INVALID_PARAM = error(-3);
const INVALID_ADDRESS = error(-5);
const ALREADY_AVAILABLE = error(-6);
const everyBit = 2n ** 64n - 1n;

const sstatus = 0x100;
const sie = 0x104;
const sip = 0x144;
const STIP = 1n << 5n;
const SSIP = 1n << 1n;

/** One tick every 16 steps. */
const rate = 2 ** 20;

function start(script: GuestScript, more: Partial<MachineConfiguration> = {}): Machine {
  const given = { ...configuration, ...more };
  const machine = Machine.powerOn(given, script.image(given));
  machine.startEpoch({ base: 0, rate });
  return machine;
}

function nextEpoch(machine: Machine, more: Partial<Inputs> = {}): void {
  const inputs = {
    completions: [],
    consoleInput: new Uint8Array(0),
    frames: [],
    consolePerformed: machine.consolePerformed,
    time: { base: machine.time, rate },
    ...more,
  };
  machine.deliver(inputs);
  machine.startEpoch(inputs.time);
}

/** What a call answers: a0 and a1. */
function answer(
  extension: number,
  number: number,
  ...values: readonly (number | bigint)[]
): readonly bigint[] {
  const machine = start(new GuestScript().call(extension, number, ...values).waitForEver());
  // A timer that is set ends the run.
  while (!machine.waiting) machine.run(1000);
  return results(machine.memory, 2);
}

interface Case {
  readonly name: string;
  readonly call: readonly [extension: number, number: number, ...values: (number | bigint)[]];
  readonly answer: readonly [error: bigint, value: bigint];
}

const cases: readonly Case[] = [
  { name: "get_spec_version is 2.0", call: [BASE, 0], answer: [SUCCESS, 0x0200_0000n] },
  { name: "get_impl_id is no registered one", call: [BASE, 1], answer: [SUCCESS, 0x4c53n] },
  { name: "get_impl_version is 1", call: [BASE, 2], answer: [SUCCESS, 1n] },
  ...[BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, 0, 1, 2, 8].map((id): Case => ({
    name: `probe_extension finds 0x${id.toString(16)}`,
    call: [BASE, 3, id],
    answer: [SUCCESS, 1n],
  })),
  ...[3, 4, 7, 9, 0x50_4d55, 0x5355_5350].map((id): Case => ({
    name: `probe_extension does not find 0x${id.toString(16)}`,
    call: [BASE, 3, id],
    answer: [SUCCESS, 0n],
  })),
  { name: "get_mvendorid is 0", call: [BASE, 4], answer: [SUCCESS, 0n] },
  { name: "get_marchid is 0", call: [BASE, 5], answer: [SUCCESS, 0n] },
  { name: "get_mimpid is 0", call: [BASE, 6], answer: [SUCCESS, 0n] },
  { name: "an unknown base function", call: [BASE, 7], answer: [NOT_SUPPORTED, 0n] },
  { name: "an unknown extension", call: [0x1234, 0], answer: [NOT_SUPPORTED, 0n] },
  { name: "set_timer", call: [TIME, 0, 1000], answer: [SUCCESS, 0n] },
  { name: "an unknown timer function", call: [TIME, 1], answer: [NOT_SUPPORTED, 0n] },
  { name: "send_ipi to hart 0", call: [IPI, 0, 1, 0], answer: [SUCCESS, 0n] },
  { name: "send_ipi to every hart", call: [IPI, 0, 77, everyBit], answer: [SUCCESS, 0n] },
  { name: "send_ipi to nobody", call: [IPI, 0, 0, 0], answer: [SUCCESS, 0n] },
  { name: "send_ipi to nobody from hart 9 on", call: [IPI, 0, 0, 9], answer: [SUCCESS, 0n] },
  { name: "send_ipi to hart 1", call: [IPI, 0, 2, 0], answer: [INVALID_PARAM, 0n] },
  { name: "send_ipi to harts 0 and 1", call: [IPI, 0, 3, 0], answer: [INVALID_PARAM, 0n] },
  { name: "send_ipi to hart 64", call: [IPI, 0, 1, 64], answer: [INVALID_PARAM, 0n] },
  ...[0, 1, 2].flatMap((number): Case[] => [
    { name: `remote fence ${number}`, call: [RFENCE, number, 1, 0], answer: [SUCCESS, 0n] },
    {
      name: `remote fence ${number} of 1`,
      call: [RFENCE, number, 2, 0],
      answer: [INVALID_PARAM, 0n],
    },
  ]),
  ...[3, 4, 5, 6, 7].map((number): Case => ({
    name: `remote fence ${number}, without the hypervisor extension`,
    call: [RFENCE, number, 1, 0],
    answer: [NOT_SUPPORTED, 0n],
  })),
  { name: "hart_start of hart 0", call: [HSM, 0, 0, base], answer: [ALREADY_AVAILABLE, 0n] },
  { name: "hart_start of hart 1", call: [HSM, 0, 1, base], answer: [INVALID_PARAM, 0n] },
  { name: "hart_get_status of hart 0: started", call: [HSM, 2, 0], answer: [SUCCESS, 0n] },
  { name: "hart_get_status of hart 1", call: [HSM, 2, 1], answer: [INVALID_PARAM, 0n] },
  { name: "hart_suspend of a reserved type", call: [HSM, 3, 1], answer: [INVALID_PARAM, 0n] },
  {
    name: "hart_suspend of a platform's type",
    call: [HSM, 3, 0x9000_0000],
    answer: [INVALID_PARAM, 0n],
  },
  {
    name: "hart_suspend that resumes outside RAM",
    call: [HSM, 3, 0x8000_0000, 0x1000_0000],
    answer: [INVALID_ADDRESS, 0n],
  },
  {
    name: "hart_suspend that resumes at an odd address",
    call: [HSM, 3, 0x8000_0000, base + 1],
    answer: [INVALID_ADDRESS, 0n],
  },
  { name: "an unknown HSM function", call: [HSM, 4], answer: [NOT_SUPPORTED, 0n] },
  { name: "system_reset of a reserved type", call: [SRST, 0, 3, 0], answer: [INVALID_PARAM, 0n] },
  {
    name: "system_reset of a vendor's type",
    call: [SRST, 0, 0xf000_0000, 0],
    answer: [INVALID_PARAM, 0n],
  },
  {
    name: "system_reset for a reserved reason",
    call: [SRST, 0, 0, 2],
    answer: [INVALID_PARAM, 0n],
  },
  {
    name: "system_reset for a reason of an implementation",
    call: [SRST, 0, 1, 0xe000_0000],
    answer: [INVALID_PARAM, 0n],
  },
  { name: "an unknown reset function", call: [SRST, 1], answer: [NOT_SUPPORTED, 0n] },
  { name: "a debug console write of nothing", call: [DBCN, 0, 0, data, 0], answer: [SUCCESS, 0n] },
  {
    name: "a debug console write beyond RAM",
    call: [DBCN, 0, 2, ramEnd - 1, 0],
    answer: [INVALID_PARAM, 0n],
  },
  {
    name: "a debug console write of everything",
    call: [DBCN, 0, everyBit, data, 0],
    answer: [INVALID_PARAM, 0n],
  },
  {
    name: "a debug console write above 2^64",
    call: [DBCN, 0, 1, data, 1],
    answer: [INVALID_PARAM, 0n],
  },
  { name: "a debug console read of no input", call: [DBCN, 1, 9, data, 0], answer: [SUCCESS, 0n] },
  {
    name: "a debug console read to a device",
    call: [DBCN, 1, 1, 0x1000_0000, 0],
    answer: [INVALID_PARAM, 0n],
  },
  { name: "a debug console byte", call: [DBCN, 2, 0x41], answer: [SUCCESS, 0n] },
  { name: "an unknown debug console function", call: [DBCN, 3], answer: [NOT_SUPPORTED, 0n] },
  // Legacy extensions leave a1 as it was.
  { name: "legacy set_timer", call: [0, 99, 5, 77], answer: [SUCCESS, 77n] },
  { name: "legacy console_putchar", call: [1, 99, 0x41, 77], answer: [SUCCESS, 77n] },
  { name: "legacy console_getchar without input", call: [2, 99, 0, 77], answer: [FAILED, 77n] },
  { name: "a legacy extension that is absent", call: [3, 0, 0, 77], answer: [NOT_SUPPORTED, 0n] },
];

for (const { name, call, answer: expected } of cases) {
  Deno.test(`SBI: ${name}`, () => assertEquals(answer(...call), expected));
}

Deno.test("the cases call every function that comes back at once", () => {
  const called = new Set(cases.map(({ call: [id, number] }) => `${id}/${number}`));
  const returning = sbiExtensions.flatMap(({ id, legacy, functions }) =>
    functions.map(({ name, number }) => ({ name, key: `${id}/${legacy ? 99 : number}` }))
  );
  assertEquals(
    returning.filter(({ key }) => !called.has(key)).map(({ name }) => name),
    ["hart_stop", "shutdown"],
  );
});

Deno.test("the guest is entered in S-mode with what firmware leaves", () => {
  const script = new GuestScript().csrRead(sstatus).csrRead(sie).csrRead(0x180).csrRead(0xc01)
    .csrRead(0xc00).csrRead(0xc02).waitForEver();
  const machine = start(script);
  machine.run(1000);
  const fields = (machine.save().hart as { fields: Record<string, bigint> }).fields;
  assertEquals(fields["privilege"], 1n);
  assertEquals([fields["medeleg"], fields["mideleg"]], [0xb1ffn, 0x222n]);
  assertEquals([fields["mcounteren"], fields["scounteren"]], [7n, 7n]);
  assertEquals(fields["mcause"], 0n);
  const [status, enabled, translation] = results(machine.memory, 6);
  assertEquals([status! & 0x122n, enabled, translation], [0n, 0n, 0n]);
});

Deno.test("a misaligned access of S-mode is done by the hart", () => {
  const script = new GuestScript().place(data, [1, 2, 3, 4, 5, 6, 7, 8, 9]).load(data + 1, 8)
    .waitForEver();
  const machine = start(script);
  machine.run(1000);
  assertEquals(results(machine.memory, 1), [0x0908_0706_0504_0302n]);
});

Deno.test("exceptions of S-mode go to S-mode, and its ECALL is one retired step", () => {
  const machine = start(new GuestScript().call(BASE, 0).waitForEver());
  for (let steps = 1;; steps++) {
    machine.run(1);
    const { a0 } = registersOf(machine);
    if (a0 === 0n && steps > 8) break;
  }
  assertEquals(machine.retired, machine.steps);
  const faulting = start(new GuestScript().load(0x5000_0000));
  faulting.run(7);
  const { fields } = faulting.save().hart as { fields: Record<string, bigint> };
  assertEquals([fields["scause"], fields["privilege"]], [5n, 1n]);
});

function registersOf(machine: Machine): { readonly a0: bigint } {
  const { registers } = machine.save().hart as { registers: readonly bigint[] };
  return { a0: registers[9]! };
}

Deno.test("without the built-in SBI the guest is entered in M-mode and its ECALL traps", () => {
  const script = new GuestScript().call(BASE, 0).waitForEver();
  const plain = { ramBytes: configuration.ramBytes, disks: [], bills: false };
  const machine = Machine.powerOn(plain, script.image(plain));
  machine.startEpoch({ base: 0, rate });
  machine.run(30);
  const { fields } = machine.save().hart as { fields: Record<string, bigint> };
  assertEquals([fields["privilege"], fields["mcause"]], [3n, 1n]);
  assertEquals(machine.save().devices["sbi"], undefined);
});

Deno.test("a timer that is set raises STIP at the epoch's end that reaches it, and ends the run", () => {
  const script = new GuestScript().call(TIME, 0, 100).csrRead(sip).csrRead(sip).waitForEver();
  const machine = start(script);
  assertEquals(machine.timerDueTicks, 2 ** 64);
  const executed = machine.run(100_000);
  assertEquals(machine.timerDueTicks, 100);
  assertEquals(executed < 30, true);
  assertEquals(machine.stepsToTimer, 1600 - executed);
  machine.run(machine.stepsToTimer);
  nextEpoch(machine, { time: { base: 99, rate } });
  assertEquals(machine.timerDueTicks, 100);
  nextEpoch(machine, { time: { base: 100, rate } });
  assertEquals(machine.timerDueTicks, Infinity);
  const { fields } = machine.save().hart as { fields: Record<string, bigint> };
  assertEquals(fields["interruptLines"]! & STIP, STIP);
});

Deno.test("a timer in the past is pending at once, and one that is never due takes that back", () => {
  const script = new GuestScript().call(TIME, 0, 0).csrRead(sip).call(TIME, 0, everyBit)
    .csrRead(sip).waitForEver();
  const machine = start(script);
  for (let n = 0; n < 5; n++) machine.run(1000);
  const [, , pending, , , cleared] = results(machine.memory, 6);
  assertEquals([pending! & STIP, cleared! & STIP], [STIP, 0n]);
  assertEquals(machine.timerDueTicks > Number.MAX_SAFE_INTEGER, true);
});

Deno.test("an IPI to itself is a supervisor software interrupt, which software clears", () => {
  const clear = new GuestScript().call(IPI, 0, 1, 0).csrRead(sip);
  // csrrci x0, sip, 2
  const machine = start(clear.raw(sip << 20 | 2 << 15 | 7 << 12 | 0x73).csrRead(sip).waitForEver());
  machine.run(1000);
  const [, , pending, cleared] = results(machine.memory, 4);
  assertEquals([pending, cleared], [SSIP, 0n]);
});

Deno.test("a retentive suspend waits for an interrupt that sie enables, and comes back with success", () => {
  const script = new GuestScript().csrSet(sie, Number(STIP)).call(TIME, 0, 1000).call(HSM, 3, 0)
    .waitForEver();
  const machine = start(script);
  while (!machine.waiting) machine.run(1000);
  nextEpoch(machine, { time: { base: 999, rate } });
  assertEquals(machine.waiting, true);
  nextEpoch(machine, { time: { base: 1000, rate } });
  assertEquals(machine.waiting, false);
  machine.run(1000);
  assertEquals(results(machine.memory, 4).slice(2), [0n, 0n]);
});

Deno.test("a non-retentive suspend resumes at its address with hart id and opaque value", () => {
  const resume = data;
  const code = new Uint32Array([
    0x00ae_3023, // sd a0, 0(t3)
    0x00be_3423, // sd a1, 8(t3)
    instruction.wfi,
    instruction.jump(-4),
  ]);
  const script = new GuestScript().place(resume, new Uint8Array(code.buffer))
    .csrSet(sie, Number(STIP)).csrSet(sstatus, 2).call(TIME, 0, 1000)
    .call(HSM, 3, 0x8000_0000, resume, 0x1234_5678_9abcn);
  const machine = start(script);
  while (!machine.waiting) machine.run(1000);
  const { fields } = machine.save().hart as { fields: Record<string, bigint> };
  assertEquals([fields["pc"], fields["mstatus"]! & 2n], [BigInt(resume), 0n]);
  nextEpoch(machine, { time: { base: 1000, rate } });
  machine.run(10);
  assertEquals(results(machine.memory, 4).slice(2), [0n, 0x1234_5678_9abcn]);
});

Deno.test("hart_stop with interrupts enabled fails; without, the machine waits for ever", () => {
  const refused = start(
    new GuestScript().csrSet(sstatus, 2).call(HSM, 1).waitForEver(),
  );
  refused.run(1000);
  assertEquals(results(refused.memory, 2), [FAILED, 0n]);
  const machine = start(new GuestScript().csrSet(sie, 0x222).call(TIME, 0, 50).call(HSM, 1));
  while (!machine.waiting) machine.run(1000);
  nextEpoch(machine, { time: { base: 1000, rate } });
  assertEquals([machine.waiting, machine.run(100), machine.power.kind], [true, 0, "on"]);
  const again = restored(machine);
  assertEquals([again.waiting, again.run(100)], [true, 0]);
});

function restored(machine: Machine): Machine {
  const memory = new GuestMemory(configuration.ramBytes);
  memory.write(base, machine.memory.ram.slice());
  const { image, configuration: given } = machine;
  const state = structuredClone(machine.save());
  return Machine.restore({ configuration: given, image, state, operations: [], memory });
}

Deno.test("the timer comparator is in snapshots and digests", () => {
  const waiting = (ticks: number) => {
    const machine = start(new GuestScript().call(TIME, 0, ticks).waitForEver());
    while (!machine.waiting) machine.run(1000);
    return machine;
  };
  const [a, b] = [waiting(5000), waiting(5001)];
  const again = restored(a);
  assertEquals(again.snapshotDigest(), a.snapshotDigest());
  assertEquals([again.timerDueTicks, b.timerDueTicks], [5000, 5001]);
  assertEquals(a.digest() === b.digest(), false);
});

Deno.test("shutdown powers off, with exit code 1 after a system failure; reboot resets", () => {
  const after = (extension: number, ...values: number[]) => {
    const machine = start(new GuestScript().call(extension, 0, ...values).loopForEver());
    machine.run(1000);
    return machine;
  };
  assertEquals(after(SRST, 0, 0).power, { kind: "off", exitCode: 0 });
  assertEquals(after(SRST, 0, 1).power, { kind: "off", exitCode: 1 });
  assertEquals(after(8).power, { kind: "off", exitCode: 0 });
  for (const type of [1, 2]) {
    const machine = after(SRST, type, 0);
    assertEquals(machine.power, { kind: "reset" });
    machine.reset();
    const { fields } = machine.save().hart as { fields: Record<string, bigint> };
    assertEquals([fields["privilege"], fields["pc"]], [1n, BigInt(base)]);
    assertEquals(machine.timerDueTicks, 2 ** 64);
    // It boots again, and comes to its reboot again.
    nextEpoch(machine);
    machine.run(1000);
    assertEquals(machine.power, { kind: "reset" });
  }
});

Deno.test("the debug console writes from memory, at most 4096 bytes in one call", () => {
  const text = new TextEncoder().encode("Hello from S-mode\n");
  const script = new GuestScript().place(data, text).call(DBCN, 0, text.length, data, 0)
    .call(DBCN, 2, 0x121).call(1, 0, 0x22).call(DBCN, 0, 10_000, data, 0).waitForEver();
  const machine = start(script);
  machine.run(1000);
  const output = machine.takeConsoleOutput();
  const shown = new TextDecoder().decode(output.subarray(0, text.length + 2));
  assertEquals([shown, output.length], [`Hello from S-mode\n!"`, text.length + 2 + 4096]);
  assertEquals(results(machine.memory, 8), [
    ...[0n, BigInt(text.length)],
    ...[0n, 0n],
    ...[0n, 0n],
    ...[0n, 4096n],
  ]);
});

Deno.test("the debug console reads what was typed into memory, which counts as written", () => {
  const typed = new TextEncoder().encode("typed");
  const reading = new GuestScript().waitFor(data + 0x100, 1).call(DBCN, 1, 3, data, 0)
    .call(2, 0).call(DBCN, 1, 100, data + 3, 0).call(2, 0).waitForEver();
  const machine = start(reading);
  machine.run(100);
  nextEpoch(machine, { consoleInput: typed });
  machine.memory.write(data + 0x100, Uint8Array.of(1));
  machine.run(1000);
  const [, first, byte, , , rest, none] = results(machine.memory, 8);
  // The UART's FIFO is off, as at power-on; firmware polls it byte by byte.
  assertEquals([first, byte, rest, none], [3n, 0x65n, 1n, FAILED]);
  assertEquals(new TextDecoder().decode(machine.memory.read(data, 4)), "typd");
  assertEquals(machine.memory.writtenPages().includes((data - base) / 4096), true);
});
