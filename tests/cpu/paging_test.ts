import { assertEquals } from "@std/assert";
import { encode } from "./assembly.ts";
import { DEVICE, OPEN_MEMORY, RAM, TestMachine } from "./test_machine.ts";

const V = 1n;
const R = 2n;
const W = 4n;
const X = 8n;
const U = 16n;
const A = 64n;
const D = 128n;
const SUM = 1n << 18n;
const MXR = 1n << 19n;
const MPRV = 1n << 17n;

const CODE = RAM;
const ROOT = RAM + 0x1_0000;
const MIDDLE = RAM + 0x1_1000;
const LEAF = RAM + 0x1_2000;
const DATA = RAM + 0x2_0000;
const HANDLER = RAM + 0x3000;
/** Where DATA is mapped. */
const VIRTUAL = 0x4000_0000;

const entry = (address: number, flags: bigint) => BigInt(address / 4096) << 10n | flags;

/**
 * A machine in S-mode that executes identity-mapped code (a 1 GiB page at RAM) and has one 4 KiB page
 * at VIRTUAL, with these flags.
 */
function mapped(flags: bigint, ...words: readonly number[]): TestMachine {
  const machine = new TestMachine();
  machine.load(CODE, ...words);
  machine.hart.reset(CODE, 0n, 0n);
  machine.setWord(ROOT + 8 * 2, entry(RAM, V | R | W | X | A | D));
  machine.setWord(ROOT + 8 * 1, entry(MIDDLE, V));
  machine.setWord(MIDDLE, entry(LEAF, V));
  machine.setWord(LEAF, entry(DATA, flags));
  machine.setWord(DATA, 0x1234n);
  machine.set({
    ...OPEN_MEMORY,
    privilege: 1,
    mtvec: HANDLER,
    satp: 8n << 60n | BigInt(ROOT / 4096),
    x2: VIRTUAL,
    x5: LEAF,
  });
  machine.hart.startEpoch();
  return machine;
}

const load = encode("ld", { rd: 1, rs1: 2 });
const store = encode("sd", { rs1: 2, rs2: 3 });
const fault = (machine: TestMachine) => [machine.field("mcause"), machine.field("mtval")];

Deno.test("a load sets A, a store sets D, and only that counts the table as written", () => {
  const machine = mapped(V | R | W, load, store);
  machine.hart.run(1);
  assertEquals(machine.x(1), 0x1234n);
  assertEquals(machine.word(LEAF), entry(DATA, V | R | W | A));
  assertEquals(machine.memory.writtenPages(), [0x12]);
  machine.hart.run(1);
  assertEquals(machine.word(LEAF), entry(DATA, V | R | W | A | D));
  assertEquals(machine.memory.writtenPages(), [0x12, 0x20]);
});

Deno.test("an access without permission is a page fault of its kind", () => {
  const cases = [
    { flags: 0n, word: load, cause: 13n },
    { flags: V | R, word: store, cause: 15n },
    { flags: V | W, word: load, cause: 13n },
    { flags: V | X, word: load, cause: 13n },
    { flags: V | R | W | U, word: load, cause: 13n },
    { flags: V | R | 1n << 60n, word: load, cause: 13n },
    { flags: V | A, word: load, cause: 13n },
    { flags: V, word: load, cause: 13n },
    { flags: V | R | W, word: encode("jalr", { rs1: 2 }), cause: 12n, steps: 2 },
    { flags: V | R, word: encode("amoadd.w", { rs1: 2 }), cause: 15n },
    { flags: V | X, word: encode("lr.w", { rs1: 2 }), cause: 13n },
  ];
  for (const { flags, word, cause, steps } of cases) {
    const machine = mapped(flags, word);
    machine.hart.run(steps ?? 1);
    assertEquals(fault(machine), [cause, BigInt(VIRTUAL)], `flags ${flags}`);
    assertEquals(machine.word(LEAF), entry(DATA, flags));
  }
});

Deno.test("SUM lends user pages to loads, MXR makes executable ones readable", () => {
  const lent = mapped(V | R | U | A, load);
  lent.set({ mstatus: lent.field("mstatus") | SUM });
  lent.hart.run(1);
  assertEquals(lent.x(1), 0x1234n);
  const executable = mapped(V | X | A, load);
  executable.set({ mstatus: executable.field("mstatus") | MXR });
  executable.hart.run(1);
  assertEquals(executable.x(1), 0x1234n);
});

