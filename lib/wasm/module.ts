/** WebAssembly modules, section by section (specification, section 5.5). */
import {
  assemble,
  type BranchHint,
  type Code,
  i32,
  Local,
  type NotePlace,
  type ValueType,
  valueType,
} from "./code.ts";
import { unsignedLeb } from "./leb128.ts";

/** Parameters and results of a function. */
export interface Signature {
  /** Types of the parameters, in order. */
  readonly parameters: readonly ValueType[];
  /** Types of the results, in order. */
  readonly results: readonly ValueType[];
}

/** Identifiers of sections. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  export: 7,
  element: 9,
  code: 10,
} as const;
/** Kinds of what is imported or exported. */
export const KIND = { function: 0x00, table: 0x01, memory: 0x02 } as const;
const FUNCTION_REFERENCE = 0x70;
const WITHOUT_MAXIMUM = 0x00;
/** An active segment of table 0, its functions given by index. */
const ACTIVE_SEGMENT = 0x00;
const FUNCTION_TYPE = 0x60;
const END = 0x0b;
/** The section of branch hints (proposal "Branch Hinting", which is part of WebAssembly 3.0). */
const BRANCH_HINTS = "metadata.code.branch_hint";
/** Bytes of a hint. */
const HINT_BYTES = 1;
const SHARED_WITH_MAXIMUM = 0x03;
const MEMORY_PAGE_BYTES = 0x1_0000;
/** Most pages of a 32-bit memory. */
const MEMORY_PAGES = 65536;

/** Bytes, put together from pieces. */
export type Bytes = ArrayLike<number>;

/** A function as it goes into a module. */
export interface EncodedFunction {
  /** Its entry of the code section. */
  readonly code: Bytes;
  /** Places count from the first byte after the length. */
  readonly hints: readonly BranchHint[];
  /** Places as above. */
  readonly notes: readonly NotePlace[];
}

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

  /** The function with `body`. */
  encode(body: Code): EncodedFunction {
    const locals = this.#locals.flatMap((local) => [1, valueType[local.type]]);
    const before = [...unsignedLeb(this.#locals.length), ...locals];
    const { bytes, hints, notes } = assemble(body);
    return {
      code: withLength([before, bytes, [END]]),
      hints: hints.map(({ at, likely }) => ({ at: before.length + at, likely })),
      notes: notes.map(({ at, number }) => ({ at: before.length + at, number })),
    };
  }
}

/** A module over an imported shared memory `lockstep.memory`. Import functions first. */
export class ModuleBuilder {
  readonly #signatures: Signature[] = [];
  readonly #imports: number[][] = [];
  readonly #functions: (EncodedFunction & { readonly type: number })[] = [];
  readonly #exports: number[][] = [];
  readonly #elements: number[][] = [];
  #hasTable = false;
  readonly #memoryPages: number | undefined;

  /**
   * An empty module.
   * @param memory The memory that it will have, which never grows: so that V8 need not look up again and again where it
   *     ends. Deno's V8 checks every access (denoland/deno issue 35658).
   */
  constructor(memory?: WebAssembly.Memory) {
    this.#memoryPages = memory && memory.buffer.byteLength / MEMORY_PAGE_BYTES;
  }

  /** Imports the table of functions, `lockstep.table`. */
  importTable(): void {
    this.#hasTable = true;
  }

  /** Puts a function into a place of the table when the module is instantiated. */
  addElement(place: number, functionIndex: number): void {
    this.#elements.push([
      ACTIVE_SEGMENT,
      ...assemble(i32.const(place)).bytes,
      END,
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
    this.#functions.push({ type: this.#type(builder.signature), ...builder.encode(body) });
    if (exportName !== undefined) this.exportFunction(index, exportName);
    return index;
  }

  /** The notes in an own function, in the order of their places from the first byte after its length. */
  notesOf(functionIndex: number): readonly NotePlace[] {
    return this.#functions[functionIndex - this.#imports.length]!.notes;
  }

  /** The binary module. */
  encode(): Uint8Array<ArrayBuffer> {
    const memory = [
      ...text("lockstep"),
      ...text("memory"),
      KIND.memory,
      SHARED_WITH_MAXIMUM,
      ...unsignedLeb(this.#memoryPages ?? 1),
      ...unsignedLeb(this.#memoryPages ?? MEMORY_PAGES),
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
      this.#branchHints(),
      section(SECTION.code, this.#functions.map(({ code }) => code)),
    ];
    return concatenate(parts);
  }

  #branchHints(): Bytes {
    const functions: Bytes[] = [];
    this.#functions.forEach(({ hints }, index) => {
      if (hints.length === 0) return;
      functions.push([
        ...unsignedLeb(this.#imports.length + index),
        ...unsignedLeb(hints.length),
        ...hints.flatMap(({ at, likely }) => [...unsignedLeb(at), HINT_BYTES, likely ? 1 : 0]),
      ]);
    });
    const content = [text(BRANCH_HINTS), unsignedLeb(functions.length), ...functions];
    return concatenate([[SECTION.custom], withLength(content)]);
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

function section(id: number, items: readonly Bytes[]): Bytes {
  return concatenate([[id], withLength([unsignedLeb(items.length), ...items])]);
}

/** Pieces one after the other, and before them how many bytes they have. */
function withLength(pieces: readonly Bytes[]): Bytes {
  return concatenate([unsignedLeb(pieces.reduce((sum, { length }) => sum + length, 0)), ...pieces]);
}

function concatenate(pieces: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
