/** Addition, multiplication, division and square root of F and D, exactly, when the host's are not. */
import { type FloatFormat, magnitude } from "../isa/float_format.ts";
import { brIf, i32, i64, Label, type Local, loop, when } from "../wasm/code.ts";
import type { ModuleBuilder } from "../wasm/module.ts";
import { hostAddition, hostDivision, hostMultiplication, hostSquareRoot } from "./host_float.ts";
import { give, type Parts, sticky } from "./soft_float_parts.ts";
import { isInfinite, isZero, Routine, signOf, Unpacked } from "./soft_float_routine.ts";
import { wideProduct } from "./soft_float_product.ts";

/** a + b; subtraction is the same with b's sign changed. */
export function addAddition(module: ModuleBuilder, parts: Parts, format: FloatFormat): number {
  const routine = new Routine(2, parts);
  const [a, b] = routine.operands as [Local, Local];
  const larger = new Unpacked(routine);
  const smaller = new Unpacked(routine);
  const swapped = routine.builder.local("i64");
  const sum = routine.builder.local("i64");
  const sign = routine.builder.local("i64");
  const apart = i64.ne(signOf(format, a.get), signOf(format, b.get));
  const distance = i32.sub(larger.exponent.get, smaller.exponent.get);
  return module.addFunction(routine.builder, [
    hostAddition(routine, format),
    routine.refuseNans(format),
    when(isInfinite(format, a.get), [
      when(i32.and(isInfinite(format, b.get), apart), routine.refuse(format)),
      give(a.get),
    ]),
    when(isInfinite(format, b.get), give(b.get)),
    when(isZero(format, a.get), [
      when(i32.and(isZero(format, b.get), apart), give(routine.zeroSum(format))),
      give(b.get),
    ]),
    when(isZero(format, b.get), give(a.get)),
    // Of magnitudes the order is that of their bits.
    when(i64.lt_u(magnitude(format, a.get), magnitude(format, b.get)), [
      swapped.set(a.get),
      a.set(b.get),
      b.set(swapped.get),
    ]),
    larger.set(format, a.get),
    smaller.set(format, b.get),
    smaller.significand.set(routine.jam(smaller.significand.get, distance)),
    sign.set(signOf(format, a.get)),
    when(
      apart,
      [
        sum.set(i64.sub(larger.significand.get, smaller.significand.get)),
        when(i64.eqz(sum.get), give(routine.zeroSum(format))),
      ],
      sum.set(i64.add(larger.significand.get, smaller.significand.get)),
    ),
    routine.pack(format, sign.get, larger.exponent.get, sum.get),
  ]);
}

/** a × b. */
export function addMultiplication(
  module: ModuleBuilder,
  parts: Parts,
  format: FloatFormat,
): number {
  const routine = new Routine(2, parts);
  const [a, b] = routine.operands as [Local, Local];
  const first = new Unpacked(routine);
  const second = new Unpacked(routine);
  const sign = routine.builder.local("i64");
  const [high, low] = [routine.builder.local("i64"), routine.builder.local("i64")];
  const either = (test: typeof isZero) => i32.or(test(format, a.get), test(format, b.get));
  return module.addFunction(routine.builder, [
    hostMultiplication(routine, format),
    routine.refuseNans(format),
    sign.set(signOf(format, i64.xor(a.get, b.get))),
    when(either(isInfinite), [
      when(either(isZero), routine.refuse(format)),
      give(i64.or(sign.get, i64.const(format.infinity))),
    ]),
    when(either(isZero), give(sign.get)),
    first.set(format, a.get),
    second.set(format, b.get),
    wideProduct(routine.builder, first.significand.get, second.significand.get, high, low),
    routine.pack(
      format,
      sign.get,
      i32.add(i32.add(first.exponent.get, second.exponent.get), i32.const(64)),
      i64.or(high.get, sticky(low.get)),
    ),
  ]);
}

/** Bits of a quotient or root, of which the format's precision and two more are needed. */
const DIGITS = 58;