Deno.test("a page stays readable by MXR or SUM only while the bit is set", () => {
  for (const [bit, flags] of [[MXR, V | X | A], [SUM, V | R | U | A]] as const) {
    const machine = mapped(flags, load, encode("csrrc", { csr: 0x100, rs1: 4 }), load);
    machine.set({ mstatus: machine.field("mstatus") | bit, x4: bit });
    machine.hart.run(3);
    assertEquals([machine.x(1), ...fault(machine)], [0x1234n, 13n, BigInt(VIRTUAL)]);
  }
});

Deno.test("MPRV makes machine mode load through the tables of MPP", () => {
  const machine = mapped(V | R | A, load);
  machine.set({ privilege: 3, mstatus: machine.field("mstatus") | MPRV | 1n << 11n });
  machine.hart.run(1);
  assertEquals(machine.x(1), 0x1234n);
});

Deno.test("a superpage must be aligned", () => {
  const machine = mapped(V | R, load);
  machine.setWord(MIDDLE, entry(RAM + 0x1000, V | R | W | A | D));
  machine.hart.run(1);
  assertEquals(fault(machine), [13n, BigInt(VIRTUAL)]);
  const aligned = mapped(V | R, load);
  aligned.setWord(MIDDLE, entry(RAM, V | R | A));
  aligned.set({ x2: VIRTUAL + 0x2_0000 });
  aligned.hart.run(1);
  assertEquals(aligned.x(1), 0x1234n);
});

Deno.test("a table outside RAM is an access fault, an address that is not canonical a page fault", () => {
  const outside = mapped(V | R, load);
  outside.setWord(ROOT + 8, entry(DEVICE, V));
  outside.hart.run(1);
  assertEquals(fault(outside), [5n, BigInt(VIRTUAL)]);
  const high = mapped(V | R, load);
  high.set({ x2: 1n << 39n });
  high.hart.run(1);
  assertEquals(fault(high), [13n, 1n << 39n]);
});

Deno.test("a store across pages whose second one faults writes nothing", () => {
  const machine = mapped(V | R | W | A | D, store);
  machine.set({ x2: VIRTUAL + 0xffc, x3: (1n << 64n) - 1n });
  machine.hart.run(1);
  assertEquals(fault(machine), [15n, BigInt(VIRTUAL + 0x1000)]);
  assertEquals(machine.word(DATA + 0xff8), 0n);
  assertEquals(machine.memory.writtenPages(), []);
});

Deno.test("an access across pages goes to two places", () => {
  const machine = mapped(V | R | W | A | D, store, load);
  machine.setWord(LEAF + 8, entry(DATA + 0x3000, V | R | W | A | D));
  machine.set({ x2: VIRTUAL + 0xffd, x3: 0x1122_3344_5566_7788n });
  machine.hart.run(2);
  assertEquals(machine.x(1), 0x1122_3344_5566_7788n);
  assertEquals(machine.word(DATA + 0xff8), 0x66_7788n << 40n);
  assertEquals(machine.word(DATA + 0x3000), 0x11_2233_4455n);
  assertEquals(machine.memory.writtenPages(), [0x12, 0x20, 0x23]);
});

Deno.test("an edited page-table entry counts at once, without a fence", () => {
  const edit = encode("sd", { rs1: 5, rs2: 6 });
  const machine = mapped(V | R | W | A | D, load, edit, load, edit, store, load);
  machine.setWord(DATA + 0x1000, 0x5678n);
  machine.set({ x6: entry(DATA + 0x1000, V | R | W | A) });
  machine.hart.run(3);
  assertEquals(machine.x(1), 0x5678n);
  machine.set({ x3: 0x9abcn });
  machine.hart.run(3);
  assertEquals([machine.x(1), machine.word(DATA + 0x1000)], [0x9abcn, 0x9abcn]);
  assertEquals(machine.word(LEAF), entry(DATA + 0x1000, V | R | W | A | D));
});

Deno.test("an edited entry counts at every address that its table maps, at once", () => {
  const edit = encode("sd", { rs1: 5, rs2: 6 });
  const other = encode("ld", { rd: 3, rs1: 4 });
  const machine = mapped(V | R | A | D, load, other, edit, load, other);
  // The next 2 MiB by the same table.
  machine.setWord(MIDDLE + 8, entry(LEAF, V));
  machine.setWord(DATA + 0x1000, 0x5678n);
  machine.set({ x4: VIRTUAL + 0x20_0000, x6: entry(DATA + 0x1000, V | R | A | D) });
  machine.hart.run(2);
  assertEquals([machine.x(1), machine.x(3)], [0x1234n, 0x1234n]);
  machine.hart.run(3);
  assertEquals([machine.x(1), machine.x(3)], [0x5678n, 0x5678n]);
});

