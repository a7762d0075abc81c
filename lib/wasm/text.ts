/**
 * Functions in WebAssembly's text format (specification, section 6), folded: operands stand inside of what takes them,
 * so that there is a line for each statement.
 */
import { valueTypeOf } from "./code.ts";
import type { LebReader } from "./leb_reader.ts";
import { type Mnemonic, mnemonics, naturalAlignment } from "./mnemonics.ts";
import { ModuleView } from "./module_view.ts";

/** A line. */
export interface TextLine {
  /** Where its first instruction is, from the first byte after the function's length. */
  readonly at: number;
  /** How many blocks it is in. */
  readonly depth: number;
  /** The line, without indentation. */
  readonly text: string;
}

const VOID = 0x40;

/** The text of functions of one module. */
export class ModuleText {
  readonly #view: ModuleView;

  /** The text of this module, which must be one that was made here. */
  constructor(binary: Uint8Array) {
    this.#view = new ModuleView(binary);
  }

  /**
   * The lines of a function.
   * @param names Of local variables by index, for those that have one.
   */
  function(index: number, names: ReadonlyMap<number, string> = new Map()): readonly TextLine[] {
    const { parameters, results } = this.#view.signature(index);
    const { locals, code } = this.#view.body(index);
    const declared = (word: string, types: readonly string[]) =>
      types.length === 0 ? "" : ` (${word} ${types.join(" ")})`;
    const text = `(func (type ${this.#view.typeOf[index]})${declared("param", parameters)}` +
      `${declared("result", results)}${declared("local", locals)}`;
    const body = new BodyText(this.#view, code, results.length, names);
    return [{ at: 0, depth: 0, text }, ...body.lines()];
  }
}

/** A value that is not taken yet. */
interface Pending {
  readonly at: number;
  readonly text: string;
}

class BodyText {
  readonly #view: ModuleView;
  readonly #code: LebReader;
  readonly #results: number;
  readonly #names: ReadonlyMap<number, string>;
  readonly #lines: TextLine[] = [];
  #depth = 1;

  constructor(
    view: ModuleView,
    code: LebReader,
    results: number,
    names: ReadonlyMap<number, string>,
  ) {
    this.#view = view;
    this.#code = code;
    this.#results = results;
    this.#names = names;
  }

  lines(): readonly TextLine[] {
    this.#sequence();
    this.#close(this.#code.at - 1, 0);
    return this.#lines;
  }

  /** Instructions up to the end of their block, or to its `else`; answers which. */
  #sequence(): "end" | "else" {
    const pending: Pending[] = [];
    for (;;) {
      const at = this.#code.at;
      const mnemonic = this.#mnemonic(at);
      if (mnemonic.name === "end" || mnemonic.name === "else") {
        for (const value of pending) this.#line(value.at, value.text);
        return mnemonic.name;
      }
      if (mnemonic.immediate === "block") this.#block(mnemonic, at, pending);
      else this.#plain(mnemonic, at, pending);
    }
  }

  #mnemonic(at: number): Mnemonic {
    const opcode = this.#code.byte();
    const found = mnemonics().get(opcode);
    if (found !== undefined) return found;
    throw new Error(`No name is known for opcode 0x${opcode.toString(16)} at byte ${at}`);
  }

  #plain(mnemonic: Mnemonic, at: number, pending: Pending[]): void {
    const { text, operands, results } = this.#immediates(mnemonic);
    // What several values stand for at once, or values from before the block, cannot stand inside.
    const isFolded = operands <= pending.length;
    const taken = isFolded ? pending.splice(pending.length - operands) : [];
    const folded = `(${[mnemonic.name + text, ...taken.map((value) => value.text)].join(" ")})`;
    this.#give({ at: taken[0]?.at ?? at, text: folded }, isFolded ? results : 0, pending);
  }

  /** The one value that it leaves waits to be taken; anything else is a statement, and so is all before it. */
  #give(value: Pending, results: number, pending: Pending[]): void {
    pending.push(value);
    if (results === 1) return;
    for (const each of pending.splice(0)) this.#line(each.at, each.text);
  }

  #block({ name }: Mnemonic, at: number, pending: Pending[]): void {
    const type = this.#code.byte();
    const result = type === VOID ? "" : ` (result ${valueTypeOf.get(type)})`;
    const condition = name === "if" ? pending.splice(-1)[0] : undefined;
    const first = condition?.at ?? at;
    const head = `(${name}${result}${condition === undefined ? "" : ` ${condition.text}`}`;
    if (type !== VOID) {
      this.#give({ at: first, text: `${head}${this.#inner(name)})` }, 1, pending);
      return;
    }
    for (const each of pending.splice(0)) this.#line(each.at, each.text);
    this.#line(first, head);
    this.#depth++;
    if (name === "if") this.#arms();
    else this.#sequence();
    this.#close(this.#code.at - 1, 1);
  }

  /** What stands in a block that leaves a value, in a line. */
  #inner(name: string): string {
    const before = this.#lines.length;
    if (name === "if") this.#arms();
    else this.#sequence();
    return this.#lines.splice(before).map(({ text }) => text === ")" ? text : ` ${text}`).join("");
  }

  #arms(): void {
    // From the opcode on, with what type the `if` has: what the arm holds comes after its line.
    for (const [arm, bytes] of [["(then", 2], ["(else", 1]] as const) {
      this.#line(this.#code.at - bytes, arm);
      this.#depth++;
      const ending = this.#sequence();
      this.#close(this.#code.at - 1, 1);
      if (ending === "end") break;
    }
  }

  #immediates({ name, immediate, operands, results }: Mnemonic) {
    const code = this.#code;
    switch (immediate) {
      case "i32":
      case "i64":
        return { text: ` ${code.signed()}`, operands, results };
      case "memory": {
        const alignment = code.unsigned();
        const offset = code.unsigned();
        const aligned = alignment === naturalAlignment(name) ? "" : ` align=${2 ** alignment}`;
        return { text: `${offset === 0 ? "" : ` offset=${offset}`}${aligned}`, operands, results };
      }
      case "label":
        return { text: ` ${code.unsigned()}`, operands, results };
      case "labels": {
        const labels = [...code.list(() => code.unsigned()), code.unsigned()];
        return { text: ` ${labels.join(" ")}`, operands, results };
      }
      case "type": {
        const index = code.unsigned();
        code.byte();
        return { text: ` (type ${index})`, ...this.#taking(operands, this.#view.types[index]!) };
      }
      case "index": {
        const index = code.unsigned();
        if (name.startsWith("local.")) {
          const known = this.#names.get(index);
          return { text: ` ${known === undefined ? index : `$${known}`}`, operands, results };
        }
        return { text: ` ${index}`, ...this.#taking(operands, this.#view.signature(index)) };
      }
      default:
        return { text: "", operands: name === "return" ? this.#results : operands, results };
    }
  }

  #taking(
    operands: number,
    { parameters, results }: { parameters: readonly string[]; results: readonly string[] },
  ) {
    return { operands: operands + parameters.length, results: results.length };
  }

  #line(at: number, text: string): void {
    this.#lines.push({ at, depth: this.#depth, text });
  }

  #close(at: number, by: number): void {
    this.#depth -= by;
    this.#lines.push({ at, depth: this.#depth, text: ")" });
  }
}
