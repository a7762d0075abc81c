/** Translated regions as text: the guest's instructions, and beside each the WebAssembly that it has become. */
import type { Machine } from "../board/machine.ts";
import {
  FETCH_BANK,
  FETCH_TLB,
  PAGE_BYTES,
  RAM_BASE,
  TLB_BANK_BYTES,
  TLB_BANK_COUNT,
  TLB_BANKS,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
} from "../cpu/layout.ts";
import type { LinkedModule, LinkedRegion, Note } from "../cpu/translate/notes.ts";
import { disassembleDecoded } from "../isa/disassembler.ts";
import { ModuleText, type TextLine } from "../wasm/text.ts";
import type { SymbolTable } from "./symbol_table.ts";

const LEFT_WIDTH = 56;
const NOWHERE = -1;

/** Which regions are shown. */
export interface TranslationChoice {
  /** Names of places in code. */
  readonly symbols?: SymbolTable | undefined;
  /** Only regions that hold the instruction at this address. */
  readonly at?: bigint | undefined;
}

/** The text of a module's regions, which has just been linked. */
export function translationText(
  machine: Machine,
  { binary, regions }: LinkedModule,
  { symbols, at }: TranslationChoice,
): string {
  const module = new ModuleText(binary);
  let text = "";
  for (const region of regions) {
    const mapped = virtualPage(machine, region.decodedPage);
    const page = mapped ?? BigInt(RAM_BASE + region.ramPage * PAGE_BYTES);
    if (at !== undefined && !holds(region, Number(at - page))) continue;
    const lines = module.function(region.functionIndex, region.notes.names);
    // It may have been unmapped since it was hot.
    const what = mapped === undefined ? " (physical)" : "";
    text += `${heading(machine, region, page, symbols)}${what}\n`;
    text += sideBySide(lines, region, (note) => noteText(note, page, symbols));
  }
  return text;
}

/** Where the guest sees a decoded page; undefined when no fetch has found it lately. */
function virtualPage(machine: Machine, decodedPage: number): bigint | undefined {
  const words = new Int32Array(machine.memory.memory.buffer);
  const present = words[FETCH_BANK >> 2]!;
  const all = Array.from(
    { length: TLB_BANK_COUNT },
    (_, bank) => TLB_BANKS + bank * TLB_BANK_BYTES,
  );
  for (const bank of [present, ...all]) {
    for (let entry = 0; entry < TLB_ENTRIES; entry++) {
      const at = (bank + FETCH_TLB + entry * TLB_ENTRY_BYTES) >> 2;
      const [low, high, value] = [words[at]!, words[at + 1]!, words[at + 2]!];
      if (value !== decodedPage || (low === NOWHERE && high === NOWHERE)) continue;
      return BigInt.asUintN(64, BigInt(high) << 32n | BigInt(low >>> 0));
    }
  }
}

function holds({ region: { blocks } }: LinkedRegion, pageOffset: number): boolean {
  return [...blocks.values()].some(({ start, end }) => start <= pageOffset && pageOffset < end);
}

function heading(
  machine: Machine,
  { region: { head, blocks } }: LinkedRegion,
  page: bigint,
  symbols: SymbolTable | undefined,
): string {
  const instructions = [...blocks.values()].reduce(
    (sum, block) => sum + block.instructions.length,
    0,
  );
  return `# step ${machine.steps}: region at ${address(page + BigInt(head), symbols)}, ` +
    `${counted(instructions, "instruction")} in ${counted(blocks.size, "block")}`;
}

/** Each line, with what it is for to its left where that begins. */
function sideBySide(
  lines: readonly TextLine[],
  { places, notes }: LinkedRegion,
  textOf: (note: Note) => string,
): string {
  const shown = new Set<string>();
  let text = "";
  let next = 0;
  for (const line of lines) {
    let beside = "";
    for (; next < places.length && places[next]!.at <= line.at; next++) {
      // One whose code is empty has a line of its own, unless it has been there.
      if (beside !== "" && !shown.has(beside)) text += `${beside}\n`;
      shown.add(beside);
      beside = textOf(notes.notes[places[next]!.number]!);
    }
    shown.add(beside);
    text += `${beside.padEnd(LEFT_WIDTH)} ${" ".repeat(line.depth)}${line.text}\n`;
  }
  return text;
}

function noteText(note: Note, page: bigint, symbols: SymbolTable | undefined): string {
  if (note.kind === "leave") return "goes on elsewhere";
  if (note.kind === "stop") return "goes back to the interpreter";
  if (note.kind === "block") return `block of ${counted(note.steps, "step")}`;
  const { pageOffset, decoded } = note.placed;
  const at = page + BigInt(pageOffset);
  const text = `${address(at, undefined)}  ${disassembleDecoded(decoded, at)}`;
  const symbol = symbols?.at(at);
  return symbol === undefined || symbol.includes("+") ? text : `${text} <${symbol}>`;
}

function address(at: bigint, symbols: SymbolTable | undefined): string {
  const symbol = symbols?.at(at);
  const digits = BigInt.asUintN(64, at).toString(16).padStart(16, "0");
  return symbol === undefined ? digits : `${digits} <${symbol}>`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