Deno.test("an edited entry of a table that is one on two levels counts at once", () => {
  // The middle table is also the lowest one of the next 2 MiB, where its first entry is a page.
  const edit = encode("sd", { rs1: 5, rs2: 6 });
  const other = encode("ld", { rd: 3, rs1: 4 });
  const machine = mapped(V | R | A | D, load, other, edit, load);
  machine.setWord(MIDDLE + 8, entry(MIDDLE, V));
  machine.setWord(MIDDLE + 16, entry(DATA, V | R | A | D));
  machine.setWord(LEAF + 0x1000, entry(DATA + 0x1000, V | R | A | D));
  machine.setWord(DATA + 0x1000, 0x5678n);
  machine.set({ x4: VIRTUAL + 0x20_2000, x5: MIDDLE, x6: entry(LEAF + 0x1000, V) });
  machine.hart.run(2);
  assertEquals([machine.x(1), machine.x(3)], [0x1234n, 0x1234n]);
  machine.hart.run(2);
  assertEquals(machine.x(1), 0x5678n);
});

Deno.test("a misaligned store that edits two entries counts for both at once", () => {
  const edit = encode("sd", { rs1: 5, rs2: 6, imm: 4 });
  const other = encode("ld", { rd: 3, rs1: 4 });
  const machine = mapped(V | R | A | D, load, other, edit, other, load);
  machine.setWord(LEAF + 8, entry(DATA, V | R | A | D));
  machine.setWord(DATA + 0x1000, 0x5678n);
  // A reserved bit of the first entry, and the page of the second.
  const low = entry(DATA + 0x1000, V | R | A | D);
  machine.set({ x4: VIRTUAL + 0x1000, x6: low << 32n | 1n << 31n });
  machine.hart.run(2);
  assertEquals([machine.x(1), machine.x(3)], [0x1234n, 0x1234n]);
  machine.hart.run(3);
  assertEquals([machine.x(3), ...fault(machine)], [0x5678n, 13n, BigInt(VIRTUAL)]);
});

Deno.test("an edited entry at the top of the address space counts at once", () => {
  const high = BigInt.asUintN(64, -0x1000n);
  const machine = mapped(V | R, load, encode("sd", { rs1: 5, rs2: 6 }), load);
  machine.setWord(ROOT + 8 * 511, entry(MIDDLE, V));
  machine.setWord(MIDDLE + 8 * 511, entry(LEAF, V));
  machine.setWord(LEAF + 8 * 511, entry(DATA, V | R | A | D));
  machine.setWord(DATA + 0x1000, 0x5678n);
  machine.set({ x2: high, x5: LEAF + 8 * 511, x6: entry(DATA + 0x1000, V | R | A | D) });
  machine.hart.run(3);
  assertEquals(machine.x(1), 0x5678n);
});

Deno.test("an edited entry of the page being executed counts for the next instruction", () => {
  const machine = mapped(V | R | W | X | A | D);
  const remap = encode("sd", { rs1: 5, rs2: 6 });
  machine.load(DATA, remap, encode("addi", { rd: 1, imm: 1 }));
  machine.load(DATA + 0x1004, encode("addi", { rd: 1, imm: 2 }));
  machine.set({ pc: VIRTUAL, x6: entry(DATA + 0x1000, V | R | W | X | A | D) });
  machine.setWord(ROOT + 8 * 2, entry(RAM, V | R | W | A | D));
  machine.hart.run(2);
  assertEquals(machine.x(1), 2n);
});

Deno.test("an A bit that the guest clears without a fence is set again by the next access", () => {
  const machine = mapped(V | R | A, load, encode("sd", { rs1: 5, rs2: 6 }), load);
  machine.set({ x6: entry(DATA, V | R) });
  machine.hart.run(2);
  assertEquals(machine.word(LEAF), entry(DATA, V | R));
  machine.hart.run(1);
  assertEquals(machine.word(LEAF), entry(DATA, V | R | A));
});

