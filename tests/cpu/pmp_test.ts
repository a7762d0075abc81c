import { assertEquals } from "@std/assert";
import { encode } from "./assembly.ts";
import {
  ALL,
  CODE,
  CODE_ENTRY,
  DATA,
  type Entry,
  fault,
  FOUR_BYTES,
  LOCKED,
  MACHINE,
  machineWith,
  MPRV,
  napot,
  OFF,
  POWER_OF_TWO,
  R,
  REST,
  SUPERVISOR,
  TOP,
  USER,
  W,
  word,
  X,
} from "./pmp_machine.ts";
import { DEVICE, RAM, type TestMachine } from "./test_machine.ts";

const load = encode("ld", { rd: 1, rs1: 2 });
const store = encode("sd", { rs1: 2, rs2: 3 });
const jump = encode("jalr", { rs1: 2 });

Deno.test("with all entries off, machine mode may do everything and the others nothing", () => {
  assertEquals(fault(machineWith(MACHINE, [], load)), undefined);
  for (const privilege of [USER, SUPERVISOR]) {
    assertEquals(fault(machineWith(privilege, [], load)), [1n, BigInt(CODE)]);
    assertEquals(fault(machineWith(privilege, [CODE_ENTRY], load)), [5n, BigInt(DATA)]);
  }
});

Deno.test("an entry permits reading, writing and executing each by its bit", () => {
  const kinds = [
    { word: load, needed: R, cause: 5n },
    { word: encode("lr.w", { rs1: 2 }), needed: R, cause: 5n },
    { word: store, needed: W, cause: 7n },
    { word: encode("amoadd.w", { rs1: 2 }), needed: W, cause: 7n },
    { word: jump, needed: X, cause: 1n, steps: 2 },
  ];
  for (const bits of [0, R, R | W, X, R | X, R | W | X]) {
    for (const { word, needed, cause, steps } of kinds) {
      const data: Entry = [POWER_OF_TWO | bits, napot(DATA, 0x1000)];
      const machine = machineWith(USER, [CODE_ENTRY, data, [POWER_OF_TWO, ALL]], word);
      machine.load(DATA, encode("addi"));
      const expected = (bits & needed) !== 0 ? undefined : [cause, BigInt(DATA)];
      assertEquals(fault(machine, steps ?? 1), expected, `bits ${bits}`);
    }
  }
});

Deno.test("SC to where nothing may be written faults if it would succeed, else it fails", () => {
  const readable: Entry = [POWER_OF_TWO | R, napot(DATA, 0x1000)];
  const conditional = encode("sc.w", { rd: 5, rs1: 2 });
  const pair = machineWith(USER, [CODE_ENTRY, readable], encode("lr.w", { rs1: 2 }), conditional);
  assertEquals(fault(pair, 2), [7n, BigInt(DATA)]);
  const alone = machineWith(USER, [CODE_ENTRY, readable], conditional);
  assertEquals([fault(alone), alone.x(5)], [undefined, 1n]);
});

Deno.test("an entry's range has the bounds that its mode says", () => {
  const from = DATA + 0x10;
  const ranges: { entries: readonly Entry[]; from: number; to: number }[] = [
    { entries: [[FOUR_BYTES | R, word(from)]], from, to: from + 4 },
    { entries: [[POWER_OF_TWO | R, napot(from, 8)]], from, to: from + 8 },
    { entries: [[POWER_OF_TWO | R, napot(from, 16)]], from, to: from + 16 },
    { entries: [[POWER_OF_TWO | R, napot(DATA, 0x2000)]], from: DATA, to: DATA + 0x2000 },
    { entries: [[0, word(from)], [TOP | R, word(from + 12)]], from, to: from + 12 },
    { entries: [[0, word(from)], [TOP | R, word(from)]], from, to: from },
    { entries: [[0, word(from + 4)], [TOP | R, word(from)]], from, to: from },
  ];
  for (const { entries, from, to } of ranges) {
    for (const address of [from - 1, from, to - 1, to]) {
      const machine = machineWith(USER, [CODE_ENTRY, ...entries], encode("lb", { rs1: 2 }));
      machine.set({ x2: address });
      const permitted = address >= from && address < to;
      assertEquals(fault(machine), permitted ? undefined : [5n, BigInt(address)]);
    }
  }
  const empty: Entry[] = [CODE_ENTRY, [0, word(DATA + 4)], [TOP, word(DATA + 4)], REST];
  assertEquals(fault(machineWith(USER, empty, load)), undefined);
  const first = machineWith(MACHINE, [[LOCKED | TOP | R | X, word(DATA)]], load, store);
  first.set({ x2: CODE });
  assertEquals([fault(first), fault(first)], [undefined, [7n, BigInt(CODE)]]);
});

