import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { floatComputation } from "../../lib/isa/float_computation.ts";
import { floatConversion } from "../../lib/isa/float_conversion.ts";
import { floatTransfer } from "../../lib/isa/float_transfer.ts";
import { encode } from "./assembly.ts";
import { DEVICE, RAM, TestMachine } from "./test_machine.ts";

const ILLEGAL = 2n, LOAD_ACCESS = 5n;
const XLEN_FIELDS = 0xa_0000_0000n;
const FS = { off: 0n, initial: 0x2000n, clean: 0x4000n, dirty: 0x6000n } as const;
const SD = 1n << 63n;
const FLAG = { NX: 1n, UF: 2n, OF: 4n, DZ: 8n, NV: 16n } as const;
const DYNAMIC = 7;
const CSR = { fflags: 1, frm: 2, fcsr: 3, sstatus: 0x100, mstatus: 0x300 } as const;
const floatInstructions = [...floatTransfer, ...floatComputation, ...floatConversion];

const double = (value: number) => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
const single = (value: number) =>
  0xffff_ffff_0000_0000n | BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);
const NAN = { double: 0x7ff8_0000_0000_0000n, single: 0xffff_ffff_7fc0_0000n } as const;
const SIGNALING = { double: 0x7ff0_0000_0000_0001n, single: 0xffff_ffff_7f80_0001n } as const;

type State = Readonly<Record<string, number | bigint>>;

/** A machine before these instructions, floating point on unless the state says otherwise. */
function machineBefore(state: State, ...words: number[]): TestMachine {
  const machine = new TestMachine(1 << 16);
  machine.load(RAM, ...words);
  machine.set({ pc: RAM, mstatus: XLEN_FIELDS | FS.dirty, ...state });
  return machine;
}

/** A machine after them. */
function machineAfter(state: State, ...words: number[]): TestMachine {
  const machine = machineBefore(state, ...words);
  machine.hart.run(words.length);
  return machine;
}

/** f3, or x3, and fcsr after `name f3, f1, f2, f4`. */
function compute(name: string, state: State, rounding = DYNAMIC): [result: bigint, fcsr: bigint] {
  const { operands } = floatInstructions.find((one) => one.name === name)!;
  const machine = machineAfter(
    state,
    encode(name, {
      rd: 3,
      ...(/[fr]s1/.test(operands) ? { rs1: 1 } : {}),
      ...(/fs2/.test(operands) ? { rs2: 2 } : {}),
      ...(/fs3/.test(operands) ? { rs3: 4 } : {}),
      ...(/rm/.test(operands) ? { imm: rounding } : {}),
    }),
  );
  assertEquals(machine.field("mcause"), 0n, name);
  return [/fd/.test(operands) ? machine.f(3) : machine.x(3), machine.field("fcsr")];
}

/** The state of FS that an instruction leaves. */
function stateAfter(before: bigint, state: State, ...words: number[]): bigint {
  const machine = machineAfter({ mstatus: XLEN_FIELDS | before, ...state }, ...words);
  return machine.field("mstatus") & FS.dirty;
}

Deno.test("with floating point off all of its instructions and CSRs are illegal", () => {
  const words = floatInstructions.map(({ name }) => encode(name));
  const csrs = [CSR.fflags, CSR.frm, CSR.fcsr].map((csr) => encode("csrrs", { rd: 3, csr }));
  for (const word of [...words, ...csrs]) {
    const machine = machineAfter({ mstatus: XLEN_FIELDS, x1: RAM }, word);
    assertEquals([machine.field("mcause"), machine.field("mtval")], [ILLEGAL, BigInt(word)]);
  }
});

Deno.test("a write of an f register or of fcsr makes the state dirty, which SD shows", () => {
  const add = encode("fadd.d", { rd: 3, rs1: 1, rs2: 2, imm: DYNAMIC });
  for (const before of [FS.initial, FS.clean, FS.dirty]) {
    assertEquals(stateAfter(before, {}, add), FS.dirty);
    assertEquals(stateAfter(before, {}, encode("csrrw", { csr: CSR.frm })), FS.dirty);
    assertEquals(stateAfter(before, {}, encode("csrrs", { rd: 3, csr: CSR.fcsr })), before);
    assertEquals(stateAfter(before, { x1: RAM }, encode("flw", { rd: 3, rs1: 1 })), FS.dirty);
    assertEquals(stateAfter(before, { x1: RAM }, encode("fsw", { rs2: 3, rs1: 1 })), before);
  }
  for (const csr of [CSR.mstatus, CSR.sstatus]) {
    const read = encode("csrrs", { rd: 3, csr });
    const clean = machineAfter({ mstatus: XLEN_FIELDS | FS.clean }, read);
    assertEquals(clean.x(3) & (SD | FS.dirty), FS.clean);
    const dirty = machineAfter({ mstatus: XLEN_FIELDS | FS.clean }, add, read);
    assertEquals(dirty.x(3) & (SD | FS.dirty), SD | FS.dirty);
  }
});

