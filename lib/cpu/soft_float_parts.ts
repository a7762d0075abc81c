/** What the exact floating-point routines are made of: taking numbers apart, rounding them, raising flags. */
import { FLAG, type FloatFormat, isNan, isSignaling, magnitude } from "../isa/float_format.ts";
import {
  call,
  type Code,
  either,
  i32,
  i64,
  leave,
  type Local,
  select,
  when,
} from "../wasm/code.ts";
import { FunctionBuilder, type ModuleBuilder } from "../wasm/module.ts";
import { fieldOffset } from "./hart_block.ts";
import { MSTATUS } from "./privilege.ts";

/** Rounding modes (unprivileged specification, table 11.1). */
export const ROUNDING = { nearestEven: 0, zero: 1, down: 2, up: 3, nearestMaximum: 4 } as const;

/** Function indices of the parts. */
export interface Parts {
  /** Sets bits of `fflags` (32 bits), when there are any. */
  readonly raise: number;
  /** Shifts a significand right by so many bits (32 bits), keeping its lowest bit sticky. */
  readonly jam: number;
  /** Rounds sign, exponent (32 bits) and significand, by a rounding mode (32 bits), to a format. */
  readonly pack: Readonly<Record<"s" | "d", number>>;
}

/** The bit of a significand taken apart that has the value 2^exponent × 2^62, its highest. */
const HIGHEST = 62;

/** Adds the parts to a module. */
export function addParts(module: ModuleBuilder, formats: readonly FloatFormat[]): Parts {
  const raise = addRaise(module);
  const jam = addJam(module);
  const pack = Object.fromEntries(
    formats.map((format) => [format.suffix, addPack(module, format, { raise, jam })]),
  ) as Record<"s" | "d", number>;
  return { raise, jam, pack };
}

/** What the exponent field has more than the exponent. */
function bias({ exponentBits }: FloatFormat): number {
  return 2 ** (exponentBits - 1) - 1;
}

/** Sets flags; that makes the floating-point state dirty (privileged specification, section 3.1.6.6). */
function addRaise(module: ModuleBuilder): number {
  const builder = new FunctionBuilder({ parameters: ["i32"], results: [] });
  const [flags] = builder.parameters as [Local];
  const setBits = (offset: number, bits: Code) =>
    i32.store(i32.const(0), i32.or(i32.load(i32.const(0), offset), bits), offset);
  return module.addFunction(
    builder,
    when(flags.get, [
      setBits(fieldOffset.fcsr, flags.get),
      setBits(fieldOffset.mstatus, i32.const(MSTATUS.FS)),
    ]),
  );
}

function addJam(module: ModuleBuilder): number {
  const builder = new FunctionBuilder({ parameters: ["i64", "i32"], results: ["i64"] });
  const [significand, count] = builder.parameters as [Local, Local];
  const way = i64.extend_u(count.get);
  const lost = i64.shl(significand.get, i64.sub(i64.const(64), way));
  return module.addFunction(
    builder,
    either(
      "i64",
      i32.gt_u(count.get, i32.const(HIGHEST)),
      sticky(significand.get),
      either(
        "i64",
        i32.eqz(count.get),
        significand.get,
        i64.or(i64.shr_u(significand.get, way), sticky(lost)),
      ),
    ),
  );
}

/** 1 if any bit is set. */
export function sticky(bits: Code): Code {
  return i64.extend_u(i64.ne(bits, i64.const(0)));
}

/** Any significand but 0; the lowest bit may be sticky when there are two more below the format's precision. */
function addPack(
  module: ModuleBuilder,
  format: FloatFormat,
  { raise, jam }: Pick<Parts, "raise" | "jam">,
): number {
  const builder = new FunctionBuilder({
    parameters: ["i64", "i32", "i64", "i32"],
    results: ["i64"],
  });
  const [sign, exponent, significand, rounding] = builder.parameters as [
    Local,
    Local,
    Local,
    Local,
  ];
  const increment = builder.local("i64");
  const remainder = builder.local("i64");
  const flags = builder.local("i32");
  const shift = builder.local("i32");
  const { fractionBits, infinity } = format;
  const dropped = BigInt(HIGHEST - fractionBits);
  const half = 1n << dropped - 1n;
  const below = (1n << dropped) - 1n;
  // What is added to the exponent field: the highest bit of the significand adds 1 more to it.
  const largest = 2 ** format.exponentBits - 3;
  const carries = i64.lt_s(i64.add(significand.get, increment.get), i64.const(0));
  const towardsSign = select(
    i64.eqz(sign.get),
    i32.const(ROUNDING.up),
    i32.const(ROUNDING.down),
  );
  return module.addFunction(builder, [
    when(i64.lt_s(significand.get, i64.const(0)), [
      significand.set(
        i64.or(
          i64.shr_u(significand.get, i64.const(1)),
          i64.and(significand.get, i64.const(1)),
        ),
      ),
      exponent.set(i32.add(exponent.get, i32.const(1))),
    ]),
    shift.set(i32.sub(i32.wrap(i64.clz(significand.get)), i32.const(1))),
    significand.set(i64.shl(significand.get, i64.extend_u(shift.get))),
    exponent.set(
      i32.add(i32.sub(exponent.get, shift.get), i32.const(HIGHEST + bias(format) - 1)),
    ),
    increment.set(
      either(
        "i64",
        // To nearest, both ways of it.
        i32.eqz(i32.and(rounding.get, i32.const(3))),
        i64.const(half),
        select(i32.eq(rounding.get, towardsSign), i64.const(below), i64.const(0)),
      ),
    ),
    when(i32.lt_s(exponent.get, i32.const(0)), [
      // Tiny is what is so after rounding to full precision, as if there were no least exponent (section 11.2).
      flags.set(
        select(
          i32.or(i32.lt_s(exponent.get, i32.const(-1)), i32.eqz(carries)),
          i32.const(FLAG.underflow),
          i32.const(0),
        ),
      ),
      significand.set(
        call(jam, significand.get, i32.sub(i32.const(0), exponent.get)),
      ),
      exponent.set(i32.const(0)),
    ]),
    when(
      i32.or(
        i32.gt_s(exponent.get, i32.const(largest)),
        i32.and(i32.eq(exponent.get, i32.const(largest)), carries),
      ),
      [
        call(raise, i32.const(FLAG.overflow | FLAG.inexact)),
        give(
          i64.or(
            sign.get,
            i64.sub(i64.const(infinity), i64.extend_u(i64.eqz(increment.get))),
          ),
        ),
      ],
    ),
    remainder.set(i64.and(significand.get, i64.const(below))),
    when(
      i32.eqz(i64.eqz(remainder.get)),
      call(raise, i32.or(flags.get, i32.const(FLAG.inexact))),
    ),
    significand.set(
      i64.shr_u(i64.add(significand.get, increment.get), i64.const(dropped)),
    ),
    when(
      i32.and(
        i64.eq(remainder.get, i64.const(half)),
        i32.eq(rounding.get, i32.const(ROUNDING.nearestEven)),
      ),
      significand.set(i64.and(significand.get, i64.const(-2))),
    ),
    i64.or(
      sign.get,
      i64.add(
        i64.shl(i64.extend_u(exponent.get), i64.const(fractionBits)),
        significand.get,
      ),
    ),
  ]);
}

/** Returns a value from a routine. */
export function give(value: Code): Code {
  return [value, leave];
}

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
