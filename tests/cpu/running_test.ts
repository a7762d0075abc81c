import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { HartStateError } from "../../lib/cpu/hart.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { encode } from "./assembly.ts";
import { DEVICE, OPEN_MEMORY, RAM, TestMachine } from "./test_machine.ts";

/** Counts x1 up, keeps a running hash of it in memory, and stores to the device now and then. */
function counting(): TestMachine {
  const machine = new TestMachine();
  machine.load(
    RAM,
    encode("auipc", { rd: 5, imm: 0x1000 }),
    encode("lui", { rd: 6, imm: DEVICE }),
    encode("addi", { rd: 1, rs1: 1, imm: 1 }),
    encode("ld", { rd: 2, rs1: 5 }),
    encode("mul", { rd: 2, rs1: 2, rs2: 1 }),
    encode("xori", { rd: 2, rs1: 2, imm: 0x155 }),
    encode("sd", { rs1: 5, rs2: 2 }),
    encode("andi", { rd: 3, rs1: 1, imm: 15 }),
    encode("bne", { rs1: 3, imm: -24 }),
    encode("sw", { rs1: 6, rs2: 2 }),
    encode("jal", { rd: 4, imm: -32 }),
  );
  machine.hart.reset(RAM, 0n, 0n);
  return machine;
}

Deno.test("a run executes exactly the steps that it is given", () => {
  const machine = counting();
  assertEquals(machine.hart.run(2), 2);
  assertEquals(machine.field("pc"), BigInt(RAM + 8));
  assertEquals(machine.hart.run(0), 0);
  assertEquals(machine.hart.run(1_000_003), 1_000_003);
  assertEquals([machine.hart.steps, machine.hart.retired], [1_000_005, 1_000_005]);
});

Deno.test("a run split anywhere, with caches dropped in between, is the same run", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 40 }), fc.boolean(), (pieces, drop) => {
      const whole = counting();
      const split = counting();
      const steps = pieces.reduce((sum, piece) => sum + piece, 0);
      assertEquals(whole.hart.run(steps), steps);
      for (const piece of pieces) {
        assertEquals(split.hart.run(piece), piece);
        if (drop) split.hart.dropCaches();
      }
      assertEquals(split.digest(), whole.digest());
      assertEquals(split.accesses, whole.accesses);
    }),
    { numRuns: 30 },
  );
});

Deno.test("a run that needs the host's help often stops early, and goes on as if it had not", () => {
  const whole = counting();
  whole.hart.run(20_000);
  const split = counting();
  const pieces: number[] = [];
  while (split.hart.steps < 20_000) pieces.push(split.hart.run(20_000 - split.hart.steps, 5));
  // Each stands for up to five stores to the device, 16 rounds of the loop apart.
  assert(pieces.length > 20, `${pieces.length} pieces`);
  assert(pieces.every((steps) => steps > 0));
  assertEquals(split.digest(), whole.digest());
  assertEquals(split.accesses, whole.accesses);
});

Deno.test("a restored machine goes on as the one that was saved", () => {
  const one = counting();
  one.hart.run(12_345);
  const other = new TestMachine();
  other.memory.write(RAM, one.memory.read(RAM, one.memory.ramBytes));
  other.hart.restore(structuredClone(one.hart.save()));
  other.hart.startEpoch();
  one.hart.startEpoch();
  assertEquals(other.digest(), one.digest());
  one.hart.run(54_321);
  other.hart.run(54_321);
  assertEquals(other.digest(), one.digest());
  assertEquals(other.hart.steps, 66_666);
});

