/** The functions of random guests: loops and branches around every instruction there is. */
import { decode, instructions } from "../../../lib/isa/decoder.ts";
import { type Instruction, OPCODE } from "../../../lib/isa/instruction.ts";
import { encode, type Operands } from "../assembly.ts";
import type { Choices } from "./random_choices.ts";
import { RAM } from "../test_machine.ts";
import {
  A,
  ANYHOW_PAGES,
  BASES,
  COUNTERS,
  CSR,
  entry,
  FUNCTION_COUNT,
  PAGE,
  splitAt,
  STATUS,
  table,
  U,
  V,
  VALUES,
  W,
  X,
} from "./random_guest_layout.ts";

const majors: ReadonlySet<number> = new Set([
  OPCODE.jal,
  OPCODE.jalr,
  OPCODE.branch,
  OPCODE.system,
  OPCODE.auipc,
]);
const straight = instructions.filter(({ match }) => !majors.has(match & 0x7f));
const memory: ReadonlySet<number> = new Set([
  OPCODE.load,
  OPCODE.loadFloat,
  OPCODE.store,
  OPCODE.storeFloat,
]);
const [accesses, computations] = [true, false].map((is) =>
  straight.filter(({ match }) => memory.has(match & 0x7f) === is)
) as [Instruction[], Instruction[]];
const floats = computations.filter(({ name }) => name.startsWith("f") && !name.startsWith("fence"));
/** What changes in a page-table entry: the page, and what it permits. */
const REMAPPINGS = [PAGE / 4, PAGE / 4, X, W, A, V, U];
/** The first page of a function, counted from the start of RAM. */
const codePage = (n: number) => Math.floor((entry(n) - RAM) / PAGE);
const branches = ["beq", "bne", "blt", "bge", "bltu", "bgeu"];

/** Code under construction, in halfwords. */
export class Halves {
  readonly all: number[] = [];

  /** Adds an instruction of 32 bits. */
  word(word: number): void {
    this.all.push(word & 0xffff, word >>> 16);
  }
}

/** Makes functions. */
export class RandomFunctions {
  readonly #choices: Choices;

  /** Makes them by these choices. */
  constructor(choices: Choices) {
    this.#choices = choices;
  }

