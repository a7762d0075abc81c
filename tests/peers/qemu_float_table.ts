/**
 * Floating-point instructions over a table of operands: each instruction with each rounding mode is a loop in the guest
 * over all rows, so that millions of results and flags can be compared.
 *
 * ```text
 * 8000_0000  code
 * 8008_0000  rows: three singles, three doubles, an integer, fcsr before
 * 8010_0000  results: for each loop a row of result and fcsr for each row of operands, then mstatus
 * ```
 *
 * @module
 */

import { Assembler } from "./qemu_assembler.ts";
import { type Encoding, ENCODINGS } from "./qemu_encoding.ts";
import { floatRow } from "./qemu_float_operands.ts";
import { FINISHER, FINISHER_PASS, startFirstHart } from "./qemu_harness.ts";
import type { Image } from "./qemu_image.ts";
import { CSR, RAM_BASE, VARIABLE, VARIABLES } from "./qemu_layout.ts";
import { Random } from "./qemu_random.ts";

const CODE = 0x8000_4000, ROWS = 0x8008_0000, RESULTS = 0x8010_0000;
const ROW_BYTES = 64, RESULT_BYTES = 16;

/** Most rows that have room. */
export const MOST_ROWS = 8192;

/** One loop: an instruction with a rounding mode. */
export interface Loop {
  readonly encoding: Encoding;
  /** Its bits but for the registers. */
  readonly bits: number;
  readonly name: string;
}

const ROUNDING_MODES: readonly (readonly [string, number])[] = [
  ["rne", 0],
  ["rtz", 1],
  ["rdn", 2],
  ["rup", 3],
  ["rmm", 4],
  ["dyn", 7],
];

/** Every computation on f registers with each of its rounding modes. */
export const LOOPS: readonly Loop[] = ENCODINGS.filter(({ format }) => format === "float")
  .flatMap((encoding): Loop[] =>
    (encoding.mask & 0x7000) !== 0
      ? [{ encoding, bits: encoding.match, name: encoding.name }]
      : ROUNDING_MODES.map(([mode, rm]) => ({
        encoding,
        bits: encoding.match | rm << 12,
        name: `${encoding.name} ${mode}`,
      }))
  );

/** Operands of one row, in the order of the table. */
export type Row = readonly bigint[];

/** Rows of operands. */
export function generateRows(seed: number, part: number, count: number): Row[] {
  const random = new Random(seed, part);
  return Array.from({ length: count }, () => floatRow(random));
}

const zero = 0, sp = 2, t0 = 5, t1 = 6, s0 = 8, s1 = 9, a0 = 10, a1 = 11, s2 = 18;
const fa0 = 10, fa1 = 11, fa2 = 12, fa3 = 13;
const FS = 3 << 13, FS_INITIAL = 1 << 13;

/** Goes through all rows, and then does the first once more to see what it makes of FS. */
function loop(a: Assembler, { encoding, bits }: Loop, index: number, rows: number): void {
  const { toFloat, fromInteger } = encoding;
  // The last part of the name is the format of the operands, or an integer type, which has a column of its own.
  const operands = /\.[sw]$/.test(encoding.name) ? 0 : 24;
  const instruction = () =>
    a.word(
      bits | fa2 << 27 & ~encoding.mask | fa1 << 20 & ~encoding.mask |
        (fromInteger ? a0 : fa0) << 15 | (toFloat ? fa3 : a1) << 7,
    );
  const loadOperands = () => {
    [fa0, fa1, fa2].forEach((register, operand) =>
      a.i("fld", register, s0, operands + 8 * operand)
    );
    a.i("ld", a0, s0, 48);
  };
  a.li(s0, BigInt(ROWS));
  a.li(s2, BigInt(ROWS + rows * ROW_BYTES));
  a.label(`loop${index}`);
  loadOperands();
  a.i("ld", t0, s0, 56);
  a.csr("csrrw", zero, CSR.fcsr, t0);
  instruction();
  a.csr("csrrs", t1, CSR.fcsr, zero);
  a.s(toFloat ? "fsd" : "sd", toFloat ? fa3 : a1, s1, 0);
  a.s("sd", t1, s1, 8);
  a.i("addi", s0, s0, ROW_BYTES);
  a.i("addi", s1, s1, RESULT_BYTES);
  a.branch("bltu", s0, s2, `loop${index}`);
  a.li(s0, BigInt(ROWS));
  loadOperands();
  a.li(t0, BigInt(FS));
  a.csr("csrrc", zero, CSR.mstatus, t0);
  a.li(t0, BigInt(FS_INITIAL));
  a.csr("csrrs", zero, CSR.mstatus, t0);
  instruction();
  a.csr("csrrs", t1, CSR.mstatus, zero);
  // QEMU 7.2 does not tell of flags alone: see the differences.
  if (!toFloat) a.i("addi", t1, zero, 0);
  a.s("sd", t1, s1, 0);
  a.i("addi", s1, s1, 8);
}

