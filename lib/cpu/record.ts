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
import { decode, type Decoded, lengthOf } from "../isa/decoder.ts";
import { INTEGER_REGISTERS, PAGE_BYTES, RECORD_BYTES, ZERO_SINK } from "./layout.ts";
import { isRelative, operationNumber } from "./operations.ts";

/** Offsets of the parts of a record. */
export const RECORD = { operation: 0, rd: 2, rs1: 4, rs2: 6, imm: 8, bits: 12 } as const;

/** Bytes of records for each byte of code: there is a record for each halfword. */
export const RECORD_BYTES_PER_BYTE = RECORD_BYTES / 2;

/** Writes records. */
export class RecordWriter {
  readonly #halves: Uint16Array;
  readonly #words: Int32Array;

  constructor(memory: WebAssembly.Memory) {
    this.#halves = new Uint16Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
  }

  /**
   * Decodes an instruction into the record at `at`.
   * @param word Its bits; only the lower half counts for a compressed one.
   * @param pageOffset Where it starts in its page.
   */
  instruction(at: number, word: number, pageOffset: number): void {
    const decoded = decode(word);
    const near = isNear(decoded, pageOffset);
    const half = at >> 1;
    this.#halves[half + 1] = decoded.rd === 0 ? ZERO_SINK : register(decoded.rd);
    this.#halves[half + 2] = register(decoded.rs1);
    this.#halves[half + 3] = register(decoded.rs2);
    this.#words[(at >> 2) + 2] = near ? decoded.imm * RECORD_BYTES_PER_BYTE : decoded.imm;
    this.#words[(at >> 2) + 3] = decoded.bits;
    this.#halves[half] = operationNumber(decoded.instruction, decoded.length, near);
  }

  /** Writes a record that is no instruction. */
  pseudo(at: number, operation: number): void {
    this.#halves[at >> 1] = operation;
  }
}

const register = (n: number) => INTEGER_REGISTERS + 8 * n;

function isNear({ instruction, length, imm }: Decoded, pageOffset: number): boolean {
  if (!isRelative(instruction) || pageOffset + length > PAGE_BYTES) return false;
  const target = pageOffset + imm;
  return target >= 0 && target < PAGE_BYTES;
}

/** Whether an instruction starting with this halfword at this place needs the next page, too. */
export function crossesPage(halfword: number, pageOffset: number): boolean {
  return pageOffset + lengthOf(halfword) > PAGE_BYTES;
}
