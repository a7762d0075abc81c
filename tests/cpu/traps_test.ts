import { assertEquals } from "@std/assert";
import { encode } from "./assembly.ts";
import { DEVICE, OPEN_MEMORY, RAM, TestMachine } from "./test_machine.ts";

const CSR = { mstatus: 0x300, mie: 0x304, mip: 0x344, minstret: 0xb02, satp: 0x180, sie: 0x104 };
const HANDLER = RAM + 0x1000;
const INTERRUPT = 1n << 63n;

/** A machine about to execute these instructions, in a mode, with both trap vectors set. */
function at(privilege: number, ...words: readonly number[]): TestMachine {
  const machine = new TestMachine();
  machine.load(RAM, ...words);
  machine.hart.reset(RAM, 0n, 0n);
  machine.set({ ...OPEN_MEMORY, privilege, mtvec: HANDLER, stvec: HANDLER + 0x100 });
  return machine;
}

function trapOf(machine: TestMachine): readonly bigint[] {
  return ["mcause", "mepc", "mtval", "pc"].map((name) => machine.field(name));
}

const csrWrite = (csr: number, rs1: number) => encode("csrrw", { csr, rs1 });

Deno.test("a trap is a step that retires nothing", () => {
  const machine = at(3, encode("addi", { rd: 1, imm: 5 }), encode("ecall"));
  assertEquals(machine.hart.run(2), 2);
  assertEquals(trapOf(machine), [11n, BigInt(RAM + 4), 0n, BigInt(HANDLER)]);
  assertEquals([machine.hart.steps, machine.hart.retired], [2, 1]);
});

Deno.test("an illegal instruction traps with its bits", () => {
  const wide = at(3, 0xffff_ffff);
  wide.hart.run(1);
  assertEquals(trapOf(wide), [2n, BigInt(RAM), 0xffff_ffffn, BigInt(HANDLER)]);
  const narrow = at(3, 0x1234_8002);
  narrow.hart.run(1);
  assertEquals(trapOf(narrow), [2n, BigInt(RAM), 0x8002n, BigInt(HANDLER)]);
  const noSuchCsr = encode("csrrs", { rd: 1, csr: 0x7c0 });
  const csr = at(3, noSuchCsr);
  csr.hart.run(1);
  assertEquals(trapOf(csr), [2n, BigInt(RAM), BigInt(noSuchCsr), BigInt(HANDLER)]);
});

Deno.test("a fetch from where there is no memory traps at the target, endlessly", () => {
  const machine = at(3, encode("lui", { rd: 1, imm: 0x1000 }), encode("jalr", { rs1: 1 }));
  machine.set({ mtvec: 0x2000 });
  assertEquals(machine.hart.run(1_000), 1_000);
  assertEquals(trapOf(machine), [1n, 0x2000n, 0x2000n, 0x2000n]);
  assertEquals(machine.hart.retired, 2);
});

Deno.test("a load or store outside memory and devices is an access fault", () => {
  const load = at(3, encode("lw", { rd: 1, rs1: 2, imm: 4 }));
  load.set({ x1: 7, x2: 0x4000 });
  load.hart.run(1);
  assertEquals(trapOf(load), [5n, BigInt(RAM), 0x4004n, BigInt(HANDLER)]);
  assertEquals(load.x(1), 7n);
  const store = at(3, encode("sd", { rs1: 2, rs2: 1, imm: -8 }));
  store.set({ x2: RAM + store.memory.ramBytes + 8 });
  store.hart.run(1);
  assertEquals(trapOf(store)[0], 7n);
});

Deno.test("a misaligned access to RAM works and one to a device faults", () => {
  const machine = at(3, encode("sd", { rs1: 2, rs2: 1 }), encode("ld", { rd: 3, rs1: 2 }));
  machine.set({ x1: 0x1122_3344_5566_7788n, x2: RAM + 0x1ffb });
  machine.hart.startEpoch();
  machine.hart.run(2);
  assertEquals(machine.x(3), 0x1122_3344_5566_7788n);
  assertEquals(machine.memory.writtenPages(), [1, 2]);
  const device = at(3, encode("lh", { rd: 1, rs1: 2 }));
  device.set({ x2: DEVICE + 1 });
  device.hart.run(1);
  assertEquals([trapOf(device)[0], device.accesses.length], [5n, 0]);
});

Deno.test("a store that ends beyond RAM faults there and writes nothing", () => {
  const machine = at(3, encode("sd", { rs1: 2, rs2: 1 }));
  const end = RAM + machine.memory.ramBytes;
  machine.set({ x1: -1n & 0xffn, x2: end - 3 });
  machine.hart.startEpoch();
  machine.hart.run(1);
  assertEquals(trapOf(machine).slice(0, 3), [7n, BigInt(RAM), BigInt(end)]);
  assertEquals([machine.word(end - 8), machine.memory.writtenPages()], [0n, []]);
});

