/** Files with symbols on the command line: `FILE`, or `FILE@ADDRESS` where it was loaded elsewhere. */
import { type CodeSymbol, readSymbols, SymbolError, SymbolTable } from "../debug/symbol_table.ts";
import { type Option, textOption, UsageError } from "./command.ts";
import { readWhole } from "./guest_file.ts";

/** The most that is read of symbols from what is no plain file, MiB. */
const LARGEST_MIB = 1024;

/** A file, and where it was loaded. */
const FORM = /^(.+?)(?:@(0x[0-9a-fA-F]{1,16}))?$/;

/** Names files with symbols. */
export const symbolsOption: Option<string> = textOption(
  "symbols",
  "FILE[@SHIFT]",
  "Names of places: an ELF file, System.map or /proc/kallsyms; SHIFT (0x…) is added to its addresses",
  { repeat: true },
);

/**
 * The symbols of all files; none when there are no files.
 *
 * @throws {HostFileError} when one does not open
 * @throws {UsageError} or {SymbolError} when one makes no sense
 */
export async function symbolsIn(names: readonly string[]): Promise<SymbolTable | undefined> {
  if (names.length === 0) return undefined;
  const symbols: CodeSymbol[] = [];
  for (const name of names) {
    for (const symbol of await symbolsOf(name)) symbols.push(symbol);
  }
  return new SymbolTable(symbols);
}

/** The file that a value of {@linkcode symbolsOption} names. */
export function symbolsPath(name: string): string {
  return FORM.exec(name)?.[1] ?? name;
}

async function symbolsOf(name: string): Promise<readonly CodeSymbol[]> {
  const [, path, shift] = FORM.exec(name) ?? [];
  if (path === undefined) throw new UsageError("--symbols needs a file");
  const file = await readWhole(path, "symbols", LARGEST_MIB);
  try {
    return readSymbols(file, BigInt(shift ?? "0"));
  } catch (error) {
    if (!(error instanceof SymbolError)) throw error;
    throw new SymbolError(`Cannot take symbols from ${path}: ${error.message}`);
  }
}
