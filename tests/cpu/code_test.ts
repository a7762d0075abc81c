import { assertEquals } from "@std/assert";
import { PAGE_CODE } from "../../lib/cpu/layout.ts";
import { encode, program } from "./assembly.ts";
import { DEVICE, RAM, TestMachine } from "./test_machine.ts";

const addOne = encode("addi", { rd: 1, rs1: 1, imm: 1 });
const addTen = encode("addi", { rd: 1, rs1: 1, imm: 10 });

function at(address: number, ...words: readonly number[]): TestMachine {
  const machine = new TestMachine();
  machine.load(address, ...words);
  machine.hart.reset(address, 0n, 0n);
  machine.hart.startEpoch();
  return machine;
}

Deno.test("a store that changes the next instruction takes effect", () => {
  const machine = at(RAM, encode("sw", { rs1: 2, rs2: 3 }), addOne);
  machine.set({ x2: RAM + 4, x3: addTen });
  machine.hart.run(2);
  assertEquals(machine.x(1), 10n);
});

Deno.test("a loop that rewrites itself executes what it wrote, each time", () => {
  const machine = at(
    RAM,
    addOne,
    encode("sw", { rs1: 2, rs2: 3 }),
    encode("xor", { rd: 3, rs1: 3, rs2: 4 }),
    encode("jal", { imm: -12 }),
  );
  machine.set({ x2: RAM, x3: addTen, x4: addOne ^ addTen });
  machine.hart.run(4 * 101);
  assertEquals(machine.x(1), 1n + 50n * 10n + 50n);
});

Deno.test("a store to the second half of an instruction changes it", () => {
  const machine = at(RAM, addOne, encode("sh", { rs1: 2, rs2: 3 }), encode("jal", { imm: -8 }));
  machine.set({ x2: RAM + 2, x3: addTen >>> 16 });
  machine.hart.run(4);
  assertEquals(machine.x(1), 11n);
});

Deno.test("code changed by a device is executed as it is now", () => {
  const machine = at(RAM, addOne, encode("jal", { imm: -4 }));
  machine.hart.run(2);
  machine.memory.write(RAM, program(addTen));
  machine.hart.run(2);
  assertEquals(machine.x(1), 11n);
});

Deno.test("an instruction that a device changes while the one before it loads is executed as it is", () => {
  const machine = at(RAM, encode("lw", { rd: 3, rs1: 2 }), addOne, encode("jal", { imm: -8 }));
  machine.set({ x2: DEVICE });
  machine.hart.run(3);
  machine.onAccess = () => machine.memory.write(RAM + 4, program(addTen));
  machine.hart.run(2);
  assertEquals(machine.x(1), 11n);
});

Deno.test("an instruction that crosses a page executes, and so do its neighbours", () => {
  const start = RAM + 0x1000 - 6;
  const machine = at(start, addOne, addTen, addOne, encode("jal", { imm: -12 }));
  machine.hart.run(400);
  assertEquals([machine.x(1), machine.field("pc")], [1200n, BigInt(start)]);
});

Deno.test("a page-crossing instruction changed in either half executes as it is now", () => {
  const start = RAM + 0x1000 - 2;
  for (const halfword of [0, 1]) {
    const machine = at(start, addOne, encode("jal", { imm: -4 }));
    machine.hart.run(2);
    const changed = encode("addi", { rd: 1, rs1: halfword === 0 ? 0 : 1, imm: 0x701 });
    const bytes = program(encode("addi", { rd: 1, rs1: 1, imm: 1 }), changed);
    machine.memory.write(start, bytes.subarray(4, 8));
    machine.hart.run(1);
    assertEquals(machine.x(1), halfword === 0 ? 0x701n : 0x702n);
  }
});

Deno.test("a page-crossing instruction whose second half is not there faults at the second half", () => {
  const machine = new TestMachine();
  const end = RAM + machine.memory.ramBytes;
  machine.memory.write(end - 2, program(addOne).subarray(0, 2));
  machine.hart.reset(end - 2, 0n, 0n);
  machine.hart.run(1);
  assertEquals(["mcause", "mepc", "mtval"].map((name) => machine.field(name)), [
    1n,
    BigInt(end - 2),
    BigInt(end),
  ]);
});

Deno.test("a page can hold code and data", () => {
  const machine = at(
    RAM,
    encode("sd", { rs1: 2, rs2: 1 }),
    encode("ld", { rd: 3, rs1: 2 }),
    encode("add", { rd: 1, rs1: 3, rs2: 4 }),
    encode("jal", { imm: -12 }),
  );
  machine.set({ x2: RAM + 0x800, x4: 3 });
  machine.hart.run(4_000);
  assertEquals([machine.x(1), machine.memory.writtenPages()], [3_000n, [0]]);
});