Deno.test("a delegated exception goes to S-mode, and never from M-mode", () => {
  const user = at(0, encode("ecall"));
  user.set({ medeleg: 1 << 8 });
  user.hart.run(1);
  assertEquals([user.field("scause"), user.field("sepc")], [8n, BigInt(RAM)]);
  assertEquals([user.field("privilege"), user.field("pc")], [1n, BigInt(HANDLER + 0x100)]);
  const machine = at(3, encode("ebreak"));
  machine.set({ medeleg: 1 << 3 });
  machine.hart.run(1);
  assertEquals(machine.field("mcause"), 3n);
});

Deno.test("an interrupt that a CSR write enables is taken before the next instruction", () => {
  const machine = at(3, csrWrite(CSR.mie, 1), encode("addi", { rd: 3, imm: 1 }));
  machine.set({ x1: 0x80, mstatus: machine.field("mstatus") | 8n });
  machine.hart.setInterrupt(7, true);
  assertEquals(machine.hart.run(2), 2);
  assertEquals(trapOf(machine), [INTERRUPT | 7n, BigInt(RAM + 4), 0n, BigInt(HANDLER)]);
  assertEquals([machine.hart.steps, machine.hart.retired, machine.x(3)], [2, 1, 0n]);
});

Deno.test("an interrupt that a device raises is taken before the next instruction", () => {
  const machine = at(3, encode("sw", { rs1: 2 }), encode("addi", { rd: 3, imm: 1 }));
  machine.set({ x2: DEVICE, mie: 1 << 11, mstatus: machine.field("mstatus") | 8n });
  machine.onAccess = () => machine.hart.setInterrupt(11, true);
  machine.hart.run(2);
  assertEquals([machine.field("mcause"), machine.field("mepc")], [
    INTERRUPT | 11n,
    BigInt(RAM + 4),
  ]);
});

Deno.test("an interrupt goes to its vector, the highest priority first", () => {
  const machine = at(0, encode("addi", {}));
  machine.set({ mtvec: HANDLER + 1, mie: 0xaaa });
  for (const bit of [1, 5, 9, 7, 3, 11] as const) machine.hart.setInterrupt(bit, true);
  machine.hart.run(1);
  assertEquals(machine.field("pc"), BigInt(HANDLER + 44));
  machine.hart.setInterrupt(11, false);
  machine.set({ privilege: 0 });
  machine.hart.run(1);
  assertEquals(machine.field("pc"), BigInt(HANDLER + 12));
});

Deno.test("a machine interrupt comes before a delegated one of higher rank", () => {
  const machine = at(1, encode("addi", {}));
  machine.set({ mie: 0x280, mideleg: 0x200, mstatus: machine.field("mstatus") | 2n });
  machine.hart.setInterrupt(9, true);
  machine.hart.setInterrupt(7, true);
  machine.hart.run(1);
  assertEquals(machine.field("mcause"), INTERRUPT | 7n);
  machine.hart.setInterrupt(7, false);
  machine.set({ privilege: 1, mstatus: machine.field("mstatus") | 2n });
  machine.hart.run(1);
  assertEquals(machine.field("scause"), INTERRUPT | 9n);
});

Deno.test("a return to a lower mode ends MPRV and takes a pending interrupt first", () => {
  const machine = at(3, encode("mret"));
  const MPRV = 1n << 17n;
  machine.set({
    mepc: RAM + 0x40,
    mie: 8,
    mstatus: machine.field("mstatus") | MPRV | 1n << 11n | 1n << 7n,
  });
  machine.hart.setInterrupt(3, true);
  machine.hart.run(2);
  assertEquals([machine.field("mcause"), machine.field("mepc")], [
    INTERRUPT | 3n,
    BigInt(RAM + 0x40),
  ]);
  assertEquals(machine.field("mstatus") & (MPRV | 3n << 11n | 1n << 7n), 1n << 11n | 1n << 7n);
});

Deno.test("WFI waits, is woken by what mie enables, and does not wait when it is there already", () => {
  const machine = at(3, encode("wfi"), encode("addi", { rd: 1, imm: 1 }));
  machine.set({ mie: 0x80 });
  assertEquals([machine.hart.run(10), machine.hart.waiting], [1, true]);
  assertEquals(machine.hart.run(10), 0);
  machine.hart.setInterrupt(3, true);
  machine.hart.wake();
  assertEquals(machine.hart.waiting, true);
  machine.hart.setInterrupt(7, true);
  machine.hart.wake();
  assertEquals([machine.hart.waiting, machine.hart.run(1), machine.x(1)], [false, 1, 1n]);
  machine.set({ pc: RAM });
  assertEquals([machine.hart.run(2), machine.hart.waiting], [2, false]);
});

