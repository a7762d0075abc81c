/** What a module that `module.ts` has made says of its functions, read back from its bytes. */
import { type ValueType, valueTypeOf } from "./code.ts";
import { LebReader } from "./leb_reader.ts";
import { KIND, SECTION, type Signature } from "./module.ts";

const HEADER_BYTES = 8;
const HAS_MAXIMUM = 1;

/** The body of a function. */
export interface FunctionBody {
  /** Its local variables, without the parameters. */
  readonly locals: readonly ValueType[];
  /** Its code: reads on from behind the declaration of locals. */
  readonly code: LebReader;
}

/** A module's functions: imported ones come first. */
export class ModuleView {
  /** Signatures by index of the type. */
  readonly types: Signature[] = [];
  /** What is imported as a function, in order. */
  readonly imports: string[] = [];
  /** For each function the index of its type. */
  readonly typeOf: number[] = [];
  readonly #binary: Uint8Array;
  /** Where the code of own functions begins, and ends. */
  readonly #bodies: (readonly [number, number])[] = [];

  /** Reads a module. */
  constructor(binary: Uint8Array) {
    this.#binary = binary;
    for (const reader = new LebReader(binary, HEADER_BYTES); !reader.atEnd;) {
      const id = reader.byte();
      const length = reader.unsigned();
      const section = new LebReader(binary, reader.at, reader.at + length);
      if (id === SECTION.type) this.#readTypes(section);
      if (id === SECTION.import) this.#readImports(section);
      if (id === SECTION.function) section.list(() => this.typeOf.push(section.unsigned()));
      if (id === SECTION.code) section.list(() => this.#readBody(section));
      reader.at += length;
    }
  }

  /** The signature of a function. */
  signature(index: number): Signature {
    return this.types[this.typeOf[index]!]!;
  }

  /** The body of an own function. Places in it count from the first byte after its length. */
  body(index: number): FunctionBody {
    const [start, end] = this.#bodies[index - this.imports.length]!;
    const code = new LebReader(this.#binary.subarray(start, end), 0);
    const locals: ValueType[] = [];
    code.list(() => {
      const count = code.unsigned();
      const type = this.#type(code);
      for (let local = 0; local < count; local++) locals.push(type);
    });
    return { locals, code };
  }

  #type(reader: LebReader): ValueType {
    return valueTypeOf.get(reader.byte())!;
  }

  #readTypes(section: LebReader): void {
    section.list(() => {
      section.byte();
      const parameters = section.list(() => this.#type(section));
      const results = section.list(() => this.#type(section));
      this.types.push({ parameters, results });
    });
  }

  #readImports(section: LebReader): void {
    section.list(() => {
      section.text();
      const name = section.text();
      const kind = section.byte();
      if (kind === KIND.function) {
        this.imports.push(name);
        this.typeOf.push(section.unsigned());
        return;
      }
      if (kind === KIND.table) section.byte();
      const limits = section.byte();
      section.unsigned();
      if ((limits & HAS_MAXIMUM) !== 0) section.unsigned();
    });
  }

  #readBody(section: LebReader): void {
    const length = section.unsigned();
    this.#bodies.push([section.at, section.at + length]);
    section.at += length;
  }
}
