/**
 * Host arithmetic in front of the exact routines, where it is provably the same: result and flags.
 *
 * WebAssembly rounds to the nearest even and has no flags. So the rounding mode must be that one, and an inexact
 * result must have nothing to raise: its flag is set already, or the result is proven exact. A result above the least
 * normal number did not underflow, a finite one did not overflow, and where it is a number no operand was a NaN.
 */
import { FLAG, type FloatFormat, magnitude } from "../isa/float_format.ts";
import { type Code, f32, f64, i32, i64, type Local, when } from "../wasm/code.ts";
import { fieldOffset } from "./hart_block.ts";
import { give } from "./soft_float_parts.ts";
import type { Routine } from "./soft_float_routine.ts";

/** The host's arithmetic in a format, on values of it as the host has them. */
class HostFormat {
  readonly arithmetic: typeof f32 | typeof f64;
  readonly type: "f32" | "f64";

  constructor(readonly format: FloatFormat) {
    const isSingle = format.suffix === "s";
    this.arithmetic = isSingle ? f32 : f64;
    this.type = isSingle ? "f32" : "f64";
  }

  /** The value with these bits (64 bits). */
  from(bits: Code): Code {
    return this.type === "f32" ? f32.reinterpret(i32.wrap(bits)) : f64.reinterpret(bits);
  }

  /** The bits of a value. */
  bits(value: Code): Code {
    return this.type === "f32" ? i64.extend_u(i32.reinterpret(value)) : i64.reinterpret(value);
  }

  /**
   * Whether a product, rounded by the host to `product`, is exact, by the bits of all three (32 bits): the significands
   * of the factors together need no more bits than one has, and the product, being normal, has room for them all.
   */
  isExactProduct(a: Code, b: Code, product: Code): Code {
    const { fractionBits } = this.format;
    const hidden = leastNormal(this.format);
    const trailing = (bits: Code) => i64.ctz(i64.or(bits, i64.const(hidden)));
    return i32.and(
      i64.ge_u(i64.add(trailing(a), trailing(b)), i64.const(fractionBits + 1)),
      i64.gt_u(magnitude(this.format, product), i64.const(hidden)),
    );
  }
}

const isInexactAlready = i32.and(
  i32.load(i32.const(0), fieldOffset.fcsr),
  i32.const(FLAG.inexact),
);

/**
 * Returns what the host computes from the operands if `exactly` (32 bits) or the flag allows it.
 * @param least Results with magnitudes up to these bits may be inexact and tiny.
 */
function attempt(
  routine: Routine,
  host: HostFormat,
  compute: (...operands: Code[]) => Code,
  least: bigint | "none",
  exactly: (result: Local, bits: Local) => Code,
): Code {
  const { format } = host;
  const result = routine.builder.local(host.type);
  const bits = routine.builder.local("i64");
  const first = least === "none" ? 0n : least + 1n;
  const isSafe = i64.lt_u(
    i64.sub(magnitude(format, bits.get), i64.const(first)),
    i64.const(format.infinity - first),
  );
  return when(i32.eqz(routine.rounding.get), [
    result.set(compute(...routine.operands.map(({ get }) => host.from(get)))),
    bits.set(host.bits(result.get)),
    when(
      isSafe,
      when(isInexactAlready, give(bits.get), when(exactly(result, bits), give(bits.get))),
    ),
  ]);
}

const leastNormal = ({ fractionBits }: FloatFormat) => 1n << BigInt(fractionBits);

/** a + b. A sum that is not normal is exact; any is so whose rounding error is 0 (Knuth's TwoSum). */
export function hostAddition(routine: Routine, format: FloatFormat): Code {
  const host = new HostFormat(format);
  const { add, sub, eq } = host.arithmetic;
  const [a, b] = routine.operands.map(({ get }) => host.from(get)) as [Code, Code];
  const ofB = routine.builder.local(host.type);
  return attempt(routine, host, add, "none", (sum) => {
    const errorOfA = sub(a, sub(sum.get, ofB.get));
    const errorOfB = sub(b, ofB.get);
    const zero = host.from(i64.const(0));
    return [ofB.set(sub(sum.get, a)), eq(add(errorOfA, errorOfB), zero)];
  });
}

/** a × b. */
export function hostMultiplication(routine: Routine, format: FloatFormat): Code {
  const host = new HostFormat(format);
  const [a, b] = routine.operands as [Local, Local];
  return attempt(
    routine,
    host,
    host.arithmetic.mul,
    leastNormal(format),
    (_product, bits) => host.isExactProduct(a.get, b.get, bits.get),
  );
}

/** a ÷ b: exact if the quotient times b, exactly, is a. */
export function hostDivision(routine: Routine, format: FloatFormat): Code {
  const host = new HostFormat(format);
  const { div, eq, mul } = host.arithmetic;
  const [a, b] = routine.operands as [Local, Local];
  return attempt(
    routine,
    host,
    div,
    leastNormal(format),
    (quotient, bits) =>
      i32.and(
        host.isExactProduct(bits.get, b.get, a.get),
        eq(mul(quotient.get, host.from(b.get)), host.from(a.get)),
      ),
  );
}

/** √a: exact if its square, exactly, is a. */
export function hostSquareRoot(routine: Routine, format: FloatFormat): Code {
  const host = new HostFormat(format);
  const { eq, mul, sqrt } = host.arithmetic;
  const [a] = routine.operands as [Local];
  return attempt(
    routine,
    host,
    sqrt,
    leastNormal(format),
    (root, bits) =>
      i32.and(
        host.isExactProduct(bits.get, bits.get, a.get),
        eq(mul(root.get, root.get), host.from(a.get)),
      ),
  );
}
