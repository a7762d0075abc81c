/** Puts an engine together: the interpreter, with or without the translator. */
import { chosenEngine } from "./engine.ts";
import { generateInterpreter } from "./interpreter.ts";
import type { SlowPaths } from "./slow_paths.ts";
import { Translator, type TranslatorParts } from "./translate/translator.ts";

/** An engine. */
export interface Engine {
  /** Executes the steps that are granted. */
  readonly interpret: () => void;
  /** Translates what has become hot, if this engine does. */
  readonly translator: Translator | undefined;
}

/** Modules depend on no more of a hart than how large its memory is: harts share them. */
const modules = new Map<string, WebAssembly.Module>();

/** The chosen engine, for the hart with these parts. */
export function instantiate(
  parts: Omit<TranslatorParts, "table">,
  slowPaths: SlowPaths,
): Engine {
  const { engine, hotAt, mostRegions } = chosenEngine();
  const translating = engine === "mixed";
  const kind = `${engine} ${parts.memory.buffer.byteLength}`;
  const module = modules.get(kind) ??
    new WebAssembly.Module(generateInterpreter(parts.memory, translating));
  modules.set(kind, module);
  const table = translating ? Translator.table(mostRegions) : Translator.noTable();
  const accesses = {
    load: (width: number) => slowPaths.load(width),
    store: (width: number) => slowPaths.store(width),
    atomic: (width: number) => slowPaths.atomic(width),
    reserve: (width: number) => slowPaths.reserve(width),
    conditional: (width: number) => slowPaths.conditional(width),
  };
  let translator: Translator | undefined = undefined;
  const instance = new WebAssembly.Instance(module, {
    lockstep: {
      memory: parts.memory,
      table,
      ...accesses,
      csr: (operation: number, record: number) => slowPaths.csr(operation, record),
      system: (event: number, record: number) => slowPaths.system(event, record),
      fetch: () => slowPaths.fetch(),
      decode: (record: number) => slowPaths.decode(record),
      crossing: (record: number) => slowPaths.crossing(record),
      trigger: (record: number) => slowPaths.trigger(record),
      hot: (record: number) => translator?.hot(record),
      head: (record: number) => slowPaths.head(record),
    },
  });
  if (translating) {
    translator = new Translator(
      { ...parts, table },
      instance.exports,
      hotAt,
    );
    parts.code.listener = translator;
  }
  return { interpret: instance.exports.run as () => void, translator };
}
