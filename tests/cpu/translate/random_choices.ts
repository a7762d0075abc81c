/** What random guests are made from. */
import { Seeded } from "../../epoch/seeded.ts";
import { DEVICE, RAM } from "../test_machine.ts";
import {
  A,
  ALL,
  ANYHOW,
  ANYHOW_PAGES,
  DATA,
  DATA_PAGES,
  FOR_USER,
  FUNCTION_COUNT,
  FUNCTIONS,
  MEGAPAGE,
  PAGE,
  R,
  table,
  U,
  V,
  W,
  X,
} from "./random_guest_layout.ts";

/** A seeded source of them. */
export class Choices extends Seeded {
  /** One of several. */
  pick<Value>(from: readonly Value[]): Value {
    return from[this.between(0, from.length - 1)]!;
  }

  /** A page of data, or of code for once. */
  anyPage(): number {
    return this.once(4)
      ? FUNCTIONS + this.between(0, 2 * FUNCTION_COUNT - 1) * PAGE
      : DATA + this.between(0, DATA_PAGES - 1) * PAGE;
  }

  /** Flags of a page-table entry. */
  flags(): number {
    const often = this.pick([ALL | U, ALL, V | R | W | U, V | R | W]);
    return this.once(3) ? this.pick([V | R | A, V | R | A | U, V | X | A, 0]) : often;
  }

  /** Where data are, or something else for once. */
  pointer(): number {
    const near = this.pick([0, 0, 8, -8, -4, 16, -16, 0x800, 3]);
    const page = this.between(1, DATA_PAGES - 1) * PAGE;
    return near + this.pick([
      DATA + page,
      DATA + page,
      FOR_USER + (DATA - RAM) + page,
      MEGAPAGE + (DATA - RAM) + page,
      ANYHOW + this.between(0, ANYHOW_PAGES - 1) * PAGE,
      ANYHOW + this.between(0, ANYHOW_PAGES - 1) * PAGE,
      this.once(4) ? DEVICE : DATA,
      this.once(4) ? table(this.between(0, 1), 4) : DATA + page,
      this.once(4) ? FUNCTIONS + page : DATA + page,
    ]);
  }

  /** An integer register. */
  value(): bigint {
    const next = () => BigInt(this.between(0, 0xffff_ffff));
    return this.pick([
      BigInt.asUintN(64, BigInt(this.between(-4, 40))),
      next() << 32n | next(),
      this.float(),
    ]);
  }

  /** A floating-point register: of either format, with an exponent that matters. */
  float(): bigint {
    const next = () => BigInt(this.between(0, 0xffff_ffff));
    const single = () => {
      const exponent = this.pick([0n, 0n, 1n, 0xffn, 0x7fn, 0x80n, 0x96n, 0x40n, 0xfen]);
      const fraction = this.pick([0n, 1n, 0x40_0000n, next() & 0x7f_ffffn]);
      return next() >> 31n << 31n | exponent << 23n | fraction;
    };
    const exponents = [0n, 0n, 1n, 0x7ffn, 0x7fen, 0x3ffn, 0x400n, 0x433n, 0x41en, 0x41dn, 0x380n];
    const exponent = this.pick(exponents);
    const fraction = this.pick([0n, 1n, 1n << 51n, (next() << 32n | next()) & (1n << 52n) - 1n]);
    return this.pick([
      0xffff_ffff_0000_0000n | single(),
      single(),
      next() >> 31n << 63n | exponent << 52n | fraction,
      next() >> 31n << 63n | exponent << 52n | fraction,
    ]);
  }
}