Deno.test("a flag makes the state dirty, and only a flag does where no f register is written", () => {
  const compare = encode("flt.d", { rd: 3, rs1: 1, rs2: 2 });
  assertEquals(stateAfter(FS.clean, { f1: double(1), f2: double(2) }, compare), FS.clean);
  assertEquals(stateAfter(FS.clean, { f1: NAN.double, f2: double(2) }, compare), FS.dirty);
});

Deno.test("a load that faults changes neither its register nor the state", () => {
  const machine = machineAfter(
    { mstatus: XLEN_FIELDS | FS.clean, x1: DEVICE + 8, f3: 5n },
    encode("fld", { rd: 3, rs1: 1 }),
  );
  assertEquals([machine.field("mcause"), machine.f(3)], [LOAD_ACCESS, 5n]);
  assertEquals(machine.field("mstatus") & FS.dirty, FS.clean);
});

Deno.test("reserved rounding modes are illegal, also for conversions that are always exact", () => {
  for (const { name, format } of floatInstructions) {
    if (format !== "rounding") continue;
    const trapped = (imm: number, frm: number) => {
      const word = encode(name, { imm });
      return machineAfter({ fcsr: frm << 5 }, word).field("mcause") === ILLEGAL;
    };
    for (const mode of [0, 1, 2, 3, 4]) {
      assert(!trapped(mode, 7), `${name} ${mode}`);
      assert(!trapped(DYNAMIC, mode), `${name} by frm ${mode}`);
    }
    for (const mode of [5, 6]) assert(trapped(mode, 0), `${name} ${mode}`);
    for (const mode of [5, 6, 7]) assert(trapped(DYNAMIC, mode), `${name} by frm ${mode}`);
  }
});

Deno.test("frm and fflags are parts of fcsr", () => {
  const machine = machineAfter(
    { x1: 0xffn, x2: 3n },
    encode("csrrw", { csr: CSR.fflags, rs1: 1 }),
    encode("csrrw", { csr: CSR.frm, rs1: 2 }),
    encode("csrrs", { csr: CSR.fcsr, rd: 3 }),
    encode("csrrw", { csr: CSR.fcsr, rs1: 0, rd: 4 }),
    encode("csrrs", { csr: CSR.frm, rd: 5 }),
  );
  assertEquals([machine.x(3), machine.x(4), machine.x(5)], [0x7fn, 0x7fn, 0n]);
});

Deno.test("a single that is not boxed is the canonical NaN, but moves and stores do not look", () => {
  const bare = single(1) & 0xffff_ffffn;
  assertEquals(compute("fadd.s", { f1: bare, f2: single(1) }), [NAN.single, 0n]);
  assertEquals(compute("fsgnj.s", { f1: bare, f2: single(-1) }), [NAN.single | 1n << 31n, 0n]);
  assertEquals(compute("fmin.s", { f1: bare, f2: single(2) }), [single(2), 0n]);
  assertEquals(compute("fclass.s", { f1: bare }), [1n << 9n, 0n]);
  assertEquals(compute("fcvt.w.s", { f1: bare }), [0x7fff_ffffn, FLAG.NV]);
  assertEquals(compute("fmv.x.w", { f1: 0x8000_0001n }), [0xffff_ffff_8000_0001n, 0n]);
  assertEquals(compute("fmv.w.x", { x1: 0x1_8000_0001n }), [0xffff_ffff_8000_0001n, 0n]);
  const machine = machineAfter(
    { x1: RAM + 64, f1: bare },
    encode("fsw", { rs1: 1, rs2: 1 }),
    encode("flw", { rs1: 1, rd: 2 }),
  );
  assertEquals(machine.f(2), single(1));
});