Deno.test("a state that no hart can be in is refused and changes nothing", () => {
  const machine = counting();
  machine.hart.run(100);
  const state = machine.hart.save();
  const before = machine.digest();
  const damaged: unknown[] = [
    undefined,
    {},
    { ...state, registers: state.registers.slice(1) },
    { ...state, registers: [...state.registers.slice(1), -1n] },
    ...Object.entries({
      pc: 1n,
      privilege: 2n,
      mstatus: 0n,
      mtvec: 2n,
      satp: 9n << 60n,
      mie: 1n << 12n,
      pmpcfg0: 0x1an,
      pmpcfg2: 1n << 61n,
      waiting: 2n,
      trapsTaken: 101n,
      reservationBytes: 12n,
      mepc: "0",
      stval: 1n << 64n,
    }).map(([name, value]) => ({ ...state, fields: { ...state.fields, [name]: value } })),
  ];
  for (const one of damaged) {
    assertThrows(() => machine.hart.restore(one), HartStateError);
    assertEquals(machine.digest(), before);
  }
});

Deno.test("a device sees how many steps were done before its access", () => {
  const machine = counting();
  machine.hart.run(1_000);
  assertEquals(machine.accesses[0], { size: 4, value: machine.accesses[0]!.value!, steps: 114 });
});

Deno.test("a stop requested by a device ends the run after the access", () => {
  const machine = counting();
  machine.onAccess = () => machine.hart.requestStop();
  assertEquals(machine.hart.run(10_000), 115);
  assertEquals(machine.field("pc"), BigInt(RAM + 40));
  assertEquals(machine.hart.run(10_000), 114);
});

Deno.test("a page counts as written once it is stored to, per epoch", () => {
  const machine = counting();
  machine.hart.startEpoch();
  machine.hart.run(6);
  assertEquals(machine.memory.writtenPages(), []);
  machine.hart.run(1);
  assertEquals(machine.memory.writtenPages(), [1]);
  machine.hart.startEpoch();
  assertEquals(machine.memory.writtenPages(), []);
  machine.hart.run(100);
  assertEquals(machine.memory.writtenPages(), [1]);
});

Deno.test("a reset hart starts at its entry and goes on counting steps", () => {
  const machine = counting();
  machine.hart.run(50);
  machine.hart.reset(RAM + 8, 3n, 4n);
  assertEquals([machine.x(1), machine.x(10), machine.x(11)], [0n, 3n, 4n]);
  assertEquals(machine.field("pc"), BigInt(RAM + 8));
  assertEquals(machine.hart.steps, 50);
});

Deno.test("the end of the largest RAM executes, loads, stores and translates like any other", () => {
  const machine = new TestMachine(GuestMemory.largest);
  const end = RAM + GuestMemory.largest;
  const table = end - 0x4000;
  const VALID = 1n;
  const ALL = 0xcfn;
  machine.load(
    end - 0x1000 - 2,
    encode("sd", { rs1: 2, rs2: 1 }),
    encode("ld", { rd: 3, rs1: 2 }),
    encode("sd", { rs1: 4, rs2: 1 }),
    encode("ld", { rd: 5, rs1: 4 }),
    encode("amoadd.d", { rd: 6, rs1: 2, rs2: 1 }),
  );
  machine.setWord(table + 8, BigInt((table + 0x1000) / 4096) << 10n | VALID);
  machine.setWord(table + 0x1000, BigInt((table + 0x2000) / 4096) << 10n | VALID);
  machine.setWord(table + 0x2000, BigInt((end - 0x2000) / 4096) << 10n | ALL);
  machine.setWord(table + 0x2008, BigInt((end - 0x1000) / 4096) << 10n | ALL);
  machine.hart.reset(0, 0n, 0n);
  machine.set({
    pc: 0x4000_0ffe,
    ...OPEN_MEMORY,
    privilege: 1,
    satp: 8n << 60n | BigInt(table / 4096),
    x1: 42,
    x2: 0x4000_1800,
    x4: 0x4000_17fc,
  });
  assertEquals(machine.hart.run(5), 5);
  assertEquals([machine.x(3), machine.x(5), machine.x(6)], [42n, 42n, 0n]);
  assertEquals(machine.word(end - 0x800), 42n);
  assertEquals(machine.hart.retired, 5);
});
