/**
 * a × b + c with one rounding. WebAssembly has that only as an instruction of "relaxed" vectors (Relaxed SIMD), which
 * may also round twice. A host does always the one or always the other, and so it can be asked.
 */
import { type Code, f32, f64, i32, i64 } from "./code.ts";
import { FunctionBuilder, ModuleBuilder } from "./module.ts";

/** Encodings of instructions on vectors: `splat`, `relaxed_madd`, and `extract_lane` of lane 0. */
const encodings = {
  f32: { splat: "\xfd\x13", add: "\xfd\x85\x02", first: "\xfd\x1f\x00" },
  f64: { splat: "\xfd\x14", add: "\xfd\x87\x02", first: "\xfd\x21\x00" },
} as const;

/** a × b + c, rounded once where {@linkcode hostFuses}. */
export function multiplyAdd(type: "f32" | "f64", a: Code, b: Code, c: Code): Code {
  const { splat, add, first } = encodings[type];
  return [a, splat, b, splat, c, splat, add, first];
}

let fuses: boolean | undefined;

/** Whether the host computes {@linkcode multiplyAdd}, and with one rounding. */
export function hostFuses(): boolean {
  return fuses ??= roundsOnce();
}

function roundsOnce(): boolean {
  const module = new ModuleBuilder();
  const parameters = ["i64", "i64"] as const;
  const builders = {
    f32: new FunctionBuilder({ parameters, results: ["i64"] }),
    f64: new FunctionBuilder({ parameters, results: ["i64"] }),
  };
  const single = builders.f32.parameters.map(({ get }) => f32.reinterpret(i32.wrap(get)));
  const double = builders.f64.parameters.map(({ get }) => f64.reinterpret(get));
  const squareLess = (type: "f32" | "f64", [a, b]: readonly Code[]) =>
    multiplyAdd(type, a!, a!, b!);
  const bits = i64.extend_u(i32.reinterpret(squareLess("f32", single)));
  module.addFunction(builders.f32, bits, "f32");
  module.addFunction(builders.f64, i64.reinterpret(squareLess("f64", double)), "f64");
  const binary = module.encode();
  if (!WebAssembly.validate(binary)) return false;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), {
    lockstep: { memory },
  });
  const compute = exports as Record<"f32" | "f64", (a: bigint, b: bigint) => bigint>;
  // (1 + e)² - (1 + 2e) is e², or 0 if the square is rounded; e is the last bit of 1.
  return compute.f32(0x3f80_0001n, 0xbf80_0002n) === 0x2880_0000n &&
    compute.f64(0x3ff0_0000_0000_0001n, 0xbff0_0000_0000_0002n - (1n << 64n)) ===
      0x3970_0000_0000_0000n;
}
