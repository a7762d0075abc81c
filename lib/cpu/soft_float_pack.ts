/** Rounding a number that is taken apart to a format: what makes the result of every exact routine. */
import { bias, FLAG, type FloatFormat } from "../isa/float_format.ts";
import { call, type Code, either, i32, i64, select, when } from "../wasm/code.ts";
import { FunctionBuilder, type ModuleBuilder } from "../wasm/module.ts";
import { give, HIGHEST, type Parts, ROUNDING } from "./soft_float_parts.ts";

/**
 * Adds a function of sign, exponent, significand and rounding mode. Any significand but 0 will do; its lowest bit may be
 * sticky when it is below the bit that decides about rounding.
 */
export function addPack(
  module: ModuleBuilder,
  format: FloatFormat,
  parts: Pick<Parts, "raise" | "jam">,
): number {
  const packing = new Packing(format, parts);
  return module.addFunction(packing.builder, [
    packing.normalise(),
    packing.chooseIncrement(),
    packing.makeSubnormal(),
    packing.overflow(),
    packing.round(),
  ]);
}

class Packing {
  readonly builder = new FunctionBuilder({
    parameters: ["i64", "i32", "i64", "i32"],
    results: ["i64"],
  });
  readonly #sign = this.builder.parameters[0]!;
  /** From {@linkcode normalise} on, what is added to the exponent field, to which the highest bit adds 1 more. */
  readonly #exponent = this.builder.parameters[1]!;
  readonly #significand = this.builder.parameters[2]!;
  readonly #rounding = this.builder.parameters[3]!;
  /** What is added to a significand before the bits below the fraction are dropped. */
  readonly #increment = this.builder.local("i64");
  readonly #flags = this.builder.local("i32");
  readonly #format: FloatFormat;
  readonly #parts: Pick<Parts, "raise" | "jam">;
  /** How many bits are dropped. */
  readonly #dropped: bigint;

  constructor(format: FloatFormat, parts: Pick<Parts, "raise" | "jam">) {
    this.#format = format;
    this.#parts = parts;
    this.#dropped = BigInt(HIGHEST - format.fractionBits);
  }

  /** Whether rounding makes the significand a power of two that is one bit longer (32 bits). */
  get #carries(): Code {
    return i64.lt_s(i64.add(this.#significand.get, this.#increment.get), i64.const(0));
  }

  get #half(): bigint {
    return 1n << this.#dropped - 1n;
  }

  get #below(): bigint {
    return (1n << this.#dropped) - 1n;
  }

  /** Moves the highest bit to its place. */
  normalise(): Code {
    const significand = this.#significand;
    const exponent = this.#exponent;
    const shift = this.builder.local("i32");
    const one = i64.const(1);
    return [
      when(i64.lt_s(significand.get, i64.const(0)), [
        significand.set(i64.or(i64.shr_u(significand.get, one), i64.and(significand.get, one))),
        exponent.set(i32.add(exponent.get, i32.const(1))),
      ]),
      shift.set(i32.sub(i32.wrap(i64.clz(significand.get)), i32.const(1))),
      significand.set(i64.shl(significand.get, i64.extend_u(shift.get))),
      exponent.set(
        i32.add(i32.sub(exponent.get, shift.get), i32.const(HIGHEST + bias(this.#format) - 1)),
      ),
    ];
  }

  chooseIncrement(): Code {
    const awayFromZero = select(
      i64.eqz(this.#sign.get),
      i32.const(ROUNDING.up),
      i32.const(ROUNDING.down),
    );
    // Both ways to the nearest have the lower two bits 0.
    const isNearest = i32.eqz(i32.and(this.#rounding.get, i32.const(3)));
    const directed = select(
      i32.eq(this.#rounding.get, awayFromZero),
      i64.const(this.#below),
      i64.const(0),
    );
    return this.#increment.set(either("i64", isNearest, i64.const(this.#half), directed));
  }

  /**
   * Gives a number below the normal ones the least exponent. It is tiny, and underflows when inexact, if it is below them
   * also after rounding to full precision, as if there were no least exponent (section 11.4).
   */
  makeSubnormal(): Code {
    const exponent = this.#exponent;
    const staysBelow = i32.or(i32.lt_s(exponent.get, i32.const(-1)), i32.eqz(this.#carries));
    const distance = i32.sub(i32.const(0), exponent.get);
    return when(i32.lt_s(exponent.get, i32.const(0)), [
      this.#flags.set(select(staysBelow, i32.const(FLAG.underflow), i32.const(0))),
      this.#significand.set(call(this.#parts.jam, this.#significand.get, distance)),
      exponent.set(i32.const(0)),
    ]);
  }

  /** Returns infinity, or the largest number when rounding goes towards zero, for what is too large. */
  overflow(): Code {
    const largest = i32.const(2 ** this.#format.exponentBits - 3);
    const exponent = this.#exponent;
    const towardsZero = i64.extend_u(i64.eqz(this.#increment.get));
    const result = i64.sub(i64.const(this.#format.infinity), towardsZero);
    return when(
      i32.or(
        i32.gt_s(exponent.get, largest),
        i32.and(i32.eq(exponent.get, largest), this.#carries),
      ),
      [
        call(this.#parts.raise, i32.const(FLAG.overflow | FLAG.inexact)),
        give(i64.or(this.#sign.get, result)),
      ],
    );
  }

  /** Drops what is below the fraction, and leaves the result. */
  round(): Code {
    const significand = this.#significand;
    const rest = this.builder.local("i64");
    const isTie = i32.and(
      i64.eq(rest.get, i64.const(this.#half)),
      i32.eq(this.#rounding.get, i32.const(ROUNDING.nearestEven)),
    );
    const field = i64.shl(
      i64.extend_u(this.#exponent.get),
      i64.const(this.#format.fractionBits),
    );
    return [
      rest.set(i64.and(significand.get, i64.const(this.#below))),
      when(
        i64.ne(rest.get, i64.const(0)),
        call(this.#parts.raise, i32.or(this.#flags.get, i32.const(FLAG.inexact))),
      ),
      significand.set(
        i64.shr_u(
          i64.add(significand.get, this.#increment.get),
          i64.const(this.#dropped),
        ),
      ),
      when(isTie, significand.set(i64.and(significand.get, i64.const(-2)))),
      i64.or(this.#sign.get, i64.add(field, significand.get)),
    ];
  }
}
