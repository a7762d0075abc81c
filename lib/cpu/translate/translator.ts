/**
 * Fourth pass, linking: hot code is collected, translated a module at a time, and entered from its decoded records.
 *
 * Translations are a cache like others (design invariant 9): one is dropped when bytes that it came from change,
 * and all are when there are too many. What is dropped runs on in the interpreter until it is hot again.
 */
import { ModuleBuilder } from "../../wasm/module.ts";
import type { CodeCache, CodeListener } from "../code_cache.ts";
import { HOT_AT } from "../layout.ts";
import type { Budget } from "../budget.ts";
import type { FloatRoutine } from "../../isa/emission.ts";
import { type FloatFunctions, floatOperands } from "../soft_float.ts";
import { FINISH, isOutOfLine, outOfLineSignature } from "../out_of_line.ts";
import { emitRegion } from "./emit_region.ts";
import type { RegionImports } from "./instruction_emission.ts";
import { type LinkedModule, type LinkedRegion, RegionNotes } from "./notes.ts";
import { findRegion, type Region } from "./region.ts";

/** Most regions that are kept: in V8 each takes some 100 kB. */
const MOST_REGIONS = 640;
/** Most bytes of WebAssembly that are kept; V8's code is several times larger. */
const MOST_BYTES = 4 << 20;
/** Calls of the interpreter within which nothing should have to make way: some minutes. */
const CALLS_BETWEEN_EVICTIONS = 100_000;
/** Most times that what counts as hot is doubled. */
const MOST_DOUBLINGS = 8;
/** Most regions in a module, so that linking stays short. */
const MOST_IN_MODULE = 32;
/** Changes to a page after which it is not translated again until it is decoded anew. */
const MOST_CHANGES = 16;

/** What translated code is put together from. */
export interface TranslatorParts {
  /** Guest memory. */
  readonly memory: WebAssembly.Memory;
  /** Where decoded code is, and what translated code is entered from. */
  readonly code: CodeCache;
  /** What to stop when running code is dropped. */
  readonly budget: Budget;
  /** The table that the interpreter calls regions through. */
  readonly table: WebAssembly.Table;
}

/** Functions that translated code imports from the interpreter. */
export type TranslatedImports = Readonly<Record<string, unknown>>;

/** A region that is in use. */
interface Translation {
  readonly ramPage: number;
  readonly region: Region;
  readonly place: number;
}

/** The translator of a hart. */
export class Translator implements CodeListener {
  readonly #parts: TranslatorParts;
  readonly #imports: TranslatedImports;
  /** Hot code that waits for translation, by page. */
  readonly #waiting = new Map<number, Set<number>>();
  readonly #translations = new Map<number, Set<Translation>>();
  readonly #changes = new Map<number, number>();
  /** Hears of each module that is linked. */
  watcher: ((linked: LinkedModule) => void) | undefined;
  /** Whether nothing more is translated. */
  isResting = false;
  readonly #most: number;
  readonly #words: Int32Array;
  readonly #hotAt: number;
  #doublings = 0;
  #callsSinceEviction = 0;
  #free: number[] = [];
  #bytes = 0;