  /** Its code in halfwords. */
  code(n: number): number[] {
    const code = new Halves();
    for (let piece = this.#choices.between(3, 8); piece > 0; piece--) this.#piece(code, n, 0);
    const [rest, other] = [this.#choices.between(0, 3), (n + 1) % FUNCTION_COUNT];
    if (rest === 0) code.word(encode("jalr", { rs1: 1 }));
    else if (rest === 1) code.word(encode("ecall"));
    else this.#call(code, n, other, 0);
    return code.all;
  }

  #piece(code: Halves, n: number, depth: number): void {
    const random = this.#choices;
    const kind = random.between(0, 9);
    if (kind <= 3 && depth < COUNTERS.length) {
      const counter = COUNTERS[depth]!;
      code.word(encode("addi", { rd: counter, imm: random.upTo(40) }));
      const start = code.all.length;
      for (let n = random.between(1, 3); n > 0; n--) this.#piece(code, n, depth + 1);
      code.word(encode("addi", { rd: counter, rs1: counter, imm: -1 }));
      code.word(encode("bne", { rs1: counter, imm: 2 * (start - code.all.length) }));
    } else if (kind === 4) {
      const inner = new Halves();
      for (let n = random.between(1, 5); n > 0; n--) this.one(inner);
      const imm = 2 * inner.all.length + 4;
      const [rs1, rs2] = [this.#choices.pick(VALUES), this.#choices.pick([0, ...VALUES])];
      code.word(encode(this.#choices.pick(branches), { rs1, rs2, imm }));
      code.all.push(...inner.all);
    } else if (kind === 5 && random.once(3)) {
      this.#remap(code, n);
    } else if (kind === 5 && random.once(2)) {
      this.#system(code);
    } else {
      for (let n = random.between(1, 7); n > 0; n--) this.one(code);
    }
  }

  /** Remaps one of the pages that function `n` is in, or those it sees as data: likely the one that is running. */
  #remap(code: Halves, n: number): void {
    const random = this.#choices;
    const [leaves, page] = this.#choices.pick([
      ...[[3, codePage(n)], [3, codePage(n) + 1], [5, codePage(n)], [5, codePage(n) + 1]] as const,
      [4, random.between(0, ANYHOW_PAGES - 1)] as const,
    ]);
    const to = table(random.between(0, 1), leaves) + 8 * page;
    const [upper, lower] = splitAt(to - entry(n) - 2 * code.all.length);
    const rd = this.#choices.pick(VALUES);
    code.word(encode("auipc", { rd: 25, imm: upper }));
    code.word(encode("ld", { rd, rs1: 25, imm: lower }));
    code.word(encode("xori", { rd, rs1: rd, imm: this.#choices.pick(REMAPPINGS) }));
    code.word(encode("addi", { rd: 25, rs1: 25, imm: lower }));
    code.word(encode("sd", { rs1: 25, rs2: rd }));
  }

  /** Calls another function, or goes to it, from wherever in the window this one is. */
  #call(code: Halves, from: number, to: number, rd: number): void {
    const [upper, lower] = splitAt(
      entry(to) - entry(from) - 2 * code.all.length,
    );
    code.word(encode("auipc", { rd: 25, imm: upper }));
    code.word(encode("jalr", { rd, rs1: 25, imm: lower }));
  }

  /** One instruction that does not jump, or but a little. */
  one(code: Halves): void {
    const random = this.#choices;
    const kind = random.between(0, 11);
    if (kind <= 3) this.#access(code);
    else if (kind === 4) {
      const rd = this.#choices.pick(BASES);
      code.word(
        encode("addi", { rd, rs1: rd, imm: this.#choices.pick([8, -8, 16, 1, 4, 512, -2048]) }),
      );
    } else if (kind === 5) this.#compressed(code);
    else this.#computation(code, this.#choices.pick(kind <= 8 ? floats : computations));
  }

  #access(code: Halves): void {
    const { name, operands } = this.#choices.pick(accesses);
    const imm = this.#choices.pick([0, 8, -8, 16, 4, -16, 24, 3]);
    const given = { rs1: this.#choices.pick(BASES), imm } as const;
    const isFloat = /f(d|s2)/.test(operands);
    const register = isFloat ? this.#choices.between(0, 31) : this.#choices.pick(VALUES);
    code.word(
      encode(name, {
        ...given,
        [operands.startsWith("rs2") || operands.startsWith("fs2") ? "rs2" : "rd"]: register,
      }),
    );
  }

  #computation(code: Halves, { name, mask, match, format, operands }: Instruction): void {
    const random = this.#choices;
    const register = (file: string) =>
      file === "f" ? random.between(0, 12) : this.#choices.pick(random.once(8) ? BASES : VALUES);
    const isAtomic = (match & 0x7f) === OPCODE.amo;
    const given: Record<keyof Operands, number> = { rd: 0, rs1: 0, rs2: 0, rs3: 0, imm: 0, csr: 0 };
    for (const [, file, which] of operands.matchAll(/\b([rf])(d|s[123])\b/g)) {
      const at = which === "d" ? "rd" : `r${which}` as "rs1" | "rs2" | "rs3";
      given[at] = isAtomic && at === "rs1" ? this.#choices.pick(BASES) : register(file!);
    }
    if (given.rd !== 0 && BASES.some((at) => at === given.rd) && /\brd\b/.test(operands)) {
      given.rd = this.#choices.pick(VALUES);
    }
    given.imm = format === "rounding"
      ? this.#choices.pick([0, 1, 2, 3, 4, 7, 7, 7, 7, random.once(20) ? 5 : 0])
      : format === "U"
      ? random.between(-99, 99) << 12
      : random.between(-99, 99);
    const free = encode(name, given);
    code.word((match & mask | free & ~mask) >>> 0);
  }

  #compressed(code: Halves): void {
    for (;;) {
      const half = this.#choices.between(0, 0xffff);
      if ((half & 3) === 3) continue;
      const { instruction: { match }, rd, imm } = decode(half);
      const major = match & 0x7f;
      if (major === OPCODE.system || major === OPCODE.jalr) continue;
      // A jump stays near.
      if ((major === OPCODE.jal || major === OPCODE.branch) && (imm < 4 || imm > 16)) continue;
      if (rd === 1 || rd >= COUNTERS[0]) continue;
      code.all.push(half);
      return;
    }
  }

  /** What a program may do with CSRs by itself, and may not. */
  #system(code: Halves): void {
    const rd = this.#choices.pick(VALUES);
    code.word(this.#choices.pick([
      encode("csrrwi", { rd, csr: CSR.frm, imm: this.#choices.pick([0, 0, 1, 2, 3, 4, 5, 7]) }),
      encode("csrrwi", { rd, csr: CSR.fflags, imm: this.#choices.pick([0, 1, 31]) }),
      encode("csrrs", { rd, csr: CSR.fcsr }),
      encode("csrrs", { rd, csr: this.#choices.pick([CSR.cycle, CSR.time, CSR.instret]) }),
      encode(this.#choices.pick(["csrrsi", "csrrci"]), { rd, csr: CSR.sstatus, imm: STATUS.SIE }),
      encode("csrrs", { rd, csr: CSR.sstatus, rs1: this.#choices.pick(VALUES) }),
      encode("csrrsi", { csr: CSR.sip, imm: 2 }),
      encode("sfence.vma", {}),
      encode("fence.i", {}),
      encode("ecall", {}),
      encode("ebreak", {}),
      this.#choices.between(0, 0xffff_ffff),
    ]));
  }
}
