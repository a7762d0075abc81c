/** a × b + c of F and D with one rounding, exactly: sums of 128-bit significands. */
import type { FloatFormat } from "../isa/float_format.ts";
import { type Code, i32, i64, type Local, when } from "../wasm/code.ts";
import type { FunctionBuilder, ModuleBuilder } from "../wasm/module.ts";
import { give, type Parts, sticky } from "./soft_float_parts.ts";
import { isInfinite, isZero, Routine, signOf, Unpacked } from "./soft_float_routine.ts";
import { wideProduct } from "./soft_float_product.ts";

/** A number: sign × significand (128 bits) × 2^exponent. */
class Wide {
  readonly sign: Local;
  readonly exponent: Local;
  readonly high: Local;
  readonly low: Local;

  constructor(builder: FunctionBuilder) {
    this.sign = builder.local("i64");
    this.exponent = builder.local("i32");
    this.high = builder.local("i64");
    this.low = builder.local("i64");
  }

  /** Exchanges this number and another. */
  exchange(other: Wide, spare: Wide): Code {
    const copy = (to: Wide, from: Wide) =>
      (["sign", "exponent", "high", "low"] as const).map((part) => to[part].set(from[part].get));
    return [copy(spare, this), copy(this, other), copy(other, spare)];
  }

  /** Shifts the significand right by so many bits, its lowest bit sticky; changes the local of the count. */
  jam(count: Local): Code {
    const { high, low } = this;
    const byWord = when(i32.gt_s(count.get, i32.const(63)), [
      low.set(i64.or(high.get, sticky(low.get))),
      high.set(i64.const(0)),
      count.set(i32.sub(count.get, i32.const(64))),
    ]);
    const way = i64.extend_u(count.get);
    const back = i64.sub(i64.const(64), way);
    return [
      byWord,
      byWord,
      when(i32.gt_s(count.get, i32.const(63)), [
        low.set(sticky(low.get)),
        count.set(i32.const(0)),
      ]),
      when(count.get, [
        low.set(
          i64.or(
            i64.or(i64.shr_u(low.get, way), i64.shl(high.get, back)),
            sticky(i64.shl(low.get, back)),
          ),
        ),
        high.set(i64.shr_u(high.get, way)),
      ]),
    ];
  }

  /** Adds another number with the same exponent and sign. */
  add(other: Wide): Code {
    const { high, low } = this;
    return [
      low.set(i64.add(low.get, other.low.get)),
      high.set(
        i64.add(
          i64.add(high.get, other.high.get),
          i64.extend_u(i64.lt_u(low.get, other.low.get)),
        ),
      ),
    ];
  }

  /** Takes away a significand with the same exponent; what becomes negative changes the sign. */
  subtract(other: Wide, { sign }: FloatFormat): Code {
    const { high, low } = this;
    return [
      high.set(
        i64.sub(
          i64.sub(high.get, other.high.get),
          i64.extend_u(i64.lt_u(low.get, other.low.get)),
        ),
      ),
      low.set(i64.sub(low.get, other.low.get)),
      when(i64.lt_s(high.get, i64.const(0)), [
        low.set(i64.sub(i64.const(0), low.get)),
        high.set(
          i64.add(i64.xor(high.get, i64.const(-1)), i64.extend_u(i64.eqz(low.get))),
        ),
        this.sign.set(i64.xor(this.sign.get, i64.const(sign))),
      ]),
    ];
  }

  /** Moves the highest bit to the top of `high`. */
  normalise(count: Local): Code {
    const { high, low, exponent } = this;
    const way = i64.extend_u(count.get);
    return [
      when(i64.eqz(high.get), [
        high.set(low.get),
        low.set(i64.const(0)),
        exponent.set(i32.sub(exponent.get, i32.const(64))),
      ]),
      count.set(i32.wrap(i64.clz(high.get))),
      when(count.get, [
        high.set(
          i64.or(
            i64.shl(high.get, way),
            i64.shr_u(low.get, i64.sub(i64.const(64), way)),
          ),
        ),
        low.set(i64.shl(low.get, way)),
        exponent.set(i32.sub(exponent.get, count.get)),
      ]),
    ];
  }
}

/** a × b + c. */
export function addMultiplyAdd(module: ModuleBuilder, parts: Parts, format: FloatFormat): number {
  const routine = new Routine(3, parts);
  const { builder } = routine;
  const [a, b, c] = routine.operands as [Local, Local, Local];
  const number = new Unpacked(routine);
  const factor = new Unpacked(routine);
  const [sum, addend, spare] = [new Wide(builder), new Wide(builder), new Wide(builder)];
  const count = builder.local("i32");
  const factors = (test: typeof isZero) => i32.or(test(format, a.get), test(format, b.get));
  const product = signOf(format, i64.xor(a.get, b.get));
  const apart = i64.ne(product, signOf(format, c.get));
  return module.addFunction(builder, [
    // Infinity times zero is invalid even when the addend is a quiet NaN (section 11.6).
    when(i32.and(factors(isInfinite), factors(isZero)), routine.refuse(format)),
    routine.refuseNans(format),
    when(factors(isInfinite), [
      when(i32.and(isInfinite(format, c.get), apart), routine.refuse(format)),
      give(i64.or(product, i64.const(format.infinity))),
    ]),
    when(isInfinite(format, c.get), give(c.get)),
    when(factors(isZero), [
      when(i32.and(isZero(format, c.get), apart), give(routine.zeroSum(format))),
      give(c.get),
    ]),
    number.set(format, a.get),
    factor.set(format, b.get),
    sum.sign.set(product),
    sum.exponent.set(i32.add(number.exponent.get, factor.exponent.get)),
    wideProduct(builder, number.significand.get, factor.significand.get, sum.high, sum.low),
    when(i32.eqz(isZero(format, c.get)), [
      number.set(format, c.get),
      addend.sign.set(signOf(format, c.get)),
      addend.exponent.set(i32.sub(number.exponent.get, i32.const(64))),
      addend.high.set(number.significand.get),
      addend.low.set(i64.const(0)),
      when(
        i32.lt_s(sum.exponent.get, addend.exponent.get),
        sum.exchange(addend, spare),
      ),
      count.set(i32.sub(sum.exponent.get, addend.exponent.get)),
      addend.jam(count),
      when(apart, sum.subtract(addend, format), sum.add(addend)),
      when(
        i64.eqz(i64.or(sum.high.get, sum.low.get)),
        give(routine.zeroSum(format)),
      ),
    ]),
    sum.normalise(count),
    routine.pack(
      format,
      sum.sign.get,
      i32.add(sum.exponent.get, i32.const(64)),
      i64.or(sum.high.get, sticky(sum.low.get)),
    ),
  ]);
}
