/**
 * Names of places in code: of the symbol table of an ELF file (System V ABI, generic ELF, chapter 4), or of a
 * list such as `/proc/kallsyms`, `System.map` or the output of `nm`. Both are untrusted.
 */
import { isElf } from "../board/elf.ts";

/** A file has no symbols that can be read. */
export class SymbolError extends Error {
  /** Tells this error from others. */
  override readonly name = "SymbolError";
}

/** A named place. */
export interface CodeSymbol {
  /** Its address. */
  readonly address: bigint;
  /** Bytes; 0 where nobody knows. */
  readonly bytes: bigint;
  /** Its name. */
  readonly name: string;
}

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const SYMBOL_TABLE = 2;
/** Kinds of symbol that stand for code: none given, and functions. */
const CODE_KINDS: ReadonlySet<number> = new Set([0, 2]);
const LONGEST_NAME = 200;

/** Symbols in the order of their addresses. */
export class SymbolTable {
  readonly #symbols: readonly CodeSymbol[];

  /** Of several symbols at one address the first counts. */
  constructor(symbols: readonly CodeSymbol[]) {
    this.#symbols = symbols.toSorted((a, b) =>
      a.address < b.address ? -1 : a.address > b.address ? 1 : 0
    );
  }

  /** `name+0x12` for an address inside a symbol, `name` at its start. */
  at(address: bigint): string | undefined {
    const symbol = this.#symbols[this.#countUpTo(address) - 1];
    if (symbol === undefined) return undefined;
    const offset = address - symbol.address;
    if (symbol.bytes > 0n && offset >= symbol.bytes) return undefined;
    return offset === 0n ? symbol.name : `${symbol.name}+0x${offset.toString(16)}`;
  }

  #countUpTo(address: bigint): number {
    let low = 0;
    let high = this.#symbols.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#symbols[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    // Back to the first of those at the same address.
    const found = this.#symbols[low - 1]?.address;
    while (low > 1 && this.#symbols[low - 2]!.address === found) low--;
    return low;
  }
}

/**
 * The code symbols in a file.
 *
 * @param shift Is added to every address: where the file was loaded.
 * @throws {SymbolError} saying what is wrong with it
 */
export function readSymbols(file: Uint8Array, shift = 0n): CodeSymbol[] {
  const symbols = isElf(file) ? elfSymbols(file) : listedSymbols(file);
  if (symbols.length === 0) throw new SymbolError("it has no symbols of code");
  return symbols.map((symbol) => ({
    ...symbol,
    address: BigInt.asUintN(64, symbol.address + shift),
  }));
}

function elfSymbols(file: Uint8Array): CodeSymbol[] {
  if (file.length < HEADER_BYTES || file[4] !== 2 || file[5] !== 1) {
    throw new SymbolError("it is not a 64-bit little-endian ELF file");
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const sections = part(
    file,
    view.getBigUint64(40, true),
    view.getUint16(60, true) * SECTION_BYTES,
  );
  const symbols: CodeSymbol[] = [];
  let tableBytes = 0;
  for (let at = 0; at < sections.byteLength; at += SECTION_BYTES) {
    if (sections.getUint32(at + 4, true) !== SYMBOL_TABLE) continue;
    const names = sections.getUint32(at + 40, true) * SECTION_BYTES;
    if (names + SECTION_BYTES > sections.byteLength) {
      throw new SymbolError("its symbol table has no names");
    }
    const table = contents(file, sections, at);
    // Many sections over the same bytes would make a small file take forever.
    tableBytes += table.byteLength;
    if (tableBytes > file.length) throw new SymbolError("its symbol tables overlap");
    const text = contents(file, sections, names);
    for (let entry = 0; entry + SYMBOL_BYTES <= table.byteLength; entry += SYMBOL_BYTES) {
      const kind = table.getUint8(entry + 4) & 15;
      const defined = table.getUint16(entry + 6, true) !== 0;
      const name = nameAt(text, table.getUint32(entry, true));
      if (!defined || !CODE_KINDS.has(kind) || !isWorthTelling(name)) continue;
      const address = table.getBigUint64(entry + 8, true);
      symbols.push({ address, bytes: table.getBigUint64(entry + 16, true), name });
    }
  }
  return symbols;
}

function contents(file: Uint8Array, sections: DataView, at: number): DataView {
  const length = Number(sections.getBigUint64(at + 32, true));
  return part(file, sections.getBigUint64(at + 24, true), length);
}

function part(file: Uint8Array, offset: bigint, length: number): DataView {
  if (Number(offset) + length > file.length) {
    throw new SymbolError("it is shorter than its own headers say");
  }
  return new DataView(file.buffer, file.byteOffset + Number(offset), length);
}

function nameAt(text: DataView, start: number): string {
  let name = "";
  for (let at = start; at < text.byteLength && name.length < LONGEST_NAME; at++) {
    const byte = text.getUint8(at);
    if (byte === 0) break;
    name += String.fromCharCode(byte);
  }
  return name;
}

/** Mapping symbols and local labels say nothing to a person (RISC-V psABI, section 8.4). */
function isWorthTelling(name: string): boolean {
  return /^[!-~]+$/.test(name) && !/^(\$[xd]|\.L)/.test(name);
}

function listedSymbols(file: Uint8Array): CodeSymbol[] {
  const lines = new TextDecoder().decode(file).matchAll(
    /^([0-9a-fA-F]{8,16}) +[tTwW] +([!-~]{1,200})/gm,
  );
  return Array.from(lines, ([, address, name]) => ({
    address: BigInt(`0x${address}`),
    bytes: 0n,
    name: name!,
  })).filter(({ name }) => isWorthTelling(name));
}