Deno.test("the entry with the lowest number decides", () => {
  const entries: Entry[] = [CODE_ENTRY, [POWER_OF_TWO | R, napot(DATA, 8)], REST];
  assertEquals(fault(machineWith(USER, entries, store)), [7n, BigInt(DATA)]);
  const reversed: Entry[] = [CODE_ENTRY, REST, [POWER_OF_TWO | R, napot(DATA, 8)]];
  assertEquals(fault(machineWith(USER, reversed, store)), undefined);
});

Deno.test("an entry that matches some bytes of an access only makes it fail, in every mode", () => {
  for (const privilege of [USER, MACHINE]) {
    for (const at of [DATA, DATA + 4]) {
      const entries: Entry[] = [CODE_ENTRY, [FOUR_BYTES | R | W, word(at)], REST];
      assertEquals(fault(machineWith(privilege, entries, load)), [5n, BigInt(DATA)]);
      const beside = machineWith(privilege, entries, load);
      beside.set({ x2: DATA + 8 });
      assertEquals(fault(beside), undefined);
    }
    const inside: Entry[] = [CODE_ENTRY, [FOUR_BYTES | R | W, word(DATA + 4)], REST];
    const misaligned = machineWith(privilege, inside, load);
    misaligned.set({ x2: DATA + 2 });
    assertEquals(fault(misaligned), [5n, BigInt(DATA + 2)]);
  }
});

Deno.test("of an access across pages each part is checked, and a store that fails writes nothing", () => {
  const second: Entry = [POWER_OF_TWO | R, napot(DATA + 0x1000, 0x1000)];
  const words = [load, store];
  const machine = machineWith(USER, [CODE_ENTRY, second, REST], ...words);
  machine.set({ x2: DATA + 0xffc, x3: -1n & 0xffff_ffffn });
  assertEquals([fault(machine), fault(machine)], [undefined, [7n, BigInt(DATA + 0x1000)]]);
  assertEquals([machine.word(DATA + 0xff8), machine.memory.writtenPages()], [0n, []]);
});

Deno.test("a locked entry binds machine mode, an unlocked one does not", () => {
  const bits = POWER_OF_TWO | R;
  const address = napot(DATA, 0x1000);
  assertEquals(fault(machineWith(MACHINE, [[bits, address]], store)), undefined);
  const machine = machineWith(MACHINE, [[bits | LOCKED, address]], load, store);
  assertEquals([fault(machine), fault(machine)], [undefined, [7n, BigInt(DATA)]]);
  const jumping = machineWith(MACHINE, [[bits | LOCKED, address]], jump);
  assertEquals(fault(jumping, 2), [1n, BigInt(DATA)]);
});

const write = (csr: number, rs1: number) => encode("csrrw", { csr, rs1 });
const PMPCFG0 = 0x3a0;
const PMPADDR0 = 0x3b0;