// Each with its flags; results by hand.
const examples: readonly [name: string, state: State, result: bigint, flags: bigint][] = [
  ["fadd.d", { f1: double(0.1), f2: double(0.2) }, double(0.1 + 0.2), FLAG.NX],
  ["fadd.d", { f1: double(1.5), f2: double(2.5) }, double(4), 0n],
  ["fsub.d", { f1: double(Infinity), f2: double(Infinity) }, NAN.double, FLAG.NV],
  ["fadd.d", { f1: SIGNALING.double, f2: double(1) }, NAN.double, FLAG.NV],
  ["fadd.d", { f1: 0xfff8_0000_1234_0000n, f2: double(1) }, NAN.double, 0n],
  ["fmul.d", { f1: double(1e308), f2: double(10) }, double(Infinity), FLAG.OF | FLAG.NX],
  ["fmul.d", { f1: double(0), f2: double(-Infinity) }, NAN.double, FLAG.NV],
  ["fmul.s", { f1: single(2 ** -100), f2: single(-(2 ** -100)) }, single(-0), 3n],
  // Below the least normal number, but exact.
  ["fmul.d", { f1: double(2 ** -1022), f2: double(0.5) }, double(2 ** -1023), 0n],
  ["fdiv.d", { f1: double(1), f2: double(-0) }, double(-Infinity), FLAG.DZ],
  ["fdiv.d", { f1: double(0), f2: double(0) }, NAN.double, FLAG.NV],
  ["fdiv.s", { f1: single(1), f2: single(3) }, single(1 / 3), FLAG.NX],
  ["fsqrt.d", { f1: double(-1) }, NAN.double, FLAG.NV],
  ["fsqrt.d", { f1: double(-0) }, double(-0), 0n],
  ["fsqrt.d", { f1: double(6.25) }, double(2.5), 0n],
  // Infinity times zero is invalid whatever the addend.
  ["fmadd.d", { f1: double(Infinity), f2: double(0), f4: NAN.double }, NAN.double, FLAG.NV],
  ["fmadd.s", { f1: single(3), f2: single(4), f4: single(-12) }, single(0), 0n],
  // (1 + 2^-52)² - (1 + 2^-51) = 2^-104: two roundings would give 0.
  [
    "fmsub.d",
    { f1: double(1 + 2 ** -52), f2: double(1 + 2 ** -52), f4: double(1 + 2 ** -51) },
    double(2 ** -104),
    0n,
  ],
  ["fnmadd.d", { f1: double(2), f2: double(3), f4: double(1) }, double(-7), 0n],
  ["fnmsub.d", { f1: double(2), f2: double(3), f4: double(1) }, double(-5), 0n],
  ["fmin.d", { f1: double(0), f2: double(-0) }, double(-0), 0n],
  ["fmax.d", { f1: double(-0), f2: double(0) }, double(0), 0n],
  ["fmax.d", { f1: SIGNALING.double, f2: double(2) }, double(2), FLAG.NV],
  ["fmin.d", { f1: NAN.double, f2: SIGNALING.double }, NAN.double, FLAG.NV],
  ["feq.d", { f1: NAN.double, f2: NAN.double }, 0n, 0n],
  ["feq.s", { f1: SIGNALING.single, f2: single(0) }, 0n, FLAG.NV],
  ["fle.s", { f1: NAN.single, f2: single(0) }, 0n, FLAG.NV],
  ["feq.d", { f1: double(0), f2: double(-0) }, 1n, 0n],
  ["flt.d", { f1: double(-0), f2: double(0) }, 0n, 0n],
  ["fcvt.w.d", { f1: double(-2147483649) }, 0xffff_ffff_8000_0000n, FLAG.NV],
  ["fcvt.wu.d", { f1: double(4294967295) }, 0xffff_ffff_ffff_ffffn, 0n],
  ["fcvt.wu.d", { f1: double(-0.25) }, 0n, FLAG.NX],
  ["fcvt.lu.d", { f1: double(-1) }, 0n, FLAG.NV],
  ["fcvt.l.d", { f1: double(2 ** 63) }, 2n ** 63n - 1n, FLAG.NV],
  ["fcvt.lu.d", { f1: double(2 ** 63) }, 2n ** 63n, 0n],
  ["fcvt.l.d", { f1: double(2.5) }, 2n, FLAG.NX],
  ["fcvt.d.l", { x1: 2n ** 53n + 1n }, double(2 ** 53), FLAG.NX],
  ["fcvt.d.wu", { x1: 0xffff_ffff_ffff_ffffn }, double(4294967295), 0n],
  ["fcvt.s.lu", { x1: 0xffff_ffff_ffff_ffffn }, single(2 ** 64), FLAG.NX],
  ["fcvt.s.d", { f1: double(1e300) }, single(Infinity), FLAG.OF | FLAG.NX],
  ["fcvt.d.s", { f1: SIGNALING.single }, NAN.double, FLAG.NV],
  ["fcvt.d.s", { f1: single(2 ** -149) }, double(2 ** -149), 0n],
];

