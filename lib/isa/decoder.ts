/** Decoding, derived from the tables. */
import { atomics } from "./atomic.ts";
import { type Compressed, compressed } from "./compressed.ts";
import { floatComputation } from "./float_computation.ts";
import { floatTransfer } from "./float_transfer.ts";
import { floatConversion } from "./float_conversion.ts";
import { immediate, type Instruction } from "./instruction.ts";
import { integer } from "./integer.ts";
import { multiplication } from "./multiply.ts";
import { illegal, privileged } from "./privileged.ts";
import { csrInstructions } from "./zicsr.ts";

/** Every 32-bit instruction. */
export const instructions: readonly Instruction[] = [
  ...integer,
  ...multiplication,
  ...atomics,
  ...floatTransfer,
  ...floatComputation,
  ...floatConversion,
  ...csrInstructions,
  ...privileged,
];

/** An instruction with its operands. */
export interface Decoded {
  /** What it does; for a compressed one, its expansion. */
  readonly instruction: Instruction;
  /** The compressed instruction, if it is one. */
  readonly compressed?: Compressed;
  /** Bytes: 2 or 4. */
  readonly length: 2 | 4;
  /** The 16 or 32 bits it was decoded from, unsigned. */
  readonly bits: number;
  /** Bits 11:7, whether or not the format has rd. */
  readonly rd: number;
  /** Bits 19:15. */
  readonly rs1: number;
  /** Bits 24:20. */
  readonly rs2: number;
  /** Sign-extended to 32 bits. */
  readonly imm: number;
}

const byName = new Map(instructions.map((instruction) => [instruction.name, instruction]));

/** The instruction with this name. */
export function instructionNamed(name: string): Instruction {
  const instruction = byName.get(name);
  if (instruction === undefined) throw new Error(`There is no instruction named ${name}`);
  return instruction;
}

/** Opcode (bits 6:2) and funct3, which every entry either fixes or leaves open. */
const bucketOf = (bits: number) => (bits >>> 2 & 0x1f) << 3 | bits >>> 12 & 7;

const buckets: readonly (readonly Instruction[])[] = Array.from(
  { length: 256 },
  (_, bucket) => {
    const bits = (bucket >> 3) << 2 | 3 | (bucket & 7) << 12;
    return instructions.filter(({ mask, match }) => ((bits ^ match) & mask & 0x707f) === 0);
  },
);

const compressedBuckets: readonly (readonly Compressed[])[] = Array.from(
  { length: 32 },
  (_, bucket) => compressed.filter(({ match }) => (match & 3 | match >>> 11 & 0x1c) === bucket),
);

/** Bytes of the instruction that starts with this halfword. */
export function lengthOf(halfword: number): 2 | 4 {
  return (halfword & 3) === 3 ? 4 : 2;
}

/** Decodes one instruction from 32 bits, of which a compressed one is the lower half. */
export function decode(word: number): Decoded {
  return lengthOf(word) === 4 ? decodeWord(word >>> 0) : decodeHalfword(word & 0xffff);
}

function decodeWord(bits: number): Decoded {
  const found = buckets[bucketOf(bits)]!.find(({ mask, match }) => ((bits ^ match) & mask) === 0);
  const instruction = found ?? illegal;
  return {
    instruction,
    length: 4,
    bits,
    rd: bits >>> 7 & 31,
    rs1: bits >>> 15 & 31,
    rs2: bits >>> 20 & 31,
    imm: immediate[instruction.format](bits | 0),
  };
}

function decodeHalfword(bits: number): Decoded {
  for (const entry of compressedBuckets[bits & 3 | bits >>> 11 & 0x1c]!) {
    if (((bits ^ entry.match) & entry.mask) !== 0) continue;
    const expansion = entry.expand(bits);
    if (expansion !== undefined) {
      const instruction = instructionNamed(entry.base);
      return { instruction, compressed: entry, length: 2, bits, ...expansion };
    }
  }
  return { instruction: illegal, length: 2, bits, rd: 0, rs1: 0, rs2: 0, imm: 0 };
}