Deno.test("TVM, TW and TSR make S-mode trap", () => {
  const cases = [
    { bit: 20, word: encode("csrrs", { rd: 1, csr: CSR.satp }) },
    { bit: 20, word: encode("sfence.vma") },
    { bit: 21, word: encode("wfi") },
    { bit: 22, word: encode("sret") },
  ];
  for (const { bit, word } of cases) {
    const free = at(1, word);
    free.hart.run(1);
    assertEquals(free.hart.retired, 1);
    const bound = at(1, word);
    bound.set({ mstatus: bound.field("mstatus") | 1n << BigInt(bit) });
    bound.hart.run(1);
    assertEquals(trapOf(bound).slice(0, 3), [2n, BigInt(RAM), BigInt(word)]);
  }
});

Deno.test("minstret counts retirements, and a write of it is what the next instruction reads", () => {
  const machine = at(
    3,
    csrWrite(CSR.minstret, 1),
    encode("csrrs", { rd: 2, csr: CSR.minstret }),
    encode("csrrs", { rd: 3, csr: CSR.minstret }),
  );
  machine.set({ x1: 1_000 });
  machine.hart.run(3);
  assertEquals([machine.x(2), machine.x(3)], [1_000n, 1_001n]);
});

Deno.test("a supervisor sees of sie and sip only what is delegated", () => {
  const machine = at(1, csrWrite(CSR.sie, 1), encode("csrrs", { rd: 2, csr: CSR.sie }));
  machine.set({ x1: -1n & 0xffff_ffffn, mideleg: 0x22, mie: 0x80 });
  machine.hart.run(2);
  assertEquals([machine.x(2), machine.field("mie")], [0x22n, 0xa2n]);
});

Deno.test("a store-conditional succeeds once for each reservation, and not after a trap", () => {
  const loadReserved = encode("lr.d", { rd: 3, rs1: 2 });
  const conditional = (rd: number) => encode("sc.d", { rd, rs1: 2, rs2: 1 });
  const machine = at(
    3,
    loadReserved,
    conditional(4),
    conditional(5),
    loadReserved,
    encode("ecall"),
  );
  machine.load(HANDLER, conditional(6));
  machine.set({ x1: 42, x2: RAM + 0x2000 });
  machine.hart.run(3);
  assertEquals([machine.x(4), machine.x(5), machine.word(RAM + 0x2000)], [0n, 1n, 42n]);
  machine.hart.run(3);
  assertEquals(machine.x(6), 1n);
});

Deno.test("a reservation survives a new epoch, dropped caches, and saving", () => {
  const words = [encode("lr.w", { rd: 3, rs1: 2 }), encode("sc.w", { rd: 4, rs1: 2, rs2: 1 })];
  const machine = at(3, ...words);
  machine.set({ x2: RAM + 0x2000, x4: 9 });
  machine.hart.run(1);
  machine.hart.startEpoch();
  machine.hart.dropCaches();
  machine.hart.restore(machine.hart.save());
  machine.hart.run(1);
  assertEquals(machine.x(4), 0n);
});

Deno.test("a store-conditional with a restored reservation outside RAM faults, and writes nothing", () => {
  const beforeRam = RAM - 0x400_0000;
  for (const address of [DEVICE, beforeRam, RAM + (1 << 20), 2 ** 40]) {
    const machine = at(3, encode("sc.d", { rd: 4, rs1: 2, rs2: 1 }));
    const reservation = { reservationVirtual: address, reservationPhysical: address };
    machine.set({ x1: -1n & 0xffn, x2: address, ...reservation, reservationBytes: 8 });
    assertEquals(machine.hart.run(1), 1);
    assertEquals([machine.field("mcause"), machine.field("mtval")], [7n, BigInt(address)]);
    assertEquals([machine.accesses, machine.memory.writtenPages().length], [[], 1]);
  }
});

Deno.test("a misaligned atomic traps", () => {
  const cases = [["lr.w", 4n], ["sc.w", 6n], ["amoadd.d", 6n]] as const;
  for (const [name, cause] of cases) {
    const machine = at(3, encode(name, { rd: 1, rs1: 2 }));
    machine.set({ x2: RAM + 0x2002 });
    machine.hart.run(1);
    assertEquals(trapOf(machine).slice(0, 3), [cause, BigInt(RAM), BigInt(RAM + 0x2002)]);
  }
});
