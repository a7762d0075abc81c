import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  assemble,
  block,
  br,
  brIf,
  brTable,
  type Code,
  drop,
  either,
  f32,
  f64,
  i32,
  i64,
  Label,
  leave,
  loop,
  note,
  select,
  when,
} from "../../lib/wasm/code.ts";
import { signedLeb, unsignedLeb } from "../../lib/wasm/leb128.ts";
import { FunctionBuilder, ModuleBuilder } from "../../lib/wasm/module.ts";

/** Instantiates one function from two 64-bit integers to one. */
function compile(body: (a: Code, b: Code, builder: FunctionBuilder) => Code) {
  const module = new ModuleBuilder();
  const builder = new FunctionBuilder({ parameters: ["i64", "i64"], results: ["i64"] });
  const [a, b] = builder.parameters;
  module.addFunction(builder, body(a!.get, b!.get, builder), "f");
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), {
    lockstep: { memory },
  });
  return instance.exports.f as (a: bigint, b: bigint) => bigint;
}

Deno.test("notes emit nothing, and tell where they stand", () => {
  const numbers = [0, 1, 2 ** 28 - 1];
  const pieces = numbers.map((number) => i64.const(number));
  const { bytes, notes } = assemble(pieces.map((piece, at) => [note(numbers[at]!), piece]));
  assertEquals(bytes, assemble(pieces).bytes);
  const lengths = pieces.map((piece) => assemble(piece).bytes.length);
  const places = [0, lengths[0]!, lengths[0]! + lengths[1]!];
  assertEquals(notes, numbers.map((number, index) => ({ at: places[index]!, number })));
  const module = new ModuleBuilder();
  const builder = new FunctionBuilder({ parameters: [], results: [] });
  builder.local("i64");
  const index = module.addFunction(builder, [drop(i64.const(1)), note(7)]);
  assertEquals(module.notesOf(index), [{ at: 3 + 3, number: 7 }]);
});

Deno.test("a generated function computes what its formula says", () => {
  const word = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
  const f = compile((a, b) => i64.xor(i64.mul(a, i64.add(b, i64.const(-3))), i64.shr_u(a, b)));
  fc.assert(fc.property(word, word, (a, b) => {
    const shifted = BigInt.asUintN(64, a) >> (BigInt.asUintN(64, b) & 63n);
    assertEquals(f(a, b), BigInt.asIntN(64, (a * (b - 3n)) ^ shifted));
  }));
});

Deno.test("a formula of floating-point values rounds each as its format does", () => {
  const bits = new DataView(new ArrayBuffer(8));
  const asBits = (value: number) => (bits.setFloat64(0, value), bits.getBigInt64(0));
  const asValue = (word: bigint) => (bits.setBigInt64(0, word), bits.getFloat64(0));
  const f = compile((a, b, builder) => {
    const sum = builder.local("f64");
    const single = (value: Code) => f32.demote(value);
    return [
      sum.set(f64.add(f64.reinterpret(a), f64.sqrt(f64.reinterpret(b)))),
      i64.reinterpret(
        f64.sub(sum.get, f64.promote(f32.mul(single(f64.reinterpret(a)), single(sum.get)))),
      ),
    ];
  });
  const values = fc.double({ min: 0, max: 1e15, noNaN: true });
  fc.assert(fc.property(values, values, (a, b) => {
    const sum = a + Math.sqrt(b);
    const product = Math.fround(Math.fround(a) * Math.fround(sum));
    assertEquals(asValue(f(asBits(a), asBits(b))), sum - product);
  }));
});

Deno.test("a loop with a local counts", () => {
  const power = compile((a, b, builder) => {
    const result = builder.local("i64");
    const left = builder.local("i64");
    const again = new Label();
    return [
      result.set(i64.const(1)),
      left.set(b),
      loop(again, [
        result.set(i64.mul(result.get, a)),
        left.set(i64.sub(left.get, i64.const(1))),
        brIf(again, i64.ne(left.get, i64.const(0))),
      ]),
      result.get,
    ];
  });
  assertEquals(power(3n, 20n), 3n ** 20n);
});

Deno.test("a branch table goes to the named label, from any depth", () => {
  const f = compile((a, _b, builder) => {
    const [zero, one, other, end] = [new Label(), new Label(), new Label(), new Label()];
    const result = builder.local("i64");
    return [
      block(end, [
        block(other, [
          block(one, [
            block(zero, brTable(i32.wrap(a), [zero, one], other)),
            result.set(i64.const(10)),
            when(i32.const(1), br(end)),
          ]),
          result.set(i64.const(11)),
          br(end),
        ]),
        result.set(i64.const(12)),
      ]),
      result.get,
    ];
  });
  assertEquals([f(0n, 0n), f(1n, 0n), f(2n, 0n), f(-1n, 0n)], [10n, 11n, 12n, 12n]);
});

Deno.test("a choice computes one side, a select both", () => {
  const f = compile((a, b) => [
    when(i64.eqz(b), [i64.const(-1), leave]),
    i64.add(
      either("i64", i64.lt_s(a, b), i64.const(1), i64.div_s(a, b)),
      select(i64.lt_s(a, b), i64.const(100), i64.const(200)),
    ),
  ]);
  assertEquals([f(1n, 2n), f(9n, 3n), f(1n, 0n)], [101n, 203n, -1n]);
});

Deno.test("a branch to a label that is not open is refused", () => {
  assertThrows(() => assemble(br(new Label())), Error, "not open");
});

Deno.test("a LEB128 integer decodes to itself", () => {
  fc.assert(fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
    const decoded = signedLeb(value).reduce(
      (all, byte, index) => all | BigInt(byte & 0x7f) << BigInt(7 * index),
      0n,
    );
    assertEquals(BigInt.asIntN(7 * signedLeb(value).length, decoded), value);
  }));
  fc.assert(fc.property(fc.integer(), (value) => {
    assertEquals(signedLeb(value), signedLeb(BigInt(value)));
  }));
  assertEquals(unsignedLeb(624485), [0xe5, 0x8e, 0x26]);
  assertEquals(unsignedLeb(0xffff_ffff), [0xff, 0xff, 0xff, 0xff, 0x0f]);
});
