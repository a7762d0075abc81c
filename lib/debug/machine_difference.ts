/** In what two machines differ: registers, CSRs, pages of RAM. */
import type { Machine } from "../board/machine.ts";
import { fieldOffset } from "../cpu/hart_block.ts";
import { HART_BLOCK, HART_BLOCK_BYTES, PAGE_BYTES } from "../cpu/layout.ts";
import { GuestMemory } from "../cpu/memory.ts";
import { floatRegisterNames, registerNames } from "../isa/disassembler.ts";
import type { FieldDifference } from "./field_difference.ts";

/** What comes from outside, and not from an instruction: lines of devices, and waiting for them. */
const OUTSIDE: ReadonlySet<number> = new Set(
  [fieldOffset.interruptLines, fieldOffset.waiting].flatMap((offset) => [offset, offset + 4]),
);

/** Indices of the 32-bit words that instructions change. */
const WORDS = Int32Array.from(
  Array.from({ length: HART_BLOCK_BYTES / 4 }, (_, index) => HART_BLOCK + 4 * index)
    .filter((offset) => !OUTSIDE.has(offset)),
  (offset) => offset / 4,
);

/** Digests what instructions have left of a hart in its registers and CSRs, in a fraction of a microsecond. */
export class HartDigester {
  readonly #words: Int32Array;

  /** Looks at the hart of this machine. */
  constructor({ memory }: Machine) {
    this.#words = new Int32Array(memory.memory.buffer);
  }

  /** 32 bits. */
  digest(): number {
    const words = this.#words;
    let digest = 0;
    for (let at = 0; at < WORDS.length; at++) {
      digest = Math.imul(digest ^ words[WORDS[at]!]!, 0x9e37_79b1);
      digest ^= digest >>> 15;
    }
    return digest;
  }
}

/** Registers, CSRs and counts that differ. */
export function hartDifferences(first: Machine, second: Machine): FieldDifference[] {
  const [a, b] = [first, second].map(valuesOf);
  return [...a!].flatMap(([path, value]) => {
    const other = b!.get(path)!;
    return value === other ? [] : [{ path, first: hexadecimal(value), second: hexadecimal(other) }];
  });
}

/** A page of RAM that is not the same in both. */
export interface PageDifference {
  /** Guest-physical address of the first doubleword that differs. */
  readonly address: number;
  /** What the first machine has there. */
  readonly first: bigint;
  /** What the second one has. */
  readonly second: bigint;
}

/** Pages of RAM that differ, each by its first doubleword that does. */
export function pageDifferences(first: Machine, second: Machine): PageDifference[] {
  const [a, b] = [first, second].map(({ memory: { ram } }) =>
    new BigUint64Array(ram.buffer, ram.byteOffset, ram.byteLength / 8)
  ) as [BigUint64Array, BigUint64Array];
  const [halvesA, halvesB] = [first, second].map(({ memory: { ram } }) =>
    new Int32Array(ram.buffer, ram.byteOffset, ram.byteLength / 4)
  ) as [Int32Array, Int32Array];
  const found: PageDifference[] = [];
  const pageWords = PAGE_BYTES / 4;
  for (let page = 0; page < halvesA.length; page += pageWords) {
    let at = page;
    while (at < page + pageWords && halvesA[at] === halvesB[at]) at++;
    if (at === page + pageWords) continue;
    const word = at >> 1;
    found.push({ address: GuestMemory.ramBase + 8 * word, first: a[word]!, second: b[word]! });
  }
  return found;
}

function valuesOf(machine: Machine): Map<string, bigint> {
  const { registers, floatRegisters = [], fields } = machine.hartState();
  return new Map([
    ...registers.map((value, index) => [registerNames[index + 1]!, value] as const),
    ...floatRegisters.map((value, index) => [floatRegisterNames[index]!, value] as const),
    ...Object.entries(fields),
  ]);
}

function hexadecimal(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}
