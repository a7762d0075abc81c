/** C, compressed instructions, each as the 32-bit instruction it expands to (chapter 16, RV64C). */

/** The operands of the instruction that a compressed one stands for. */
export interface Expansion {
  /** Number of the destination register, or 0. */
  readonly rd: number;
  /** Number of the first source register, or 0. */
  readonly rs1: number;
  /** Number of the second source register, or 0. */
  readonly rs2: number;
  /** Immediate, or 0. */
  readonly imm: number;
}

/** One compressed instruction. */
export interface Compressed {
  /** Mnemonic. */
  readonly name: string;
  /** Bits that are fixed. */
  readonly mask: number;
  /** Their values. */
  readonly match: number;
  /** Operands in the order of the assembly language, by their places in the expansion. */
  readonly operands: string;
  /** Name of the instruction that it expands to. */
  readonly base: string;
  /** Its operands, or nothing where the encoding is reserved or belongs to another entry. */
  readonly expand: (h: number) => Expansion | undefined;
}

const SP = 2;
const RA = 1;

/** Bits `from` and down of a halfword, `count` of them, moved to position `to`. */
const bits = (h: number, low: number, count: number, to: number) =>
  (h >>> low & ((1 << count) - 1)) << to;

const full = (h: number) => h >>> 7 & 31;
const second = (h: number) => h >>> 2 & 31;
const primeHigh = (h: number) => 8 + (h >>> 7 & 7);
const primeLow = (h: number) => 8 + (h >>> 2 & 7);

const signed6 = (h: number) => (bits(h, 12, 1, 5) | bits(h, 2, 5, 0)) << 26 >> 26;
const unsigned6 = (h: number) => bits(h, 12, 1, 5) | bits(h, 2, 5, 0);
const wordOffset = (h: number) => bits(h, 10, 3, 3) | bits(h, 6, 1, 2) | bits(h, 5, 1, 6);
const doubleOffset = (h: number) => bits(h, 10, 3, 3) | bits(h, 5, 2, 6);
const jumpOffset = (h: number) =>
  (bits(h, 12, 1, 11) | bits(h, 11, 1, 4) | bits(h, 9, 2, 8) | bits(h, 8, 1, 10) |
      bits(h, 7, 1, 6) | bits(h, 6, 1, 7) | bits(h, 3, 3, 1) | bits(h, 2, 1, 5)) << 20 >> 20;
const branchOffset = (h: number) =>
  (bits(h, 12, 1, 8) | bits(h, 10, 2, 3) | bits(h, 5, 2, 6) | bits(h, 3, 2, 1) |
      bits(h, 2, 1, 5)) << 23 >> 23;
const spAddend = (h: number) =>
  (bits(h, 12, 1, 9) | bits(h, 6, 1, 4) | bits(h, 5, 1, 6) | bits(h, 3, 2, 7) |
      bits(h, 2, 1, 5)) << 22 >> 22;
const spWide = (h: number) =>
  bits(h, 11, 2, 4) | bits(h, 7, 4, 6) | bits(h, 6, 1, 2) | bits(h, 5, 1, 3);
const spWordLoad = (h: number) => bits(h, 12, 1, 5) | bits(h, 4, 3, 2) | bits(h, 2, 2, 6);
const spDoubleLoad = (h: number) => bits(h, 12, 1, 5) | bits(h, 5, 2, 3) | bits(h, 2, 3, 6);
const spWordStore = (h: number) => bits(h, 9, 4, 2) | bits(h, 7, 2, 6);
const spDoubleStore = (h: number) => bits(h, 10, 3, 3) | bits(h, 7, 3, 6);

const of = (rd: number, rs1: number, rs2: number, imm: number): Expansion => ({
  rd,
  rs1,
  rs2,
  imm,
});
const unless = (reserved: boolean, expansion: Expansion) => reserved ? undefined : expansion;

