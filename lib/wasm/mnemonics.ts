/** How WebAssembly's text format names the instructions of `code.ts`, by opcode (specification, section 5.4). */
import { assemble, type Code, f32, f64, i32, i64 } from "./code.ts";

/** What follows an opcode in the binary format. */
export type Immediate =
  | "none"
  | "i32"
  | "i64"
  | "memory"
  | "index"
  | "label"
  | "labels"
  | "type"
  | "block";

/** An instruction. */
export interface Mnemonic {
  /** Its name in the text format. */
  readonly name: string;
  /** What follows it. */
  readonly immediate: Immediate;
  /** Values that it takes; those of a call depend on the function. */
  readonly operands: number;
  /** Values that it leaves. */
  readonly results: number;
}

const structure: readonly (readonly [number, string, Immediate, number, number])[] = [
  [0x02, "block", "block", 0, 0],
  [0x03, "loop", "block", 0, 0],
  [0x04, "if", "block", 1, 0],
  [0x05, "else", "none", 0, 0],
  [0x0b, "end", "none", 0, 0],
  [0x0c, "br", "label", 0, 0],
  [0x0d, "br_if", "label", 1, 0],
  [0x0e, "br_table", "labels", 1, 0],
  [0x0f, "return", "none", 0, 0],
  [0x10, "call", "index", 0, 0],
  [0x11, "call_indirect", "type", 1, 0],
  [0x12, "return_call", "index", 0, 0],
  [0x13, "return_call_indirect", "type", 1, 0],
  [0x1a, "drop", "none", 1, 0],
  [0x1b, "select", "none", 3, 1],
  [0x20, "local.get", "index", 0, 1],
  [0x21, "local.set", "index", 1, 0],
  [0x22, "local.tee", "index", 1, 1],
];

/** Where the text format says what a value comes from. */
const sources: Readonly<Record<string, string>> = {
  "i32.wrap": "i32.wrap_i64",
  "i32.reinterpret": "i32.reinterpret_f32",
  "i64.reinterpret": "i64.reinterpret_f64",
  "i64.extend_s": "i64.extend_i32_s",
  "i64.extend_u": "i64.extend_i32_u",
  "f32.reinterpret": "f32.reinterpret_i32",
  "f32.demote": "f32.demote_f64",
  "f64.reinterpret": "f64.reinterpret_i64",
  "f64.promote": "f64.promote_f32",
};

/** The instructions of a value type, as `code.ts` has them. */
type Instructions = Readonly<Record<string, (...operands: never[]) => Code>>;

/** The table derives from what the instructions emit when their operands emit nothing. */
function numeric(type: string, instructions: Instructions): (readonly [number, Mnemonic])[] {
  return Object.entries(instructions).map(([word, emit]) => {
    const isConstant = word === "const";
    const emitted = (emit as (...operands: (Code | number)[]) => Code)(
      ...(isConstant ? [0] : Array.from({ length: emit.length }, () => "")),
    );
    const isStore = word.startsWith("store");
    const name = sources[`${type}.${word}`] ?? `${type}.${word}`;
    return [assemble(emitted).bytes[0]!, {
      name,
      immediate: isConstant
        ? type as "i32" | "i64"
        : isStore || word.startsWith("load")
        ? "memory"
        : "none",
      operands: isConstant ? 0 : emit.length,
      results: isStore ? 0 : 1,
    }];
  });
}

let table: ReadonlyMap<number, Mnemonic> | undefined;

/** All instructions that are emitted, by opcode. The table is made when it is first asked for: commands start without. */
export function mnemonics(): ReadonlyMap<number, Mnemonic> {
  return table ??= new Map([
    ...structure.map(([opcode, name, immediate, operands, results]) =>
      [opcode, { name, immediate, operands, results }] as const
    ),
    ...numeric("i32", i32),
    ...numeric("i64", i64),
    ...numeric("f32", f32),
    ...numeric("f64", f64),
  ]);
}

/** Accesses have no other alignment than their own: its logarithm, by the end of their name. */
export function naturalAlignment(name: string): number {
  const bits = /(?:load|store)(\d*)/.exec(name)?.[1];
  return Math.log2(Number(bits === "" || bits === undefined ? name.slice(1, 3) : bits) / 8);
}
