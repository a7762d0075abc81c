/**
 * The instruction sequence of one case while it is being generated. It knows which registers hold a known address, so that
 * no access of machine mode leaves the memory meant for it, and which instructions are executed for certain.
 *
 * @module
 */

import { Assembler, type Register } from "./qemu_assembler.ts";
import { type Encoding, encodingOf } from "./qemu_encoding.ts";
import { CODE, CSR, PAGE_BYTES, USER_CODE } from "./qemu_layout.ts";
import type { Granularity } from "./qemu_protection.ts";
import type { Random } from "./qemu_random.ts";

/** Privilege modes by their encoding. */
export const MACHINE = 3, SUPERVISOR = 1, USER = 0;
/** A privilege mode. */
export type Mode = 3 | 1 | 0;

/** A sequence of instructions with what is known about the registers at its end. */
export class Program {
  /** Where instructions go. */
  readonly code = new Assembler();
  /** Registers whose value is known. */
  readonly known = new Map<Register, bigint>();
  /** Names of the instructions emitted outside of the shadow of a branch. */
  readonly names = new Set<string>();
  /** Mode in which the next instruction will run, as far as the generator knows. */
  mode: Mode;
  /** Doublewords of memory that the case needs, by physical address. */
  readonly patches: [number, bigint][] = [];
  /** Whether WFI can only trap: user mode, or mstatus.TW, and nothing in the case changes that. */
  waitIsRefused = false;
  /** Whether reserved encodings are left out. */
  withoutTraps = false;
  /** Whether SFENCE.VMA traps in supervisor mode (mstatus.TVM): tables are not edited there. */
  fenceIsRefused = false;
  /**
   * Whether accesses may go to addresses where nothing is. Such a case has neither AMOs nor misaligned accesses: see
   * the differences.
   */
  holes = false;
  /** Whether and how entries of physical memory protection bound the arena. */
  protection: Granularity | undefined;
  /** Where ranges of those entries begin and end. */
  bounds: readonly number[] = [];
  /** Whether a part of the code may not be executed: no sequence may then rely on its second half. */
  fetchFaults = false;
  #modified: "fresh" | "used" | undefined;
  #labels = 0;
  #shadows = 0;

  /** An empty sequence at `offset` bytes in the code area, with or without address translation below machine mode. */
  constructor(
    readonly random: Random,
    readonly offset: number,
    mode: Mode,
    readonly translated: boolean,
  ) {
    this.mode = mode;
  }

  /** The address of the code area in a mode. */
  baseOf(mode: Mode): number {
    return mode === USER && this.translated ? USER_CODE : CODE;
  }

  /** Counts `name` as executed, and forgets what was known about its destination. */
  wrote(name: string, rd: Register): void {
    this.known.delete(rd);
    this.executed(name);
  }

  /** Counts `name` as executed unless a branch may jump over it. */
  executed(name: string): void {
    if (this.#shadows === 0) this.names.add(name);
  }

  /** A label that no other has. */
  freshLabel(): string {
    return `L${this.#labels++}`;
  }

  /** Any register. */
  anyRegister(): Register {
    return this.random.below(32);
  }

  /** A register to write to: seldom one whose value is known. */
  destination(): Register {
    for (let attempt = 0; attempt < 4; attempt++) {
      const register = this.random.below(32);
      if (!this.known.has(register) || this.random.oneIn(16)) return register;
    }
    return 0;
  }

  /** A register other than x0 and those of `except`, preferably one of unknown value. */
  scratch(...except: Register[]): Register {
    for (let attempt = 0;; attempt++) {
      const register = this.random.between(1, 31);
      if (except.includes(register)) continue;
      if (!this.known.has(register) || attempt > 8) return register;
    }
  }

  /** Loads a constant into a register and remembers it. */
  set(register: Register, value: bigint): void {
    this.code.li(register, value);
    this.known.set(register, BigInt.asUintN(64, value));
  }

  /** A scratch register holding `value`. */
  constant(value: bigint, ...except: Register[]): Register {
    if (value === 0n) return 0;
    const register = this.scratch(...except);
    this.set(register, value);
    return register;
  }

  /**
   * A register and an offset within `low` to `high`, a multiple of `scale`, that together make `address`; `allowed` are the
   * registers that the instruction can name.
   */
  base(
    address: bigint,
    low: number,
    high: number,
    scale: number,
    allowed: readonly Register[],
  ): { register: Register; offset: number } {
    for (const register of allowed) {
      const value = this.known.get(register);
      if (value === undefined) continue;
      const offset = BigInt.asIntN(64, address - value);
      if (offset < BigInt(low) || offset > BigInt(high) || offset % BigInt(scale) !== 0n) continue;
      return { register, offset: Number(offset) };
    }
    const register = this.random.pick(allowed);
    const offset = this.random.between(Math.ceil(low / scale), Math.floor(high / scale)) * scale;
    this.set(register, BigInt.asUintN(64, address - BigInt(offset)));
    return { register, offset };
  }

  /** Emits `body` in the shadow of a jump or branch to the label behind it, which `jump` emits. */
  shadow(jump: (label: string) => void, body: () => void): void {
    const label = this.freshLabel();
    jump(label);
    const before = new Map(this.known);
    this.#shadows++;
    body();
    this.#shadows--;
    this.code.label(label);
    for (const [register, value] of this.known) {
      if (before.get(register) !== value) this.known.delete(register);
    }
  }

  /** Whether the peer would check a misaligned access at this offset of a page otherwise: see the differences. */
  mustAlign(offset: number, size: number): boolean {
    return this.protection !== undefined && (size === 8 || offset % PAGE_BYTES + size > PAGE_BYTES);
  }

  /** Notes that MPRV and MPP have just been set. */
  privilegeModified(): void {
    this.#modified = "fresh";
  }

  /**
   * Before an access: ends MPRV unless it was set for this one, since a trap in between may have changed MPP (see the
   * differences).
   */
  beforeAccess(): void {
    if (this.#modified === "used" && this.mode === MACHINE) {
      const modifyPrivilege = this.constant(0x2_0000n);
      this.code.csr("csrrc", 0, CSR.mstatus, modifyPrivilege);
      this.#modified = undefined;
    }
    if (this.#modified === "fresh") this.#modified = "used";
  }

  /** Whether MPRV is set, as far as the generator knows. */
  get privilegeIsModified(): boolean {
    return this.#modified !== undefined && this.mode === MACHINE;
  }

  /** The encoding of `name`. */
  encoding(name: string): Encoding {
    return encodingOf(name);
  }
}

/** x1 to x31. */
export const WRITABLE: readonly Register[] = Array.from({ length: 31 }, (_, index) => index + 1);
/** x8 to x15, the registers of most compressed instructions. */
export const COMPRESSED_REGISTERS: readonly Register[] = [8, 9, 10, 11, 12, 13, 14, 15];
