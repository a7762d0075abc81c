/**
 * A tiny assembler over the encoding table: labels, `li`, and the instructions the harness and the cases are made of.
 *
 * @module
 */

import {
  encodingOf,
  immediateB,
  immediateCB,
  immediateCJ,
  immediateI,
  immediateJ,
  immediateS,
} from "./qemu_encoding.ts";

/** Registers by their ABI names, in order of their number. */
export const REGISTER_NAMES: readonly string[] = (
  "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"
).split(" ");

/** A register number, 0 to 31. */
export type Register = number;

interface Reference {
  readonly at: number;
  readonly label: string;
  readonly scatter: (offset: number) => number;
  readonly bytes: 2 | 4;
  readonly limit: number;
}

/** Assembles instructions into bytes; label references are resolved by {@link Assembler.bytes}. */
export class Assembler {
  readonly #code: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #references: Reference[] = [];

  /** Bytes emitted so far. */
  get length(): number {
    return this.#code.length;
  }

  /** Defines `name` here. */
  label(name: string): void {
    if (this.#labels.has(name)) throw new RangeError(`Label "${name}" is defined twice`);
    this.#labels.set(name, this.#code.length);
  }

  /** The offset in bytes of a label that is already defined. */
  offsetOf(name: string): number {
    const offset = this.#labels.get(name);
    if (offset === undefined) throw new RangeError(`Label "${name}" is not defined`);
    return offset;
  }

  /** Emits a 32-bit instruction word as it is. */
  word(word: number): void {
    this.#code.push(word & 0xff, (word >> 8) & 0xff, (word >> 16) & 0xff, (word >> 24) & 0xff);
  }

  /** Emits a 16-bit instruction word as it is. */
  half(half: number): void {
    this.#code.push(half & 0xff, (half >> 8) & 0xff);
  }

  /** Pads with zero halfwords (a defined illegal instruction) up to a multiple of `bytes`. */
  align(bytes: number): void {
    while (this.#code.length % bytes !== 0) this.half(0);
  }

  /** Register-register instructions, and shifts by immediate with the amount in `rs2`. */
  r(name: string, rd: Register, rs1: Register, rs2: Register): void {
    this.word(encodingOf(name).match | (rd << 7) | (rs1 << 15) | (rs2 << 20));
  }

  /** Register-immediate instructions, loads and `jalr`. */
  i(name: string, rd: Register, rs1: Register, immediate: number): void {
    this.word(encodingOf(name).match | (rd << 7) | (rs1 << 15) | immediateI(immediate));
  }

  /** Stores `rs2` to `offset(rs1)`. */
  s(name: string, rs2: Register, rs1: Register, offset: number): void {
    this.word(encodingOf(name).match | (rs2 << 20) | (rs1 << 15) | immediateS(offset));
  }

  /** `lui` and `auipc`; `upper` is the 20-bit field. */
  u(name: string, rd: Register, upper: number): void {
    this.word(encodingOf(name).match | (rd << 7) | (upper << 12));
  }

  /** Branches to a label. */
  branch(name: string, rs1: Register, rs2: Register, label: string): void {
    this.#refer(label, immediateB, 4, 4096);
    this.word(encodingOf(name).match | (rs1 << 15) | (rs2 << 20));
  }

  /** `jal rd, label`. */
  jal(rd: Register, label: string): void {
    this.#refer(label, immediateJ, 4, 1 << 20);
    this.word(encodingOf("jal").match | (rd << 7));
  }

  /** `c.j label`. */
  compressedJump(label: string): void {
    this.#refer(label, immediateCJ, 2, 1 << 11);
    this.half(encodingOf("c.j").match);
  }

  /** `c.beqz` and `c.bnez`; `rs1` is 8 to 15. */
  compressedBranch(name: string, rs1: Register, label: string): void {
    this.#refer(label, immediateCB, 2, 1 << 8);
    this.half(encodingOf(name).match | ((rs1 - 8) << 7));
  }

  /** `csrrw`, `csrrs`, `csrrc` and their immediate forms, whose immediate stands in `rs1`. */
  csr(name: string, rd: Register, csr: number, rs1: Register): void {
    this.word(encodingOf(name).match | (rd << 7) | (rs1 << 15) | (csr << 20));
  }

  /** An instruction without operands. */
  fixed(name: string): void {
    const { match, format } = encodingOf(name);
    if (format === "c.fixed") this.half(match);
    else this.word(match);
  }

  /** Loads a 64-bit constant with as few instructions as the usual recursion gives. */
  li(rd: Register, value: bigint): void {
    const wanted = BigInt.asIntN(64, value);
    if (wanted >= -0x8000_0000n && wanted <= 0x7fff_ffffn) {
      const low = Number(BigInt.asIntN(12, wanted));
      const high = Number((wanted - BigInt(low)) >> 12n) & 0xfffff;
      if (high !== 0) this.u("lui", rd, high);
      if (high === 0) this.i("addi", rd, 0, low);
      else if (low !== 0) this.i("addiw", rd, rd, low);
      return;
    }
    const low = BigInt.asIntN(12, wanted);
    let rest = (wanted - low) >> 12n;
    let shift = 12;
    while ((rest & 1n) === 0n) {
      rest >>= 1n;
      shift++;
    }
    // The difference can leave 64 bits; the bits above are shifted out again.
    this.li(rd, BigInt.asIntN(64 - shift, rest));
    this.r("slli", rd, rd, shift);
    if (low !== 0n) this.i("addi", rd, rd, Number(low));
  }

  /** The code with every label resolved. */
  bytes(): Uint8Array {
    const code = Uint8Array.from(this.#code);
    const view = new DataView(code.buffer);
    for (const { at, label, scatter, bytes, limit } of this.#references) {
      const offset = this.offsetOf(label) - at;
      if (offset < -limit || offset >= limit) {
        throw new RangeError(`Label "${label}" is ${offset} bytes away, the limit is ${limit}`);
      }
      if (bytes === 2) view.setUint16(at, view.getUint16(at, true) | scatter(offset), true);
      else view.setInt32(at, view.getInt32(at, true) | scatter(offset), true);
    }
    return code;
  }

  #refer(label: string, scatter: (offset: number) => number, bytes: 2 | 4, limit: number): void {
    this.#references.push({ at: this.#code.length, label, scatter, bytes, limit });
  }
}
