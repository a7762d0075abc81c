/** Translated F and D, which the host computes where it can, against the exact routines. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { floatComputation } from "../../../lib/isa/float_computation.ts";
import { floatConversion } from "../../../lib/isa/float_conversion.ts";
import { floatTransfer } from "../../../lib/isa/float_transfer.ts";
import { encode } from "../assembly.ts";
import { RAM } from "../test_machine.ts";
import { compareSlices, onBothEngines, translating } from "./on_both_engines.ts";

const INPUTS = RAM + 0x2000, OUTPUTS = RAM + 0x8000;
const ROWS = 64, ROW_BYTES = 40, RESULT_BYTES = 24;
const FCSR = 3, MSTATUS = 0x300, DYNAMIC = 7, TO_ZERO = 1;
const FS = 0x6000, FS_CLEAN = 0x4000;
const FLOAT_ON = 0xa_0000_6000n;

/** Instructions that compute, with the rounding modes that make a difference to who computes. */
const computing = [...floatTransfer, ...floatComputation, ...floatConversion]
  .filter(({ format }) => format !== "I" && format !== "S")
  .flatMap(({ name, format }) =>
    format === "rounding"
      ? [0, TO_ZERO, DYNAMIC].map((mode) => ({ name, mode }))
      : [{ name, mode: 0 }]
  );

const doubleBits = (value: number) => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
const singleBits = (value: number) =>
  0xffff_ffff_0000_0000n | BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);
const doubles = fc.double().map(doubleBits);
const singles = fc.float().map(singleBits);
const eighths = fc.integer({ min: -40, max: 40 }).map((value) => value / 8);
const near = eighths.map(doubleBits);
const nearSingles = eighths.map(singleBits);
/** Least normal numbers, largest ones, their neighbours, zeros, infinities and NaNs of both formats. */
const edges = fc.tuple(
  fc.constantFrom(
    0n,
    0x0010_0000_0000_0000n,
    0x7ff0_0000_0000_0000n,
    0x7ff8_0000_0000_0000n,
    0x41e0_0000_0000_0000n,
    0x43e0_0000_0000_0000n,
    0xffff_ffff_0080_0000n,
    0xffff_ffff_7f80_0000n,
    0xffff_ffff_4f00_0000n,
  ),
  fc.bigInt({ min: -2n, max: 2n }),
  fc.constantFrom(0n, 1n << 63n, 1n << 31n),
).map(([value, off, sign]) => BigInt.asUintN(64, value + off ^ sign));
const operand = fc.oneof(doubles, near, singles, nearSingles, edges);
const fcsr = fc.oneof(fc.constant(1n), fc.bigInt({ min: 0n, max: 0x9fn }));
/** Products that the third operand cancels up to what was lost in rounding them, which a fused sum is. */
const significand = fc.double({ min: 1, max: 2, noNaN: true });
const cancelling = fc.tuple(significand, significand, fc.boolean()).map(([a, b, isSingle]) =>
  isSingle
    ? [a, b, -Math.fround(Math.fround(a) * Math.fround(b))].map(singleBits)
    : [a, b, -(a * b)].map(doubleBits)
);
const row = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(operand, operand, operand, operand, fcsr) },
  { weight: 1, arbitrary: cancelling.map((three) => [...three, 1n, 1n]) },
);

/** A loop over the rows: three operands and an integer in, the results and the flags out. */
function programOf(name: string, mode: number): number[] {
  const body = [
    encode("fld", { rd: 1, rs1: 8, imm: 0 }),
    encode("fld", { rd: 2, rs1: 8, imm: 8 }),
    encode("fld", { rd: 4, rs1: 8, imm: 16 }),
    encode("ld", { rd: 6, rs1: 8, imm: 24 }),
    encode("ld", { rd: 7, rs1: 8, imm: 32 }),
    instruction(name, mode),
    // Once more, with its own result, in the same block.
    instruction(name, mode),
    encode("fsd", { rs1: 9, rs2: 1, imm: 0 }),
    encode("sd", { rs1: 9, rs2: 6, imm: 8 }),
    encode("addi", { rd: 8, rs1: 8, imm: ROW_BYTES }),
    encode("addi", { rd: 9, rs1: 9, imm: RESULT_BYTES }),
    encode("csrrw", { rd: 5, rs1: 7, csr: FCSR }),
    encode("sd", { rs1: 9, rs2: 5, imm: 16 - RESULT_BYTES }),
  ];
  return [...body, encode("bne", { rs1: 8, rs2: 10, imm: -4 * body.length })];
}

function instruction(name: string, mode: number): number {
  const { operands } = [...floatTransfer, ...floatComputation, ...floatConversion]
    .find((one) => one.name === name)!;
  return encode(name, {
    rd: operands.includes("fd") ? 1 : 6,
    rs1: operands.includes("fs1") ? 1 : 6,
    ...(operands.includes("fs2") ? { rs2: 2 } : {}),
    ...(operands.includes("fs3") ? { rs3: 4 } : {}),
    imm: mode,
  });
}

Deno.test("translated floating point computes what the exact routines compute, with the same flags", () => {
  translating(() => {
    fc.assert(
      fc.property(fc.array(row, { minLength: ROWS, maxLength: ROWS }), (rows) => {
        for (const { name, mode } of computing) {
          const machines = onBothEngines((machine) => {
            const words = programOf(name, mode);
            machine.load(RAM, ...words, encode("jal"));
            machine.memory.write(INPUTS, new Uint8Array(new BigUint64Array(rows.flat()).buffer));
            machine.hart.reset(RAM, 0n, 0n);
            machine.set({
              x8: INPUTS,
              x9: OUTPUTS,
              x10: INPUTS + ROWS * ROW_BYTES,
              mstatus: FLOAT_ON,
              fcsr: 1,
            });
          }, 1 << 16);
          compareSlices(machines, [200, 900], `${name} ${mode}`);
        }
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });
});

Deno.test("a flag that is raised anew by translated code makes the floating-point state dirty", () => {
  translating(() => {
    for (const [value, isDirty] of [[0.5, true], [3, false]] as const) {
      const machines = onBothEngines((machine) => {
        machine.load(
          RAM,
          encode("csrrc", { rs1: 9, csr: MSTATUS }),
          encode("csrrs", { rs1: 10, csr: MSTATUS }),
          encode("addi", { rd: 5, imm: 4 }),
          encode("fcvt.w.d", { rd: 6, rs1: 1, imm: TO_ZERO }),
          encode("addi", { rd: 5, rs1: 5, imm: -1 }),
          encode("bne", { rs1: 5, imm: -8 }),
          encode("jal", { imm: -24 }),
        );
        machine.hart.reset(RAM, 0n, 0n);
        machine.set({ mstatus: FLOAT_ON, fcsr: 1, f1: doubleBits(value), x9: FS, x10: FS_CLEAN });
      }, 1 << 16);
      // Of 16 steps all but the last, in the end.
      compareSlices(machines, [100, 160, 16, ...Array(15).fill(1), 12], `${value}`);
      for (const machine of machines) {
        assertEquals((machine.field("mstatus") & BigInt(FS)) === BigInt(FS), isDirty, `${value}`);
      }
    }
  });
});