/** The guest that runs all loops over these rows. */
export function buildTable(rows: readonly Row[]): Image {
  if (rows.length > MOST_ROWS) throw new RangeError(`${rows.length} rows of operands are too many`);
  const a = new Assembler();
  a.jal(zero, "start");
  while (a.length < CODE - RAM_BASE) a.half(0);
  startFirstHart(a);
  a.li(t0, BigInt(FS));
  a.csr("csrrs", zero, CSR.mstatus, t0);
  a.li(sp, BigInt(VARIABLES));
  a.li(s1, BigInt(RESULTS));
  LOOPS.forEach((item, index) => {
    a.li(t0, BigInt(LOOPS.length - index));
    a.s("sd", t0, sp, VARIABLE.remaining);
    loop(a, item, index, rows.length);
  });
  a.li(t0, BigInt(FINISHER));
  a.li(t1, BigInt(FINISHER_PASS));
  a.s("sw", t1, t0, 0);
  a.label("end");
  a.jal(zero, "end");
  const code = a.bytes();
  if (code.length > ROWS - RAM_BASE) throw new RangeError("The loops overlap the operands");
  const bytes = new Uint8Array(ROWS - RAM_BASE + rows.length * ROW_BYTES);
  bytes.set(code);
  const view = new DataView(bytes.buffer, ROWS - RAM_BASE);
  rows.flat().forEach((value, index) => view.setBigUint64(8 * index, value, true));
  return { bytes, results: RESULTS };
}

/** Bytes of the results of all loops over so many rows. */
export function tableBytes(rows: number): number {
  return LOOPS.length * (rows * RESULT_BYTES + 8);
}

/** Every result that differs, as text, up to a limit; and how many there are. */
export function tableDifferences(
  rows: readonly Row[],
  peer: Uint8Array,
  here: Uint8Array,
  limit: number,
): { count: number; reports: string[] } {
  const theirs = new BigUint64Array(peer.buffer, peer.byteOffset, peer.byteLength / 8);
  const ours = new BigUint64Array(here.buffer, here.byteOffset, here.byteLength / 8);
  const reports: string[] = [];
  let count = 0;
  const perLoop = 2 * rows.length + 1;
  for (let index = 0; index < theirs.length; index++) {
    if (theirs[index] === ours[index]) continue;
    count++;
    if (reports.length >= limit) continue;
    const at = index % perLoop;
    const row = rows[at >> 1];
    const what = row === undefined ? "mstatus" : at % 2 === 0 ? "result" : "fcsr";
    const operands = (row ?? rows[0] as Row).map(hex).join(" ");
    const { name } = LOOPS[Math.floor(index / perLoop)] as Loop;
    reports.push(
      `${name}, ${what}: QEMU ${hex(theirs[index])}, here ${hex(ours[index])}, of ${operands}`,
    );
  }
  return { count, reports };
}

const hex = (value: bigint | undefined): string => (value ?? 0n).toString(16).padStart(16, "0");
