/** What the exact floating-point routines are written with: special values, and taking numbers apart. */
import {
  bias,
  FLAG,
  type FloatFormat,
  isNan,
  isSignaling,
  magnitude,
} from "../isa/float_format.ts";
import { call, type Code, i32, i64, type Local, select, when } from "../wasm/code.ts";
import { FunctionBuilder } from "../wasm/module.ts";
import { give, type Parts, ROUNDING } from "./soft_float_parts.ts";

/** A routine being written. */
export class Routine {
  /** Its operands, 64 bits each. */
  readonly operands: readonly Local[];
  /** The rounding mode, 32 bits. */
  readonly rounding: Local;
  /** For more locals. */
  readonly builder: FunctionBuilder;
  readonly #parts: Parts;

  /** A routine of so many operands. */
  constructor(operands: number, parts: Parts) {
    this.builder = new FunctionBuilder({
      parameters: [...Array.from({ length: operands }, () => "i64" as const), "i32"],
      results: ["i64"],
    });
    this.operands = this.builder.parameters.slice(0, operands);
    this.rounding = this.builder.parameters[operands]!;
    this.#parts = parts;
  }

  /** Raises one flag. */
  raise(flag: keyof typeof FLAG): Code {
    return call(this.#parts.raise, i32.const(FLAG[flag]));
  }

  /** Shifts a significand right by so many bits (32 bits). */
  jam(significand: Code, count: Code): Code {
    return call(this.#parts.jam, significand, count);
  }

  /** Rounds a number. */
  pack(format: FloatFormat, sign: Code, exponent: Code, significand: Code): Code {
    return call(
      this.#parts.pack[format.suffix],
      sign,
      exponent,
      significand,
      this.rounding.get,
    );
  }

  /** Raises the invalid flag and returns the canonical NaN. */
  refuse({ canonicalNan }: FloatFormat): Code {
    return [this.raise("invalid"), give(i64.const(canonicalNan))];
  }

  /** Returns the canonical NaN when an operand is a NaN; a signaling one is invalid. */
  refuseNans(format: FloatFormat): Code {
    return when(this.#any(isNan, format), [
      this.refuseSignaling(format),
      give(i64.const(format.canonicalNan)),
    ]);
  }

  /** Raises the invalid flag when an operand is a signaling NaN. */
  refuseSignaling(format: FloatFormat): Code {
    return when(this.#any(isSignaling, format), this.raise("invalid"));
  }

  #any(test: typeof isNan, format: FloatFormat): Code {
    return this.operands.map(({ get }) => test(format, get)).reduce((all, one) => i32.or(all, one));
  }

  /** The zero that is the exact sum of opposite numbers. */
  zeroSum({ sign }: FloatFormat): Code {
    return select(
      i32.eq(this.rounding.get, i32.const(ROUNDING.down)),
      i64.const(sign),
      i64.const(0),
    );
  }
}

/** Whether a value is an infinity (32 bits). */
export function isInfinite(format: FloatFormat, value: Code): Code {
  return i64.eq(magnitude(format, value), i64.const(format.infinity));
}

/** Whether a value is a zero (32 bits). */
export function isZero(format: FloatFormat, value: Code): Code {
  return i64.eqz(magnitude(format, value));
}

/** The sign bit of a value, in its place. */
export function signOf({ sign }: FloatFormat, value: Code): Code {
  return i64.and(value, i64.const(sign));
}

/** A finite number but zero taken apart: significand × 2^exponent, bit 62 the highest of the significand. */
export class Unpacked {
  /** 32 bits. */
  readonly exponent: Local;
  /** 64 bits. */
  readonly significand: Local;
  readonly #shift: Local;

  /** Locals of this routine. */
  constructor({ builder }: Routine) {
    this.exponent = builder.local("i32");
    this.significand = builder.local("i64");
    this.#shift = builder.local("i32");
  }

  /** Takes a value apart. */
  set(format: FloatFormat, value: Code): Code {
    const { exponent, significand } = this;
    const hidden = 1n << BigInt(format.fractionBits);
    const scale = bias(format) + format.fractionBits;
    const size = magnitude(format, value);
    return [
      exponent.set(i32.wrap(i64.shr_u(size, i64.const(format.fractionBits)))),
      significand.set(i64.and(value, i64.const(hidden - 1n))),
      when(
        exponent.get,
        significand.set(i64.or(significand.get, i64.const(hidden))),
        exponent.set(i32.const(1)),
      ),
      this.#shift.set(i32.sub(i32.wrap(i64.clz(significand.get)), i32.const(1))),
      significand.set(i64.shl(significand.get, i64.extend_u(this.#shift.get))),
      exponent.set(
        i32.sub(i32.sub(exponent.get, this.#shift.get), i32.const(scale)),
      ),
    ];
  }
}
