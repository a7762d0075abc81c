/** WebAssembly modules, section by section (specification, section 5.5). */
import { assemble, type Code, i32, Local, type ValueType, valueType } from "./code.ts";
import { unsignedLeb } from "./leb128.ts";

/** Parameters and results of a function. */
export interface Signature {
  /** Types of the parameters, in order. */
  readonly parameters: readonly ValueType[];
  /** Types of the results, in order. */
  readonly results: readonly ValueType[];
}

const SECTION = { type: 1, import: 2, function: 3, export: 7, element: 9, code: 10 } as const;
const KIND = { function: 0x00, table: 0x01, memory: 0x02 } as const;
const FUNCTION_REFERENCE = 0x70;
const WITHOUT_MAXIMUM = 0x00;
/** An active segment of table 0, its functions given by index. */
const ACTIVE_SEGMENT = 0x00;
const FUNCTION_TYPE = 0x60;
const SHARED_WITH_MAXIMUM = 0x03;
/** Most 64 KiB pages of a 32-bit memory. */
const MEMORY_PAGES = 65536;

/** The locals of one function. */
export class FunctionBuilder {
  /** Its parameters. */
  readonly parameters: readonly Local[];
  readonly #locals: Local[] = [];

  /** A function with no locals yet. */
  constructor(readonly signature: Signature) {
    this.parameters = signature.parameters.map((type, index) => new Local(index, type));
  }

  /** A new local variable, zero at first. */
  local(type: ValueType): Local {
    const local = new Local(this.parameters.length + this.#locals.length, type);
    this.#locals.push(local);
    return local;
  }

  /** The code entry of the function: its locals and `body`. */
  encode(body: Code): number[] {
    const locals = this.#locals.flatMap((local) => [1, valueType[local.type]]);
    return withLength([[...unsignedLeb(this.#locals.length), ...locals], assemble(body), [0x0b]]);
  }
}

/** A module over an imported shared memory `lockstep.memory`. Import functions first. */
export class ModuleBuilder {
  readonly #signatures: Signature[] = [];
  readonly #imports: number[][] = [];
  readonly #functions: { readonly type: number; readonly code: number[] }[] = [];
  readonly #exports: number[][] = [];
  readonly #elements: number[][] = [];
  #hasTable = false;

  /** Imports the table of functions, `lockstep.table`. */
  importTable(): void {
    this.#hasTable = true;
  }

  /** Puts a function into a place of the table when the module is instantiated. */
  addElement(place: number, functionIndex: number): void {
    this.#elements.push([
      ACTIVE_SEGMENT,
      ...assemble(i32.const(place)),
      0x0b,
      ...unsignedLeb(1),
      ...unsignedLeb(functionIndex),
    ]);
  }

  /** The index of a type, for indirect calls. */
  typeIndex(signature: Signature): number {
    return this.#type(signature);
  }

  /** Exports a function of the module, or one that it imports. */
  exportFunction(index: number, name: string): void {
    this.#exports.push([...text(name), KIND.function, ...unsignedLeb(index)]);
  }

  /** Imports function `lockstep.name`; answers its index. */
  importFunction(name: string, signature: Signature): number {
    if (this.#functions.length > 0) throw new Error("Cannot import after the first own function");
    this.#imports.push([
      ...text("lockstep"),
      ...text(name),
      KIND.function,
      ...unsignedLeb(this.#type(signature)),
    ]);
    return this.#imports.length - 1;
  }

  /** Adds a function, exported when it has a name; answers its index. */
  addFunction(builder: FunctionBuilder, body: Code, exportName?: string): number {
    const index = this.#imports.length + this.#functions.length;
    this.#functions.push({ type: this.#type(builder.signature), code: builder.encode(body) });
    if (exportName !== undefined) this.exportFunction(index, exportName);
    return index;
  }

  /** The binary module. */
  encode(): Uint8Array<ArrayBuffer> {
    const memory = [
      ...text("lockstep"),
      ...text("memory"),
      KIND.memory,
      SHARED_WITH_MAXIMUM,
      ...unsignedLeb(1),
      ...unsignedLeb(MEMORY_PAGES),
    ];
    const table = [
      ...text("lockstep"),
      ...text("table"),
      KIND.table,
      FUNCTION_REFERENCE,
      WITHOUT_MAXIMUM,
      ...unsignedLeb(0),
    ];
    const imports = [...this.#imports, memory];
    if (this.#hasTable) imports.push(table);
    const types = this.#signatures.map(({ parameters, results }) => [
      FUNCTION_TYPE,
      ...unsignedLeb(parameters.length),
      ...parameters.map((type) => valueType[type]),
      ...unsignedLeb(results.length),
      ...results.map((type) => valueType[type]),
    ]);
    const parts = [
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(SECTION.type, types),
      section(SECTION.import, imports),
      section(SECTION.function, this.#functions.map(({ type }) => unsignedLeb(type))),
      section(SECTION.export, this.#exports),
      section(SECTION.element, this.#elements),
      section(SECTION.code, this.#functions.map(({ code }) => code)),
    ];
    const binary = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      binary.set(part, at);
      at += part.length;
    }
    return binary;
  }

  #type(signature: Signature): number {
    const key = JSON.stringify(signature);
    const known = this.#signatures.findIndex((other) => JSON.stringify(other) === key);
    return known >= 0 ? known : this.#signatures.push(signature) - 1;
  }
}

function text(value: string): number[] {
  const bytes = Array.from(value, (character) => character.charCodeAt(0));
  return [...unsignedLeb(bytes.length), ...bytes];
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = withLength([unsignedLeb(items.length), ...items]);
  content.unshift(id);
  return content;
}

/** Pieces one after the other, and before them how many bytes they have. Modules can be large: this copies once. */
function withLength(pieces: readonly (readonly number[])[]): number[] {
  const bytes = unsignedLeb(pieces.reduce((sum, { length }) => sum + length, 0));
  for (const piece of pieces) for (const byte of piece) bytes.push(byte);
  return bytes;
}
