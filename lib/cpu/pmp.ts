/**
 * Physical memory protection (privileged specification, section 3.7): 16 entries with a granularity of 4 bytes.
 *
 * Accesses are checked where they are translated. A TLB holds a page only if one entry, or none, decides for
 * all of it, and a change of the entries empties the TLBs: what hits a TLB has been checked.
 */
import type { Field, HartBlock } from "./hart_block.ts";
import { PAGE_BYTES } from "./layout.ts";
import { PRIVILEGE } from "./privilege.ts";

/** What an entry permits, by its bits in the configuration. */
export const PERMISSION = { read: 1, write: 2, execute: 4 } as const;

/** Number of entries. */
export const PMP_ENTRIES = 16;

/** The configuration registers that RV64 has: of entries 0 to 7 and 8 to 15. */
export type PmpConfiguration = "pmpcfg0" | "pmpcfg2";

const LOCKED = 0x80;
const CONFIGURATION_BITS = 0x9f;
const MODE_BITS = 0x18;
/** How an entry names its range (section 3.7.1). */
const MODE = { off: 0x00, topOfRange: 0x08, fourBytes: 0x10 } as const;
const ENTRIES_IN_REGISTER = 8;

const addressFields = Array.from(
  { length: PMP_ENTRIES },
  (_, entry) => `pmpaddr${entry}` as Field,
);

/** An entry that is not off. Bytes of the range are exact below 2^53, and above there is nothing. */
interface Rule {
  readonly bottom: number;
  /** The first address behind. */
  readonly top: number;
  readonly permissions: number;
  /** Binds machine mode, too. */
  readonly locked: boolean;
}

/** The entries of one hart. */
export class Pmp {
  readonly #block: HartBlock;
  #rules: readonly Rule[] = [];

  /** The entries in this hart block. */
  constructor(block: HartBlock) {
    this.#block = block;
  }

  /** Takes over the entries from the hart block. */
  update(): void {
    this.#rules = addressFields.flatMap((_, entry) => this.#rule(entry) ?? []);
  }

  /** Whether all bytes of an access may be accessed. */
  permits(address: number, bytes: number, permission: number, privilege: number): boolean {
    const machine = privilege === PRIVILEGE.machine;
    for (const { bottom, top, permissions, locked } of this.#rules) {
      if (address + bytes <= bottom || address >= top) continue;
      // An entry that matches some bytes only makes the access fail, also one of machine mode.
      if (address < bottom || address + bytes > top) return false;
      return machine && !locked || (permissions & permission) !== 0;
    }
    return machine;
  }

  /** Whether the same entry, or none, matches every byte of the page of this address. */
  decidesAlike(address: number): boolean {
    const page = address - address % PAGE_BYTES;
    for (const { bottom, top } of this.#rules) {
      if (page + PAGE_BYTES <= bottom || page >= top) continue;
      return page >= bottom && page + PAGE_BYTES <= top;
    }
    return true;
  }

  /** Writes a configuration register: locked entries stay as they are, and so do those given a reserved value. */
  configure(register: PmpConfiguration, value: bigint): void {
    const old = this.#block.get(register);
    let result = 0n;
    for (let shift = 0n; shift < 64n; shift += 8n) {
      const before = Number(old >> shift & 0xffn);
      const after = Number(value >> shift & 0xffn) & CONFIGURATION_BITS;
      const entry = (before & LOCKED) === 0 && !writesOnly(after) ? after : before;
      result |= BigInt(entry) << shift;
    }
    this.#block.set(register, result);
    this.update();
  }

  /** Writes an address register, unless it is locked. */
  place(entry: number, address: bigint): void {
    if (this.#addressLocked(entry)) return;
    this.#block.set(addressFields[entry]!, address);
    this.update();
  }

  /** The range and permissions of an entry, unless it matches nothing. */
  #rule(entry: number): Rule | undefined {
    const configuration = this.#configuration(entry);
    const mode = configuration & MODE_BITS;
    if (mode === MODE.off) return undefined;
    const [bottom, top] = this.#range(entry, mode);
    if (bottom >= top) return undefined;
    return {
      bottom: 4 * Number(bottom),
      top: 4 * Number(top),
      permissions: configuration,
      locked: (configuration & LOCKED) !== 0,
    };
  }

  /** First and last word of an entry's range, the latter exclusive. */
  #range(entry: number, mode: number): readonly [bigint, bigint] {
    const address = this.#address(entry);
    if (mode === MODE.topOfRange) return [entry === 0 ? 0n : this.#address(entry - 1), address];
    if (mode === MODE.fourBytes) return [address, address + 1n];
    // The lowest zero tells the size of a naturally aligned power of two.
    const within = address ^ (address + 1n);
    return [address & ~within, (address | within) + 1n];
  }

  /** An entry's address is also locked by a locked next entry that uses it as its bottom. */
  #addressLocked(entry: number): boolean {
    if ((this.#configuration(entry) & LOCKED) !== 0) return true;
    if (entry + 1 === PMP_ENTRIES) return false;
    const next = this.#configuration(entry + 1);
    return (next & LOCKED) !== 0 && (next & MODE_BITS) === MODE.topOfRange;
  }

  #configuration(entry: number): number {
    const register = this.#block.get(entry < ENTRIES_IN_REGISTER ? "pmpcfg0" : "pmpcfg2");
    return Number(register >> BigInt(8 * (entry % ENTRIES_IN_REGISTER)) & 0xffn);
  }

  #address(entry: number): bigint {
    return this.#block.get(addressFields[entry]!);
  }
}

/** Whether a register configures an entry to be written but not read, which is reserved. */
export function isReserved(register: bigint): boolean {
  return Array.from(
    { length: ENTRIES_IN_REGISTER },
    (_, entry) => Number(register >> BigInt(8 * entry) & 0xffn),
  ).some(writesOnly);
}

function writesOnly(configuration: number): boolean {
  return (configuration & (PERMISSION.read | PERMISSION.write)) === PERMISSION.write;
}