  /**
   * Translates for the interpreter that has these imports.
   * @param hotAt How often code is gone to before it is translated.
   */
  constructor(parts: TranslatorParts, imports: TranslatedImports, hotAt: number) {
    this.#parts = parts;
    this.#imports = imports;
    this.#words = new Int32Array(parts.memory.buffer);
    this.#hotAt = hotAt;
    this.#words[HOT_AT >> 2] = hotAt;
    this.#most = parts.table.length;
    for (let place = this.#most - 1; place >= 0; place--) this.#free.push(place);
  }

  /** A table for as many regions as there may be. */
  static table(mostRegions = MOST_REGIONS): WebAssembly.Table {
    return new WebAssembly.Table({ element: "anyfunc", initial: mostRegions });
  }

  /** For an engine that translates nothing. */
  static noTable(): WebAssembly.Table {
    return new WebAssembly.Table({ element: "anyfunc", initial: 0 });
  }

  /** The code of a record is hot. It is translated when the interpreter has returned. */
  hot(record: number): void {
    if (this.isResting) return;
    const { ramPage, pageOffset } = this.#parts.code.locate(record);
    if (this.#parts.code.hasEntry(ramPage, pageOffset)) return;
    if ((this.#changes.get(ramPage) ?? 0) >= MOST_CHANGES) return;
    const waiting = this.#waiting.get(ramPage) ?? new Set();
    this.#waiting.set(ramPage, waiting.add(pageOffset));
  }

  /** Translates what waits for it. */
  link(): void {
    this.#callsSinceEviction++;
    if (this.#waiting.size === 0) return;
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    if (this.#free.length < batch.length || this.#bytes > MOST_BYTES) this.#makeWay();
    const module = new ModuleBuilder(this.#parts.memory);
    module.importTable();
    const imports = importFor(module, batch.map(({ region }) => region));
    const { watcher } = this;
    const watched: Omit<LinkedRegion, "places">[] = [];
    const translations: Translation[] = [];
    for (const { ramPage, region } of batch) {
      const place = this.#free.pop()!;
      const notes = watcher && new RegionNotes();
      const functionIndex = emitRegion(module, region, imports, notes);
      module.addElement(place, functionIndex);
      translations.push({ ramPage, region, place });
      if (notes === undefined) continue;
      const decodedPage = this.#parts.code.page(ramPage);
      watched.push({ region, ramPage, decodedPage, functionIndex, notes });
    }
    const binary = module.encode();
    watcher?.({
      binary,
      regions: watched.map((one) => ({ ...one, places: module.notesOf(one.functionIndex) })),
    });
    if (!this.#instantiate(binary)) {
      this.#free.push(...translations.map(({ place }) => place));
      this.#makeWay();
      return;
    }
    this.#bytes += binary.length;
    for (const translation of translations) this.#enter(translation);
  }

  /** Answers whether the host had room for the module: without it the code is interpreted until it is hot again. */
  #instantiate(binary: Uint8Array<ArrayBuffer>): boolean {
    const { memory, table } = this.#parts;
    try {
      new WebAssembly.Instance(new WebAssembly.Module(binary), {
        lockstep: { memory, table, ...this.#imports },
      });
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  changed(ramPage: number, start: number, end: number): void {
    const translations = this.#translations.get(ramPage);
    if (translations === undefined) return;
    for (const translation of translations) {
      if (!covers(translation.region, start, end)) continue;
      this.#drop(translation);
      this.#changes.set(ramPage, (this.#changes.get(ramPage) ?? 0) + 1);
      // It may be what runs now.
      this.#parts.budget.attend();
    }
  }

  forgotten(ramPage: number): void {
    for (const translation of this.#translations.get(ramPage) ?? []) this.#drop(translation);
    this.#waiting.delete(ramPage);
    this.#changes.delete(ramPage);
  }

  /** Finds the regions of hot code, as many as go into a module. */
  #takeBatch(): { readonly ramPage: number; readonly region: Region }[] {
    const batch: { readonly ramPage: number; readonly region: Region }[] = [];
    const { code } = this.#parts;
    for (const [ramPage, offsets] of this.#waiting) {
      for (const head of offsets) {
        if (batch.length === Math.min(MOST_IN_MODULE, this.#most)) return batch;
        offsets.delete(head);
        if (code.hasEntry(ramPage, head)) continue;
        const region = findRegion(head, (offset) => code.instructionAt(ramPage, offset));
        if (region !== undefined) batch.push({ ramPage, region });
      }
      this.#waiting.delete(ramPage);
    }
    return batch;
  }

  #enter(translation: Translation): void {
    const { ramPage, region, place } = translation;
    const { code } = this.#parts;
    const others = this.#translations.get(ramPage) ?? new Set();
    this.#translations.set(ramPage, others.add(translation));
    for (const entry of region.entries) {
      if (!code.hasEntry(ramPage, entry)) code.setEntry(ramPage, entry, place);
    }
  }

  #drop(translation: Translation): void {
    const { ramPage, region, place } = translation;
    const { code, table } = this.#parts;
    const others = this.#translations.get(ramPage)!;
    others.delete(translation);
    if (others.size === 0) this.#translations.delete(ramPage);
    for (const entry of region.entries) code.removeEntry(ramPage, entry, place);
    table.set(place, null);
    this.#free.push(place);
  }

  /** Drops everything. Where that is needed again and again more is hot than is kept, and only what is hotter pays. */
  #makeWay(): void {
    const soon = this.#callsSinceEviction < CALLS_BETWEEN_EVICTIONS;
    this.#doublings = Math.min(MOST_DOUBLINGS, Math.max(0, this.#doublings + (soon ? 1 : -1)));
    this.#words[HOT_AT >> 2] = this.#hotAt << this.#doublings;
    this.#callsSinceEviction = 0;
    this.#dropAll();
  }

  #dropAll(): void {
    for (const translations of this.#translations.values()) {
      for (const translation of translations) this.#drop(translation);
    }
    this.#bytes = 0;
  }
}

function covers({ blocks }: Region, start: number, end: number): boolean {
  for (const block of blocks.values()) {
    if (block.start < end && start < block.end) return true;
  }
  return false;
}

const floatRoutines = Object.entries(floatOperands);

/** Imports what regions call. */
function importFor(module: ModuleBuilder, regions: readonly Region[]): RegionImports {
  const outOfLine = new Map<string, number>();
  let computes = false;
  for (const { blocks } of regions) {
    for (const { instructions } of blocks.values()) {
      for (const { decoded: { instruction } } of instructions) {
        const { name } = instruction;
        if (name.startsWith("f")) computes = true;
        if (!isOutOfLine(instruction) || outOfLine.has(name)) continue;
        outOfLine.set(name, module.importFunction(name, outOfLineSignature(instruction)));
      }
    }
  }
  const finish = module.importFunction(FINISH, { parameters: [], results: [] });
  const float = computes ? importFloat(module) : undefined;
  return { outOfLine, finish, float };
}

function importFloat(module: ModuleBuilder): FloatFunctions {
  const raise = module.importFunction("raise", { parameters: ["i32"], results: [] });
  const routines = Object.fromEntries(
    floatRoutines.map(([name, operands]) => [
      name,
      module.importFunction(name, {
        parameters: [...Array.from({ length: operands }, () => "i64" as const), "i32"],
        results: ["i64"],
      }),
    ]),
  ) as Record<FloatRoutine, number>;
  return { raise, routines };
}
