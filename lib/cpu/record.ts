/**
 * Decoded records, 16 bytes each: what the interpreter executes.
 *
 * ```text
 *  0  operation number        (16 bits)
 *  2  offset of rd in memory  (16 bits; of a sink for x0)
 *  4  offset of rs1           (16 bits)
 *  6  offset of rs2           (16 bits)
 *  8  immediate               (32 bits, signed; for near branches bytes of records)
 * 12  the instruction's bits  (32 bits)
 * ```
 */
import { decode, type Decoded, instructions, lengthOf } from "../isa/decoder.ts";
import {
  FLOAT_REGISTERS,
  INTEGER_REGISTERS,
  PAGE_BYTES,
  RECORD_BYTES,
  ZERO_SINK,
} from "./layout.ts";
import { isRelative, OperationSearch, type Part, PSEUDO } from "./operations.ts";
import type { Forward } from "./idioms.ts";
import type { Format, Instruction } from "../isa/instruction.ts";
import { illegal } from "../isa/privileged.ts";

/** Offsets of the parts of a record. */
export const RECORD = { operation: 0, rd: 2, rs1: 4, rs2: 6, imm: 8, bits: 12 } as const;

/** Bytes of records for each byte of code: there is a record for each halfword. */
export const RECORD_BYTES_PER_BYTE = RECORD_BYTES / 2;

/** Writes records. */
export class RecordWriter {
  readonly #halves: Uint16Array;
  readonly #words: Int32Array;

  /** Writes into this memory. */
  constructor(memory: WebAssembly.Memory) {
    this.#halves = new Uint16Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
  }

  /**
   * Writes the record at `at` for the longest operation that instructions in a row make, beginning with
   * `first`. Of the records after it only the operands are written: when one is entered, it is decoded.
   * @param next Yields the instruction that follows one.
   */
  write(at: number, first: Placed, next: (placed: Placed) => Placed | undefined): void {
    const search = new OperationSearch();
    const row: Placed[] = [first];
    let forward: Forward = "none";
    for (let last = first; search.add(last.part, forward);) {
      const following = next(last);
      if (following === undefined) break;
      forward = forwarded(last.decoded, following.decoded);
      row.push(following);
      last = following;
    }
    let place = at;
    for (const { decoded, part } of row.slice(0, search.length)) {
      this.#operands(place, decoded, part.near);
      place += part.length * RECORD_BYTES_PER_BYTE;
    }
    this.#halves[at >> 1] = search.number;
  }

  /** Writes a record that is no instruction. */
  pseudo(at: number, operation: number): void {
    this.#halves[at >> 1] = operation;
  }

  /** Writes the record of an entry to a translated region, whose function has this place in the table. */
  region(at: number, place: number): void {
    this.pseudo(at, PSEUDO.region);
    this.#words[(at + RECORD.bits) >> 2] = place;
  }

  #operands(at: number, decoded: Decoded, near: boolean): void {
    const half = at >> 1;
    const { imm, bits } = decoded;
    const rd = register(decoded, "rd");
    this.#halves[half + 1] = rd === INTEGER_REGISTERS ? ZERO_SINK : rd;
    this.#halves[half + 2] = register(decoded, "rs1");
    this.#halves[half + 3] = register(decoded, "rs2");
    this.#words[(at >> 2) + 2] = near ? imm * RECORD_BYTES_PER_BYTE : imm;
    this.#words[(at >> 2) + 3] = bits;
  }
}

/** An instruction at its place in a page. */
export interface Placed {
  /** Bytes from the start of the page. */
  readonly pageOffset: number;
  /** Its operands. */
  readonly decoded: Decoded;
  /** How a handler executes it. */
  readonly part: Part;
}

/** Decodes the instruction that starts at this offset of its page. */
export function place(word: number, pageOffset: number): Placed {
  const decoded = decode(word);
  const { instruction, length } = decoded;
  return { pageOffset, decoded, part: { instruction, length, near: isNear(decoded, pageOffset) } };
}

const writesRegister: Readonly<Record<Format, boolean>> = {
  R: true,
  I: true,
  U: true,
  J: true,
  shift: true,
  csr: true,
  rounding: true,
  S: false,
  B: false,
};
const usesSecond: Readonly<Record<Format, boolean>> = {
  ...writesRegister,
  I: false,
  U: false,
  J: false,
  shift: false,
  csr: false,
  S: true,
  B: true,
};

/** Which operand of the second instruction is the first one's result. */
function forwarded(first: Decoded, second: Decoded): Forward {
  const result = register(first, "rd");
  if (!writesRegister[first.instruction.format] || result === INTEGER_REGISTERS) return "none";
  const { format } = second.instruction;
  if (format !== "U" && format !== "J" && register(second, "rs1") === result) return "rs1";
  return usesSecond[format] && register(second, "rs2") === result ? "rs2" : "none";
}

const floatNames = { rd: "fd", rs1: "fs1", rs2: "fs2" } as const;
type Operand = keyof typeof floatNames;

/** For each instruction which registers its operands name. */
const registerFiles: ReadonlyMap<Instruction, Readonly<Record<Operand, number>>> = new Map(
  [...instructions, illegal].map((instruction) => {
    const file = (operand: Operand) =>
      instruction.operands.includes(floatNames[operand]) ? FLOAT_REGISTERS : INTEGER_REGISTERS;
    return [instruction, { rd: file("rd"), rs1: file("rs1"), rs2: file("rs2") }];
  }),
);

/** Where in memory the register is that an operand names. */
function register(decoded: Decoded, operand: Operand): number {
  return registerFiles.get(decoded.instruction)![operand] + 8 * decoded[operand];
}

function isNear({ instruction, length, imm }: Decoded, pageOffset: number): boolean {
  if (!isRelative(instruction) || pageOffset + length > PAGE_BYTES) return false;
  const target = pageOffset + imm;
  return target >= 0 && target < PAGE_BYTES;
}

/** Whether an instruction starting with this halfword at this place needs the next page, too. */
export function crossesPage(halfword: number, pageOffset: number): boolean {
  return pageOffset + lengthOf(halfword) > PAGE_BYTES;
}