Deno.test("a page that was stored to before it was executed can be changed afterwards", () => {
  const machine = at(
    RAM,
    encode("sw", { rs1: 2, rs2: 3 }),
    encode("jalr", { rd: 5, rs1: 2 }),
    encode("sw", { rs1: 2, rs2: 4 }),
    encode("jalr", { rd: 5, rs1: 2 }),
  );
  machine.load(RAM + 0x1004, encode("jalr", { rs1: 5 }));
  machine.set({ x2: RAM + 0x1000, x3: addOne, x4: addTen });
  machine.hart.run(8);
  assertEquals(machine.x(1), 11n);
});

Deno.test("any instruction of a row that was executed can be changed", () => {
  for (let changed = 0; changed < 6; changed++) {
    const machine = at(RAM, ...Array(6).fill(addOne), encode("jal", { imm: -24 }));
    machine.hart.run(7);
    machine.memory.write(RAM + 4 * changed, program(addTen));
    machine.hart.run(7);
    assertEquals(machine.x(1), 6n + 5n + 10n);
  }
});

Deno.test("a decoded page that gave way to others is decoded again", () => {
  const machine = new TestMachine(8 << 20);
  const [counter, here, page, first, marked] = [1, 2, 3, 4, 5];
  const pageOf = (n: number) => RAM + 4096 * n;
  // The marked page is 511; no other one shares its entry of the fetch TLB.
  const sharing = (n: number) => n % 512 === 511;
  for (let n = 0; n < 1800; n++) {
    const next = encode("add", { rd: here, rs1: here, rs2: page });
    machine.load(
      pageOf(n),
      addOne,
      next,
      sharing(n + 1) ? next : addOne,
      encode("jalr", { rs1: n === 1700 ? marked : here }),
    );
  }
  machine.load(pageOf(511), addTen, encode("jalr", { rs1: first }));
  machine.hart.reset(pageOf(511), 0n, 0n);
  machine.set({
    [`x${here}`]: pageOf(0),
    [`x${page}`]: 4096,
    [`x${first}`]: pageOf(0),
    [`x${marked}`]: pageOf(511),
  });
  const pages = Array.from({ length: 1701 }, (_, n) => n).filter((n) => !sharing(n));
  machine.hart.run(2 + 4 * pages.length + 1);
  const skips = pages.filter((n) => sharing(n + 1)).length;
  assertEquals(machine.x(counter), BigInt(10 + 2 * pages.length - skips + 10));
  assertEquals(machine.field("pc"), BigInt(pageOf(511) + 4));
});

Deno.test("more code than the pool of decoded pages holds executes", () => {
  const machine = new TestMachine(8 << 20);
  const pages = machine.memory.ramBytes / 4096;
  for (let page = 0; page < pages; page++) {
    const imm = page === pages - 1 ? 0 : 4092;
    machine.load(RAM + page * 4096, addOne, encode("jal", { imm }));
  }
  for (let round = 1; round <= 2; round++) {
    machine.hart.reset(RAM, 0n, 0n);
    machine.hart.run(2 * pages);
    assertEquals(machine.x(1), BigInt(pages));
  }
});

Deno.test("a page of code that becomes one of data is stored to like any other, and executes what it has become", () => {
  const machine = new TestMachine();
  const WAS_CODE = RAM + 0x4000;
  // A function that is called once, then its page is filled, and it is called again.
  machine.load(WAS_CODE, encode("addi", { rd: 5, imm: 1 }), encode("jalr", { rs1: 1 }));
  machine.load(
    RAM,
    encode("jalr", { rd: 1, rs1: 6 }),
    encode("sw", { rs1: 7, rs2: 8 }),
    encode("addi", { rd: 7, rs1: 7, imm: 4 }),
    encode("blt", { rs1: 7, rs2: 9, imm: -8 }),
    encode("sw", { rs1: 6, rs2: 10, imm: 4 }),
    encode("jalr", { rd: 1, rs1: 6 }),
  );
  machine.hart.reset(RAM, 0n, 0n);
  machine.set({ x6: WAS_CODE, x7: WAS_CODE, x9: WAS_CODE + 0x1000 });
  machine.set({ x8: encode("addi", { rd: 5, imm: 2 }), x10: encode("jalr", { rs1: 1 }) });
  machine.hart.startEpoch();
  const isCode = () => (machine.memory.pageFlags[4]! & PAGE_CODE) !== 0;
  machine.hart.run(3);
  assertEquals([machine.x(5), isCode()], [1n, true]);
  machine.hart.run(3 * 1024 + 1);
  assertEquals(isCode(), false);
  machine.hart.run(3);
  assertEquals([machine.x(5), isCode()], [2n, true]);
});
