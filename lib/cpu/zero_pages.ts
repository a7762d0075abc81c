/** Which pages of RAM hold nothing but zeros: a scan of all RAM in WebAssembly. */
import { brIf, type Code, i32, i64, Label, leave, type Local, loop, when } from "../wasm/code.ts";
import { FunctionBuilder, ModuleBuilder } from "../wasm/module.ts";
import { PAGE_BYTES, RAM } from "./layout.ts";
import type { GuestMemory } from "./memory.ts";

/** Bytes looked at between two branches. */
const STRIDE_BYTES = 64;

let scanModule: WebAssembly.Module | undefined;

/** Looks at the pages of one guest memory. */
export class ZeroPages {
  readonly #isZero: (address: number) => number;

  /** Looks whenever it is asked. */
  constructor(memory: GuestMemory) {
    scanModule ??= new WebAssembly.Module(generateScan());
    const instance = new WebAssembly.Instance(scanModule, { lockstep: { memory: memory.memory } });
    this.#isZero = instance.exports.isZero as (address: number) => number;
  }

  /** Whether a page, counted from the start of RAM, is all zeros. */
  has(page: number): boolean {
    return this.#isZero(RAM + page * PAGE_BYTES) !== 0;
  }
}

function generateScan(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const builder = new FunctionBuilder({ parameters: ["i32"], results: ["i32"] });
  const [address] = builder.parameters as [Local];
  const end = builder.local("i32");
  const next = new Label();
  let any: Code = i64.load(address.get, 0);
  for (let offset = 8; offset < STRIDE_BYTES; offset += 8) {
    any = i64.or(any, i64.load(address.get, offset));
  }
  module.addFunction(
    builder,
    [
      end.set(i32.add(address.get, i32.const(PAGE_BYTES))),
      loop(next, [
        when(i64.ne(any, i64.const(0)), [i32.const(0), leave]),
        address.set(i32.add(address.get, i32.const(STRIDE_BYTES))),
        brIf(next, i32.ne(address.get, end.get)),
      ]),
      i32.const(1),
    ],
    "isZero",
  );
  return module.encode();
}
