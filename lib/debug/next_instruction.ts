/** The instruction that a hart executes next, found without changing anything. */
import type { Machine } from "../board/machine.ts";
import { fieldOffset, HartBlock } from "../cpu/hart_block.ts";
import { FETCH_BANK, FETCH_TLB, TLB_ENTRIES, TLB_ENTRY_BYTES } from "../cpu/layout.ts";
import { FIRST_OPERATION } from "../cpu/operations.ts";
import { RECORD, RECORD_BYTES_PER_BYTE } from "../cpu/record.ts";
import { lengthOf } from "../isa/decoder.ts";
import { type Addressing, addressingOf, readVirtual } from "./guest_memory_view.ts";

const PAGE_MASK = 0xfff;

/**
 * Reads instructions at pc. Those that the hart has decoded lie in its fetch TLB, where they are found in a
 * few nanoseconds; others are looked for through the page tables.
 */
export class NextInstruction {
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #machine: Machine;
  readonly #block: HartBlock;

  /** Looks at this machine. */
  constructor(machine: Machine) {
    const { buffer } = machine.memory.memory;
    this.#words = new Int32Array(buffer);
    this.#halves = new Uint16Array(buffer);
    this.#machine = machine;
    this.#block = new HartBlock(machine.memory.memory);
  }

  /** Its 16 or 32 bits, unsigned; undefined where no instruction can be fetched. */
  get bits(): number | undefined {
    const low = this.#words[fieldOffset.pc >> 2]!;
    const high = this.#words[(fieldOffset.pc >> 2) + 1]!;
    const index = low >>> 8 & (TLB_ENTRIES - 1) * TLB_ENTRY_BYTES;
    const entry = (this.#words[FETCH_BANK >> 2]! + FETCH_TLB + index) >> 2;
    if (this.#words[entry] === (low & ~PAGE_MASK) && this.#words[entry + 1] === high) {
      const record = this.#words[entry + 2]! + (low & PAGE_MASK) * RECORD_BYTES_PER_BYTE;
      if (this.#halves[record >> 1]! >= FIRST_OPERATION) {
        return this.#words[(record + RECORD.bits) >> 2]! >>> 0;
      }
    }
    const address = BigInt.asUintN(64, BigInt(high) << 32n | BigInt(low >>> 0));
    return instructionAt(this.#machine, address, addressingOf(this.#block));
  }
}

/** The bits of the instruction at any address; undefined where there is none. */
export function instructionAt(
  machine: Machine,
  address: bigint,
  addressing?: Addressing,
): number | undefined {
  const bytes = readVirtual(machine, address, 4, addressing);
  const [a, b, c, d] = bytes;
  if (a === undefined || b === undefined) return undefined;
  if (lengthOf(a) === 2) return a | b << 8;
  return c === undefined || d === undefined ? undefined : (a | b << 8 | c << 16 | d << 24) >>> 0;
}
