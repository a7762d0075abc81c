/** Products of 128 bits. */
import { type Code, i64, type Local } from "../wasm/code.ts";
import type { FunctionBuilder } from "../wasm/module.ts";
import { upperUnsigned } from "../isa/multiply.ts";

/** Sets `high` and `low` to the product of two unsigned 64-bit values. */
export function wideProduct(
  builder: FunctionBuilder,
  a: Code,
  b: Code,
  high: Local,
  low: Local,
): Code {
  const kept: Code[] = [];
  const keep = (value: Code): Code => {
    const local = builder.local("i64");
    kept.push(local.set(value));
    return local.get;
  };
  const upper = upperUnsigned(a, b, { keep });
  return [kept, high.set(upper), low.set(i64.mul(a, b))];
}