Deno.test("an entry that was executed as code is another instruction once the walker has set A", () => {
  // The flags V, R and U make the entry's lower half an ADDI.
  const machine = mapped(V | R | U);
  machine.load(CODE, encode("jalr", { rs1: 5 }));
  machine.load(HANDLER, encode("csrrc", { csr: 0x300, rs1: 4 }), load, encode("jalr", { rs1: 5 }));
  machine.set({ privilege: 3, mstatus: machine.field("mstatus") | MPRV | 3n << 11n, x4: 3 << 11 });
  machine.hart.run(3);
  assertEquals(machine.field("mepc"), BigInt(LEAF + 4));
  machine.hart.run(4);
  assertEquals(machine.word(LEAF), entry(DATA, V | R | U | A));
  assertEquals([machine.field("mepc"), machine.field("mtval")], [
    BigInt(LEAF),
    entry(DATA, V | R | U | A),
  ]);
});

Deno.test("a fetch that sets A in a page of code and then faults is one step", () => {
  const machine = mapped(V | X, encode("jalr", { rd: 7, rs1: 6 }), encode("jalr", { rs1: 2 }));
  machine.setWord(LEAF, entry(DEVICE, V | X));
  machine.load(LEAF + 0x800, encode("jalr", { rs1: 7 }));
  machine.load(HANDLER, encode("addi", { rd: 9, rs1: 9, imm: 1 }), encode("jal", { imm: -4 }));
  machine.set({ x6: LEAF + 0x800 });
  assertEquals(machine.hart.run(100), 100);
  assertEquals(fault(machine), [1n, BigInt(VIRTUAL)]);
  assertEquals(machine.word(LEAF), entry(DEVICE, V | X | A));
  assertEquals([machine.hart.steps, machine.hart.retired, machine.x(9)], [100, 99, 48n]);
});

Deno.test("a page-table entry changed by a device counts at once", () => {
  const machine = mapped(V | R | A, load, load);
  machine.setWord(DATA + 0x1000, 0x5678n);
  machine.hart.run(1);
  machine.setWord(LEAF, entry(DATA + 0x1000, V | R | A));
  machine.hart.run(1);
  assertEquals(machine.x(1), 0x5678n);
});

Deno.test("a write of satp takes effect for the very next fetch", () => {
  const machine = mapped(V | R, encode("csrrw", { csr: 0x180, rs1: 4 }), load);
  machine.set({ x4: 8n << 60n | BigInt(DATA / 4096) });
  machine.setWord(DATA, 0n);
  machine.hart.run(2);
  assertEquals(fault(machine), [12n, BigInt(CODE + 4)]);
});

Deno.test("a write of satp with an unknown mode changes nothing", () => {
  const machine = mapped(V | R | A, encode("csrrw", { csr: 0x180, rs1: 4 }), load);
  const before = machine.field("satp");
  machine.set({ x4: 9n << 60n });
  machine.hart.run(2);
  assertEquals([machine.field("satp"), machine.x(1)], [before, 0x1234n]);
});

Deno.test("a reservation does not hold for another page at the same address", () => {
  const machine = mapped(
    V | R | W | A | D,
    encode("lr.d", { rd: 1, rs1: 2 }),
    encode("sd", { rs1: 5, rs2: 6 }),
    encode("sc.d", { rd: 7, rs1: 2, rs2: 3 }),
  );
  machine.set({ x6: entry(DATA + 0x1000, V | R | W | A | D) });
  machine.hart.run(3);
  assertEquals(machine.x(7), 1n);
});

Deno.test("a run that ends before an instruction has not set the A bit of its page", () => {
  const jump = encode("jalr", { rs1: 2 });
  const jumped = () => {
    const machine = mapped(V | R | X, jump);
    machine.setWord(DATA, BigInt(encode("addi", { rd: 1, rs1: 1, imm: 1 })));
    machine.hart.run(1);
    return machine;
  };
  const assertAsPlain = (machine: TestMachine) => {
    const plain = jumped();
    plain.hart.run(machine.hart.steps - 1);
    assertEquals(machine.digest(), plain.digest());
  };
  const armed = jumped();
  const trigger = { kind: "execute", address: BigInt(VIRTUAL), length: 1 } as const;
  armed.hart.arm([trigger], () => true);
  assertEquals(armed.hart.run(5), 0);
  assertEquals(armed.word(LEAF), entry(DATA, V | R | X));
  assertAsPlain(armed);
  // The fetch is the first time that the hart needs help; it makes progress nevertheless.
  const early = jumped();
  assertEquals(early.hart.run(5, 1), 1);
  assertEquals(early.word(LEAF), entry(DATA, V | R | X | A));
  assertAsPlain(early);
});