const prime = (name: string, match: number, base: string): Compressed => ({
  name,
  mask: 0xfc63,
  match,
  operands: "rd,rs2",
  base,
  expand: (h) => of(primeHigh(h), primeHigh(h), primeLow(h), 0),
});

/** C for RV64 with D. */
export const compressed: readonly Compressed[] = [
  {
    name: "c.addi4spn",
    mask: 0xe003,
    match: 0x0000,
    operands: "rd,rs1,imm",
    base: "addi",
    expand: (h) => unless(spWide(h) === 0, of(primeLow(h), SP, 0, spWide(h))),
  },
  {
    name: "c.fld",
    mask: 0xe003,
    match: 0x2000,
    operands: "fd,imm(rs1)",
    base: "fld",
    expand: (h) => of(primeLow(h), primeHigh(h), 0, doubleOffset(h)),
  },
  {
    name: "c.lw",
    mask: 0xe003,
    match: 0x4000,
    operands: "rd,imm(rs1)",
    base: "lw",
    expand: (h) => of(primeLow(h), primeHigh(h), 0, wordOffset(h)),
  },
  {
    name: "c.ld",
    mask: 0xe003,
    match: 0x6000,
    operands: "rd,imm(rs1)",
    base: "ld",
    expand: (h) => of(primeLow(h), primeHigh(h), 0, doubleOffset(h)),
  },
  {
    name: "c.fsd",
    mask: 0xe003,
    match: 0xa000,
    operands: "fs2,imm(rs1)",
    base: "fsd",
    expand: (h) => of(0, primeHigh(h), primeLow(h), doubleOffset(h)),
  },
  {
    name: "c.sw",
    mask: 0xe003,
    match: 0xc000,
    operands: "rs2,imm(rs1)",
    base: "sw",
    expand: (h) => of(0, primeHigh(h), primeLow(h), wordOffset(h)),
  },
  {
    name: "c.sd",
    mask: 0xe003,
    match: 0xe000,
    operands: "rs2,imm(rs1)",
    base: "sd",
    expand: (h) => of(0, primeHigh(h), primeLow(h), doubleOffset(h)),
  },
  {
    name: "c.addi",
    mask: 0xe003,
    match: 0x0001,
    operands: "rd,imm",
    base: "addi",
    expand: (h) => of(full(h), full(h), 0, signed6(h)),
  },
  {
    name: "c.addiw",
    mask: 0xe003,
    match: 0x2001,
    operands: "rd,imm",
    base: "addiw",
    expand: (h) => unless(full(h) === 0, of(full(h), full(h), 0, signed6(h))),
  },
  {
    name: "c.li",
    mask: 0xe003,
    match: 0x4001,
    operands: "rd,imm",
    base: "addi",
    expand: (h) => of(full(h), 0, 0, signed6(h)),
  },
  {
    name: "c.addi16sp",
    mask: 0xef83,
    match: 0x6101,
    operands: "rd,imm",
    base: "addi",
    expand: (h) => unless(spAddend(h) === 0, of(SP, SP, 0, spAddend(h))),
  },
  {
    name: "c.lui",
    mask: 0xe003,
    match: 0x6001,
    operands: "rd,upper",
    base: "lui",
    expand: (h) => unless(full(h) === SP || signed6(h) === 0, of(full(h), 0, 0, signed6(h) << 12)),
  },
  {
    name: "c.srli",
    mask: 0xec03,
    match: 0x8001,
    operands: "rd,shift",
    base: "srli",
    expand: (h) => of(primeHigh(h), primeHigh(h), 0, unsigned6(h)),
  },
  {
    name: "c.srai",
    mask: 0xec03,
    match: 0x8401,
    operands: "rd,shift",
    base: "srai",
    expand: (h) => of(primeHigh(h), primeHigh(h), 0, unsigned6(h)),
  },
  {
    name: "c.andi",
    mask: 0xec03,
    match: 0x8801,
    operands: "rd,imm",
    base: "andi",
    expand: (h) => of(primeHigh(h), primeHigh(h), 0, signed6(h)),
  },
  prime("c.sub", 0x8c01, "sub"),
  prime("c.xor", 0x8c21, "xor"),
  prime("c.or", 0x8c41, "or"),
  prime("c.and", 0x8c61, "and"),
  prime("c.subw", 0x9c01, "subw"),
  prime("c.addw", 0x9c21, "addw"),
  {
    name: "c.j",
    mask: 0xe003,
    match: 0xa001,
    operands: "target",
    base: "jal",
    expand: (h) => of(0, 0, 0, jumpOffset(h)),
  },
  {
    name: "c.beqz",
    mask: 0xe003,
    match: 0xc001,
    operands: "rs1,target",
    base: "beq",
    expand: (h) => of(0, primeHigh(h), 0, branchOffset(h)),
  },
  {
    name: "c.bnez",
    mask: 0xe003,
    match: 0xe001,
    operands: "rs1,target",
    base: "bne",
    expand: (h) => of(0, primeHigh(h), 0, branchOffset(h)),
  },
  {
    name: "c.slli",
    mask: 0xe003,
    match: 0x0002,
    operands: "rd,shift",
    base: "slli",
    expand: (h) => of(full(h), full(h), 0, unsigned6(h)),
  },
  {
    name: "c.fldsp",
    mask: 0xe003,
    match: 0x2002,
    operands: "fd,imm(rs1)",
    base: "fld",
    expand: (h) => of(full(h), SP, 0, spDoubleLoad(h)),
  },
  {
    name: "c.lwsp",
    mask: 0xe003,
    match: 0x4002,
    operands: "rd,imm(rs1)",
    base: "lw",
    expand: (h) => unless(full(h) === 0, of(full(h), SP, 0, spWordLoad(h))),
  },
  {
    name: "c.ldsp",
    mask: 0xe003,
    match: 0x6002,
    operands: "rd,imm(rs1)",
    base: "ld",
    expand: (h) => unless(full(h) === 0, of(full(h), SP, 0, spDoubleLoad(h))),
  },
  {
    name: "c.jr",
    mask: 0xf07f,
    match: 0x8002,
    operands: "rs1",
    base: "jalr",
    expand: (h) => unless(full(h) === 0, of(0, full(h), 0, 0)),
  },
  {
    name: "c.mv",
    mask: 0xf003,
    match: 0x8002,
    operands: "rd,rs2",
    base: "add",
    expand: (h) => unless(second(h) === 0, of(full(h), 0, second(h), 0)),
  },
  {
    name: "c.ebreak",
    mask: 0xffff,
    match: 0x9002,
    operands: "",
    base: "ebreak",
    expand: () => of(0, 0, 0, 0),
  },
  {
    name: "c.jalr",
    mask: 0xf07f,
    match: 0x9002,
    operands: "rs1",
    base: "jalr",
    expand: (h) => unless(full(h) === 0, of(RA, full(h), 0, 0)),
  },
  {
    name: "c.add",
    mask: 0xf003,
    match: 0x9002,
    operands: "rd,rs2",
    base: "add",
    expand: (h) => unless(second(h) === 0, of(full(h), full(h), second(h), 0)),
  },
  {
    name: "c.fsdsp",
    mask: 0xe003,
    match: 0xa002,
    operands: "fs2,imm(rs1)",
    base: "fsd",
    expand: (h) => of(0, SP, second(h), spDoubleStore(h)),
  },
  {
    name: "c.swsp",
    mask: 0xe003,
    match: 0xc002,
    operands: "rs2,imm(rs1)",
    base: "sw",
    expand: (h) => of(0, SP, second(h), spWordStore(h)),
  },
  {
    name: "c.sdsp",
    mask: 0xe003,
    match: 0xe002,
    operands: "rs2,imm(rs1)",
    base: "sd",
    expand: (h) => of(0, SP, second(h), spDoubleStore(h)),
  },
];