/** a ÷ b, digit by digit. */
export function addDivision(module: ModuleBuilder, parts: Parts, format: FloatFormat): number {
  const routine = new Routine(2, parts);
  const [a, b] = routine.operands as [Local, Local];
  const dividend = new Unpacked(routine);
  const divisor = new Unpacked(routine);
  const sign = routine.builder.local("i64");
  const quotient = routine.builder.local("i64");
  const digits = routine.builder.local("i32");
  const next = new Label();
  const rest = dividend.significand;
  return module.addFunction(routine.builder, [
    hostDivision(routine, format),
    routine.refuseNans(format),
    sign.set(signOf(format, i64.xor(a.get, b.get))),
    when(isInfinite(format, a.get), [
      when(isInfinite(format, b.get), routine.refuse(format)),
      give(i64.or(sign.get, i64.const(format.infinity))),
    ]),
    when(isInfinite(format, b.get), give(sign.get)),
    when(isZero(format, b.get), [
      when(isZero(format, a.get), routine.refuse(format)),
      routine.raise("divideByZero"),
      give(i64.or(sign.get, i64.const(format.infinity))),
    ]),
    when(isZero(format, a.get), give(sign.get)),
    dividend.set(format, a.get),
    divisor.set(format, b.get),
    digits.set(i32.const(DIGITS)),
    // The rest stays below twice the divisor, and so below 2^64.
    loop(next, [
      quotient.set(i64.shl(quotient.get, i64.const(1))),
      when(i64.ge_u(rest.get, divisor.significand.get), [
        rest.set(i64.sub(rest.get, divisor.significand.get)),
        quotient.set(i64.or(quotient.get, i64.const(1))),
      ]),
      rest.set(i64.shl(rest.get, i64.const(1))),
      digits.set(i32.sub(digits.get, i32.const(1))),
      brIf(next, digits.get),
    ]),
    routine.pack(
      format,
      sign.get,
      i32.sub(
        i32.sub(dividend.exponent.get, divisor.exponent.get),
        i32.const(DIGITS - 1),
      ),
      i64.or(quotient.get, sticky(rest.get)),
    ),
  ]);
}

/** √a, digit by digit: each takes two bits of the radicand. */
export function addSquareRoot(module: ModuleBuilder, parts: Parts, format: FloatFormat): number {
  const routine = new Routine(1, parts);
  const [a] = routine.operands as [Local];
  const radicand = new Unpacked(routine);
  const root = routine.builder.local("i64");
  const rest = routine.builder.local("i64");
  const trial = routine.builder.local("i64");
  const digits = routine.builder.local("i32");
  const next = new Label();
  const { significand, exponent } = radicand;
  const odd = i32.and(exponent.get, i32.const(1));
  return module.addFunction(routine.builder, [
    hostSquareRoot(routine, format),
    routine.refuseNans(format),
    when(isZero(format, a.get), give(a.get)),
    when(i32.eqz(i64.eqz(signOf(format, a.get))), routine.refuse(format)),
    when(isInfinite(format, a.get), give(a.get)),
    radicand.set(format, a.get),
    significand.set(i64.shl(significand.get, i64.extend_u(odd))),
    exponent.set(i32.sub(exponent.get, odd)),
    digits.set(i32.const(DIGITS)),
    loop(next, [
      rest.set(
        i64.or(
          i64.shl(rest.get, i64.const(2)),
          i64.shr_u(significand.get, i64.const(62)),
        ),
      ),
      significand.set(i64.shl(significand.get, i64.const(2))),
      trial.set(i64.or(i64.shl(root.get, i64.const(2)), i64.const(1))),
      root.set(i64.shl(root.get, i64.const(1))),
      when(i64.ge_u(rest.get, trial.get), [
        rest.set(i64.sub(rest.get, trial.get)),
        root.set(i64.or(root.get, i64.const(1))),
      ]),
      digits.set(i32.sub(digits.get, i32.const(1))),
      brIf(next, digits.get),
    ]),
    // The root of significand × 2^(2 × DIGITS - 64).
    routine.pack(
      format,
      i64.const(0),
      i32.add(i32.shr_s(exponent.get, i32.const(1)), i32.const(32 - DIGITS)),
      i64.or(root.get, sticky(rest.get)),
    ),
  ]);
}
