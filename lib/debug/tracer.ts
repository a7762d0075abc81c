/** Executed instructions as text, a line each. */
import type { Machine } from "../board/machine.ts";
import { fieldOffset, HartBlock } from "../cpu/hart_block.ts";
import { PRIVILEGE } from "../cpu/privilege.ts";
import type { Replica } from "../epoch/replica.ts";
import { disassemble } from "../isa/disassembler.ts";
import { causeText } from "./cause_text.ts";
import { NextInstruction } from "./next_instruction.ts";
import type { SymbolTable } from "./symbol_table.ts";

/** Lines that are remembered by the address of their instruction; a power of two. */
const LINES = 1 << 16;
const TEXT_WIDTH = 32;

/** The letters of the privilege levels. */
const LETTERS = ["U", "S", "?", "M"];

/** Executes epochs step by step and writes down what the hart does. */
export class Tracer {
  readonly #symbols: SymbolTable | undefined;
  readonly #words: Int32Array;
  readonly #block: HartBlock;
  readonly #instruction: NextInstruction;
  /** What follows the step and the privilege in a line, and of which instruction: low, high, bits. */
  readonly #lines: string[] = Array<string>(LINES).fill("");
  readonly #keys = new Int32Array(3 * LINES);

  /** Executes nothing yet. The machine translates nothing from now on. */
  constructor(machine: Machine, symbols?: SymbolTable) {
    machine.translating = false;
    const { memory } = machine;
    this.#symbols = symbols;
    this.#words = new Int32Array(memory.memory.buffer);
    this.#block = new HartBlock(memory.memory);
    this.#instruction = new NextInstruction(machine);
  }

  /**
   * Executes up to `steps` steps of a replica of the machine, no farther than the end of the epoch.
   *
   * @returns A line for each, with its number: as many steps had been taken before it.
   */
  trace(replica: Replica, steps: number): string {
    const words = this.#words;
    const trapsTaken = fieldOffset.trapsTaken >> 2;
    const privilege = fieldOffset.privilege >> 2;
    const start = replica.machine.steps;
    let text = "";
    let step = start;
    do {
      const traps = words[trapsTaken];
      const line = `${step} ${LETTERS[words[privilege]!]}${this.#line()}`;
      replica.advance(1);
      // An epoch may have no steps at all.
      if (replica.machine.steps === step) break;
      step++;
      text += words[trapsTaken] === traps ? line : this.#trap(line);
    } while (step < start + steps && replica.record);
    return text;
  }

  /** What the next line says of its instruction. */
  #line(): string {
    const bits = this.#instruction.bits;
    if (bits === undefined) return this.#describe(undefined);
    const low = this.#words[fieldOffset.pc >> 2]!;
    const high = this.#words[(fieldOffset.pc >> 2) + 1]!;
    const place = low >>> 1 & LINES - 1;
    const keys = this.#keys;
    const key = 3 * place;
    const known = this.#lines[place]!;
    if (
      keys[key] === low && keys[key + 1] === high && keys[key + 2] === (bits | 0) && known !== ""
    ) {
      return known;
    }
    keys[key] = low;
    keys[key + 1] = high;
    keys[key + 2] = bits;
    return this.#lines[place] = this.#describe(bits);
  }

  #describe(bits: number | undefined): string {
    const pc = this.#block.get("pc");
    const address = pc.toString(16).padStart(16, "0");
    const symbol = this.#symbols?.at(pc);
    const name = symbol === undefined ? "" : `<${symbol}>`;
    if (bits === undefined) {
      return ` ${address} ${"".padEnd(8)} ${"?".padEnd(TEXT_WIDTH)}${name}`.trimEnd() + "\n";
    }
    const digits = bits.toString(16).padStart((bits & 3) === 3 ? 8 : 4, "0").padEnd(8);
    const text = disassemble(bits, pc).padEnd(TEXT_WIDTH);
    return `${` ${address} ${digits} ${text}${name}`.trimEnd()}\n`;
  }

  /** The line of a step in which a trap was taken. */
  #trap(line: string): string {
    const machine = this.#block.low("privilege") === PRIVILEGE.machine;
    const cause = this.#block.get(machine ? "mcause" : "scause");
    const value = this.#block.get(machine ? "mtval" : "stval");
    const where = ` to ${this.#block.get("pc").toString(16).padStart(16, "0")}`;
    const told = causeText(cause);
    // An interrupt is a step of its own, before the instruction at pc.
    if (told.interrupt) {
      const [step, letter, address] = line.split(" ");
      return `${step} ${letter} ${address} -- ${told.text}${where}\n`;
    }
    const about = value === 0n ? "" : `, value ${value.toString(16).padStart(16, "0")}`;
    return `${line.trimEnd()} -- ${told.text}${about}${where}\n`;
  }
}
