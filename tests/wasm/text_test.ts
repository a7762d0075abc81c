import { assert, assertEquals } from "@std/assert";
import { addFloatFunctions } from "../../lib/cpu/soft_float.ts";
import { type Code, drop, f32, f64, i32, i64 } from "../../lib/wasm/code.ts";
import { mnemonics } from "../../lib/wasm/mnemonics.ts";
import { FunctionBuilder, ModuleBuilder } from "../../lib/wasm/module.ts";
import { ModuleText } from "../../lib/wasm/text.ts";
import { assertSameText, normalised, wabtFunctions } from "./wabt.ts";

/** The text of own functions, as wabt's is compared. */
function ownFunctions(binary: Uint8Array, imports: number, count: number): readonly string[] {
  const text = new ModuleText(binary);
  return Array.from(
    { length: count },
    (_, index) => normalised(text.function(imports + index).map((line) => line.text).join(" ")),
  );
}

Deno.test("every instruction that can be emitted has the name that wabt gives it", () => {
  const module = new ModuleBuilder();
  let count = 0;
  for (const type of [i32, i64, f32, f64]) {
    for (const [name, emit] of Object.entries(type)) {
      const operands = name === "const"
        ? [7]
        : Array.from({ length: emit.length }, () => i32.const(1));
      const code = (emit as (...operands: (Code | number)[]) => Code)(...operands);
      const builder = new FunctionBuilder({ parameters: [], results: [] });
      module.addFunction(builder, name.startsWith("store") ? code : drop(code));
      count++;
    }
  }
  assert(count < mnemonics().size);
  const binary = module.encode();
  assertEquals(ownFunctions(binary, 0, count), wabtFunctions(binary));
});

Deno.test("the functions of floating-point arithmetic have the structure that wabt shows", () => {
  const module = new ModuleBuilder();
  addFloatFunctions(module);
  const binary = module.encode();
  const expected = wabtFunctions(binary);
  assert(expected.length > 20);
  ownFunctions(binary, 0, expected.length).forEach((text, index) =>
    assertSameText(text, expected[index]!)
  );
});