Deno.test("results and flags are those of IEEE 754, with canonical NaNs", () => {
  for (const [name, state, result, flags] of examples) {
    assertEquals(compute(name, state), [result, flags], `${name} of ${Object.values(state)}`);
  }
});

Deno.test("each rounding mode goes its way, from the instruction or from frm", () => {
  const modes = [
    // 2.5, -2.5 and 3.5 to integers, and 1 + 2^-53 to a double: up or not.
    { mode: 0, integers: [2n, -2n, 4n], up: false },
    { mode: 1, integers: [2n, -2n, 3n], up: false },
    { mode: 2, integers: [2n, -3n, 3n], up: false },
    { mode: 3, integers: [3n, -2n, 4n], up: true },
    { mode: 4, integers: [3n, -3n, 4n], up: true },
  ];
  for (const { mode, integers, up } of modes) {
    for (const [rounding, frm] of [[mode, 0], [DYNAMIC, mode]] as const) {
      const flags = BigInt(frm << 5) | FLAG.NX;
      [2.5, -2.5, 3.5].forEach((value, index) => {
        const state = { f1: double(value), fcsr: frm << 5 };
        const expected = BigInt.asUintN(64, integers[index]!);
        assertEquals(compute("fcvt.l.d", state, rounding), [expected, flags]);
      });
      const sum = { f1: double(1), f2: double(2 ** -53), fcsr: frm << 5 };
      const expected = double(up ? 1 + 2 ** -52 : 1);
      assertEquals(compute("fadd.d", sum, rounding), [expected, flags]);
    }
  }
});

Deno.test("underflow is detected after rounding", () => {
  const least = 0x0010_0000_0000_0000n;
  // Half a unit of subnormals below the least normal number, which is a whole unit at full precision: tiny.
  const tiny = compute("fmadd.d", {
    f1: double(-(2 ** -537)),
    f2: double(2 ** -538),
    f4: least,
  });
  assertEquals(tiny, [least, FLAG.UF | FLAG.NX]);
  // Half of that: rounded up to it at full precision, too.
  const notTiny = compute("fmadd.d", {
    f1: double(-(2 ** -538)),
    f2: double(2 ** -538),
    f4: least,
  });
  assertEquals(notTiny, [least, FLAG.NX]);
});

Deno.test("classes are told by one bit each", () => {
  const values = [
    ...[double(-Infinity), double(-1), double(-(2 ** -1074)), double(-0), double(0)],
    ...[double(2 ** -1074), double(1), double(Infinity), SIGNALING.double, NAN.double],
  ];
  values.forEach((f1, bit) => assertEquals(compute("fclass.d", { f1 }), [1n << BigInt(bit), 0n]));
});

Deno.test("what a host computes and what the exact routines compute is the same", () => {
  const doubles = fc.oneof(
    fc.double().map(double),
    fc.integer({ min: -1000, max: 1000 }).map((n) => double(n / 8)),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  );
  const singles = fc.oneof(
    fc.float().map(single),
    fc.integer({ min: -1000, max: 1000 }).map((n) => single(n / 8)),
  );
  const operations = ["fadd", "fsub", "fmul", "fdiv", "fsqrt"];
  for (const [suffix, values] of [["d", doubles], ["s", singles]] as const) {
    fc.assert(
      fc.property(fc.constantFrom(...operations), values, values, (name, f1, f2) => {
        // With the inexact flag set the host may round; without, only the exact routine can raise it.
        const before = compute(`${name}.${suffix}`, { f1, f2, fcsr: FLAG.NX });
        const after = compute(`${name}.${suffix}`, { f1, f2 });
        assertEquals(before, [after[0], after[1] | FLAG.NX]);
      }),
      { numRuns: 300 },
    );
  }
});

Deno.test("f registers and fcsr are state: saved, restored, digested, and 0 in states from before them", () => {
  const machine = machineBefore({});
  const none = machine.digest();
  machine.set({ f0: 1n, f31: 2n ** 64n - 1n, fcsr: 0x61n });
  assert(machine.digest()[0] !== none[0]);
  const state = machine.hart.save();
  const other = new TestMachine(1 << 16);
  other.hart.restore(state);
  assertEquals(other.hart.save(), state);
  const { registers, fields: { fcsr: _fcsr, ...fields } } = state;
  other.hart.restore({ registers, fields });
  assertEquals([other.f(0), other.f(31), other.field("fcsr")], [0n, 0n, 0n]);
  other.hart.restore(state);
  other.hart.reset(RAM, 0n, 0n);
  assertEquals([other.f(0), other.f(31), other.field("fcsr")], [0n, 0n, 0n]);
});