Deno.test("a locked entry stays as it is until reset, and one with a top also locks its bottom", () => {
  const entries: Entry[] = [
    [POWER_OF_TWO | R, 16n],
    [TOP | LOCKED | X, 32n],
    [LOCKED, 48n],
    [TOP | R, 64n],
    [TOP | R, 80n],
  ];
  const words = [0, 1, 2, 3, 4].map((entry) => write(PMPADDR0 + entry, 1));
  const machine = machineWith(MACHINE, entries, ...words, write(PMPCFG0, 1));
  machine.set({ x1: 0 });
  machine.hart.run(6);
  assertEquals(machine.field("pmpcfg0"), BigInt(TOP | LOCKED | X) << 8n | BigInt(LOCKED) << 16n);
  assertEquals(
    [0, 1, 2, 3, 4].map((entry) => machine.field(`pmpaddr${entry}`)),
    [16n, 32n, 48n, 0n, 0n],
  );
  machine.hart.reset(CODE, 0n, 0n);
  assertEquals([machine.field("pmpcfg0"), machine.field("pmpaddr1")], [0n, 0n]);
});

Deno.test("a reserved configuration leaves its entry, and bits that do not exist stay zero", () => {
  const machine = machineWith(
    MACHINE,
    [],
    write(PMPCFG0, 1),
    write(PMPADDR0, 1),
    write(PMPCFG0, 4),
  );
  machine.set({ x1: -1n & (1n << 64n) - 1n & ~0x80_8080_8080_8080_8080n, x4: 0x1a_1e_02_06n });
  machine.hart.run(2);
  assertEquals(machine.field("pmpcfg0"), 0x1f1f_1f1f_1f1f_1f1fn);
  assertEquals(machine.field("pmpaddr0") >> 54n, 0n);
  machine.hart.run(1);
  assertEquals(machine.field("pmpcfg0"), 0x1f1f_1f1fn);
});

Deno.test("the registers of other entries and of RV32 do not exist", () => {
  for (const csr of [0x3a1, 0x3a3, 0x3a4, 0x3af, 0x3c0, 0x3ef]) {
    assertEquals(fault(machineWith(MACHINE, [], encode("csrrs", { csr })))?.[0], 2n);
  }
});

Deno.test("MPRV makes machine mode's loads and stores, not its fetches, those of MPP", () => {
  for (
    const [previous, expected] of [[USER, 5n], [SUPERVISOR, 5n], [MACHINE, undefined]] as const
  ) {
    const machine = machineWith(MACHINE, [[POWER_OF_TWO, ALL]], load);
    const mstatus = machine.field("mstatus") | MPRV | BigInt(previous) << 11n;
    machine.set({ mstatus });
    assertEquals(fault(machine)?.[0], expected);
  }
});

Deno.test("a device that may not be accessed does not see the access", () => {
  const device: Entry = [POWER_OF_TWO | R, napot(DEVICE, 0x1000)];
  const machine = machineWith(USER, [CODE_ENTRY, device], load, store);
  machine.set({ x2: DEVICE });
  assertEquals([fault(machine), fault(machine)], [undefined, [7n, BigInt(DEVICE)]]);
  assertEquals(machine.accesses.length, 1);
});

const ROOT = RAM + 0x4000;
/** Valid, readable, writable and executable; neither accessed nor dirty. */
const LEAF = BigInt(RAM / 4096) << 10n | 0xfn;
const ACCESSED = 1n << 6n;

/** S-mode with the gigabyte of RAM mapped to itself, by a table with these permissions. */
function translated(permissions: number, word: number): TestMachine {
  const table: Entry = [POWER_OF_TWO | permissions, napot(ROOT, 0x1000)];
  const machine = machineWith(SUPERVISOR, [table, REST], word);
  machine.setWord(ROOT + 8 * 2, LEAF);
  machine.set({ satp: 8n << 60n | BigInt(ROOT / 4096) });
  return machine;
}

Deno.test("a table that the walker may not read is an access fault of what was asked for", () => {
  assertEquals(fault(translated(X, load)), [1n, BigInt(CODE)]);
  for (const [word, cause] of [[load, 5n], [store, 7n]] as const) {
    const machine = translated(X, word);
    machine.set({
      privilege: MACHINE,
      mstatus: machine.field("mstatus") | MPRV | BigInt(USER) << 11n,
    });
    assertEquals(fault(machine), [cause, BigInt(DATA)]);
  }
});

Deno.test("a table that the walker may not write is an access fault if A or D must be set", () => {
  const machine = translated(R, store);
  assertEquals(fault(machine), [1n, BigInt(CODE)]);
  assertEquals(machine.word(ROOT + 8 * 2), LEAF);
  const accessed = translated(R, store);
  accessed.setWord(ROOT + 8 * 2, LEAF | ACCESSED);
  assertEquals(fault(accessed), [7n, BigInt(DATA)]);
  assertEquals(fault(translated(R | W, store)), undefined);
});

Deno.test("a change of the entries counts for the next instruction, also where caches are warm", () => {
  const data: Entry = [LOCKED, 0n];
  const machine = machineWith(
    MACHINE,
    [OFF, data],
    ...[load, store, write(PMPADDR0, 4), write(PMPCFG0, 5), load, store],
  );
  machine.set({ x4: napot(DATA, 8), x5: LOCKED | POWER_OF_TWO | R });
  assertEquals(fault(machine, 5), undefined);
  assertEquals(fault(machine), [7n, BigInt(DATA)]);
  const itself = machineWith(MACHINE, [], write(PMPADDR0, 4), write(PMPCFG0, 5));
  itself.set({ x4: napot(CODE, 0x1000), x5: LOCKED | POWER_OF_TWO | R });
  assertEquals(fault(itself, 3), [1n, BigInt(CODE + 8)]);
});

Deno.test("the halves of an instruction are permitted or not each by itself", () => {
  const last = CODE + 0x106;
  for (const permitted of [R | X, R]) {
    const entries: Entry[] = [[POWER_OF_TWO | permitted, napot(CODE + 0x108, 8)], REST];
    const machine = machineWith(USER, entries);
    machine.memory.write(
      last,
      new Uint8Array(new Uint32Array([encode("addi", { rd: 5, imm: 9 })]).buffer),
    );
    machine.set({ pc: last });
    const expected = permitted === R ? [1n, BigInt(last + 2)] : undefined;
    assertEquals([fault(machine), machine.field("mepc")], [
      expected,
      permitted === R ? BigInt(last) : 0n,
    ]);
    assertEquals(machine.x(5), permitted === R ? 0n : 9n);
  }
});

Deno.test("an instruction across pages needs both of them to be executable", () => {
  const second: Entry = [POWER_OF_TWO | R, napot(CODE + 0x1000, 8)];
  const machine = machineWith(USER, [second, REST]);
  machine.load(CODE + 0xffe, encode("addi", { rd: 5, imm: 9 }));
  machine.set({ pc: CODE + 0xffe });
  machine.hart.run(1);
  assertEquals([machine.field("mcause"), machine.field("mtval")], [1n, BigInt(CODE + 0x1000)]);
  assertEquals(machine.field("mepc"), BigInt(CODE + 0xffe));
});

Deno.test("code in a page that is permitted in part runs like any other, also while it changes", () => {
  const part: Entry = [FOUR_BYTES, word(CODE + 0x800)];
  const loop = [
    encode("addi", { rd: 5, rs1: 5, imm: 1 }),
    encode("sw", { rs1: 2, rs2: 6 }),
    encode("addi", { rd: 7, rs1: 7, imm: 1 }),
    encode("jal", { imm: 8 }),
    0,
    encode("bne", { rs1: 5, rs2: 8, imm: -20 }),
    encode("ecall"),
  ];
  const machines = [[REST], [part, REST]].map((entries) => {
    const machine = machineWith(USER, entries, ...loop);
    // The third instruction becomes one that adds 100.
    machine.set({ x2: CODE + 8, x6: encode("addi", { rd: 7, rs1: 7, imm: 100 }), x8: 10 });
    assertEquals([machine.hart.run(3), machine.hart.run(48)], [3, 48]);
    return [fault(machine, 0), machine.x(5), machine.x(7), machine.hart.steps];
  });
  assertEquals(machines, [
    [[8n, 0n], 10n, 1_000n, 51],
    [[8n, 0n], 10n, 1_000n, 51],
  ]);
});
