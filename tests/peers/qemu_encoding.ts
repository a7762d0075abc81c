/**
 * Encodings of RV64GC as data, written from the RISC-V Unprivileged ISA ("RV32/64G Instruction Set
 * Listings", "RVC Instruction Set Listings") and on purpose not taken from `lib/isa`: an encoding that is wrong there
 * must not be wrong here in the same way.
 *
 * @module
 */

/** How the fields of an instruction are filled. */
export type Format =
  | "R"
  | "I"
  | "shift6"
  | "shift5"
  | "load"
  | "store"
  | "branch"
  | "U"
  | "J"
  | "jalr"
  | "amo"
  | "lr"
  | "csr"
  | "csri"
  | "fence"
  | "fixed"
  | "sfence"
  | "float"
  | CompressedFormat;

/** Compressed formats; `free` ones compute on registers only, so that every bit outside of `mask` is random. */
export type CompressedFormat =
  | "c.free"
  | "c.load"
  | "c.store"
  | "c.loadsp"
  | "c.storesp"
  | "c.jump"
  | "c.branch"
  | "c.jr"
  | "c.fixed";

/**
 * One instruction: the bits under `mask` are `match`. `size` is the access size of loads, stores and atomics. `toFloat`: its
 * destination is an f register; `fromInteger`: it computes on f registers, but its source is none.
 */
export interface Encoding {
  readonly name: string;
  readonly format: Format;
  readonly match: number;
  readonly mask: number;
  readonly size?: number;
  readonly toFloat?: true;
  readonly fromInteger?: true;
}

const OPCODE = 0x7f, FUNCT3 = 0x707f, FUNCT7 = 0xfe00707f | 0, SHIFT6 = 0xfc00707f | 0;

function register(name: string, funct7: number, funct3: number, opcode: number): Encoding {
  return { name, format: "R", match: (funct7 << 25) | (funct3 << 12) | opcode, mask: FUNCT7 };
}

function immediate(
  name: string,
  format: Format,
  funct3: number,
  opcode: number,
  size?: number,
): Encoding {
  const encoding = { name, format, match: (funct3 << 12) | opcode, mask: FUNCT3 };
  return size === undefined ? encoding : { ...encoding, size };
}

function atomic(name: string, funct5: number, size: 4 | 8): Encoding {
  const match = (funct5 << 27) | ((size === 4 ? 2 : 3) << 12) | 0x2f;
  const lr = funct5 === 2;
  return {
    name,
    format: lr ? "lr" : "amo",
    match,
    mask: lr ? 0xf9f0707f | 0 : 0xf800707f | 0,
    size,
  };
}

const ATOMICS: readonly [string, number][] = [
  ["lr", 0b00010],
  ["sc", 0b00011],
  ["amoswap", 0b00001],
  ["amoadd", 0b00000],
  ["amoxor", 0b00100],
  ["amoand", 0b01100],
  ["amoor", 0b01000],
  ["amomin", 0b10000],
  ["amomax", 0b10100],
  ["amominu", 0b11000],
  ["amomaxu", 0b11100],
];

/** Computations on f registers with funct7; bits 14:12 are funct3, or the rounding mode when it is left out. */
function float(name: string, funct7: number, funct3?: number, rs2?: number): Encoding {
  return {
    name,
    format: "float",
    match: (funct7 << 25) | ((rs2 ?? 0) << 20) | ((funct3 ?? 0) << 12) | 0x53,
    mask: 0xfe00007f | (rs2 === undefined ? 0 : 0x01f0_0000) | (funct3 === undefined ? 0 : 0x7000),
    ...(/^(fle|flt|feq|fclass|fmv\.x|fcvt\.[wl])/.test(name) ? {} : { toFloat: true }),
    ...(/^(fmv\.[wd]\.x|fcvt\.[sd]\.[wl])/.test(name) ? { fromInteger: true } : {}),
  };
}

const INTEGER_TYPES = ["w", "wu", "l", "lu"];

/** F for fmt 0, D for fmt 1. */
function floats(fmt: 0 | 1): Encoding[] {
  const s = fmt === 0 ? "s" : "d", x = fmt === 0 ? "w" : "d";
  return [
    float(`fadd.${s}`, 0x00 + fmt),
    float(`fsub.${s}`, 0x04 + fmt),
    float(`fmul.${s}`, 0x08 + fmt),
    float(`fdiv.${s}`, 0x0c + fmt),
    float(`fsqrt.${s}`, 0x2c + fmt, undefined, 0),
    ...["fsgnj", "fsgnjn", "fsgnjx"].map((name, funct3) =>
      float(`${name}.${s}`, 0x10 + fmt, funct3)
    ),
    ...["fmin", "fmax"].map((name, funct3) => float(`${name}.${s}`, 0x14 + fmt, funct3)),
    ...["fle", "flt", "feq"].map((name, funct3) => float(`${name}.${s}`, 0x50 + fmt, funct3)),
    ...INTEGER_TYPES.map((type, rs2) => float(`fcvt.${type}.${s}`, 0x60 + fmt, undefined, rs2)),
    ...INTEGER_TYPES.map((type, rs2) => float(`fcvt.${s}.${type}`, 0x68 + fmt, undefined, rs2)),
    float(`fmv.x.${x}`, 0x70 + fmt, 0, 0),
    float(`fclass.${s}`, 0x70 + fmt, 1, 0),
    float(`fmv.${x}.x`, 0x78 + fmt, 0, 0),
    ...["fmadd", "fmsub", "fnmsub", "fnmadd"].map((name, index): Encoding => ({
      name: `${name}.${s}`,
      format: "float",
      match: (fmt << 25) | (0x43 + 4 * index),
      mask: 0x0600007f,
      toFloat: true,
    })),
    { ...immediate(`fl${x}`, "load", 2 + fmt, 0x07, 4 << fmt), toFloat: true },
    immediate(`fs${x}`, "store", 2 + fmt, 0x27, 4 << fmt),
  ];
}

/** The 32-bit instructions. */
export const ENCODINGS: readonly Encoding[] = [
  { name: "lui", format: "U", match: 0x37, mask: OPCODE },
  { name: "auipc", format: "U", match: 0x17, mask: OPCODE },
  { name: "jal", format: "J", match: 0x6f, mask: OPCODE },
  immediate("jalr", "jalr", 0, 0x67),
  ...["beq", "bne", "", "", "blt", "bge", "bltu", "bgeu"].flatMap((name, funct3) =>
    name === "" ? [] : [immediate(name, "branch", funct3, 0x63)]
  ),
  ...["lb", "lh", "lw", "ld", "lbu", "lhu", "lwu"].map((name, funct3) =>
    immediate(name, "load", funct3, 0x03, 1 << (funct3 & 3))
  ),
  ...["sb", "sh", "sw", "sd"].map((name, funct3) =>
    immediate(name, "store", funct3, 0x23, 1 << funct3)
  ),
  ...["addi", "", "slti", "sltiu", "xori", "", "ori", "andi"].flatMap((name, funct3) =>
    name === "" ? [] : [immediate(name, "I", funct3, 0x13)]
  ),
  { name: "slli", format: "shift6", match: 0x1013, mask: SHIFT6 },
  { name: "srli", format: "shift6", match: 0x5013, mask: SHIFT6 },
  { name: "srai", format: "shift6", match: 0x4000_5013, mask: SHIFT6 },
  ...["add", "sll", "slt", "sltu", "xor", "srl", "or", "and"].map((name, funct3) =>
    register(name, 0, funct3, 0x33)
  ),
  register("sub", 0x20, 0, 0x33),
  register("sra", 0x20, 5, 0x33),
  immediate("addiw", "I", 0, 0x1b),
  { name: "slliw", format: "shift5", match: 0x101b, mask: FUNCT7 },
  { name: "srliw", format: "shift5", match: 0x501b, mask: FUNCT7 },
  { name: "sraiw", format: "shift5", match: 0x4000_501b, mask: FUNCT7 },
  register("addw", 0, 0, 0x3b),
  register("subw", 0x20, 0, 0x3b),
  register("sllw", 0, 1, 0x3b),
  register("srlw", 0, 5, 0x3b),
  register("sraw", 0x20, 5, 0x3b),
  ...["mul", "mulh", "mulhsu", "mulhu", "div", "divu", "rem", "remu"].map((name, funct3) =>
    register(name, 1, funct3, 0x33)
  ),
  ...["mulw", "", "", "", "divw", "divuw", "remw", "remuw"].flatMap((name, funct3) =>
    name === "" ? [] : [register(name, 1, funct3, 0x3b)]
  ),
  immediate("fence", "fence", 0, 0x0f),
  { name: "fence.i", format: "fixed", match: 0x100f, mask: -1 },
  { name: "ecall", format: "fixed", match: 0x73, mask: -1 },
  { name: "ebreak", format: "fixed", match: 0x0010_0073, mask: -1 },
  { name: "sret", format: "fixed", match: 0x1020_0073, mask: -1 },
  { name: "mret", format: "fixed", match: 0x3020_0073, mask: -1 },
  { name: "wfi", format: "fixed", match: 0x1050_0073, mask: -1 },
  { name: "sfence.vma", format: "sfence", match: 0x1200_0073, mask: 0xfe007fff | 0 },
  ...["csrrw", "csrrs", "csrrc"].map((name, index) => immediate(name, "csr", index + 1, 0x73)),
  ...["csrrwi", "csrrsi", "csrrci"].map((name, index) => immediate(name, "csri", index + 5, 0x73)),
  ...floats(0),
  ...floats(1),
  float("fcvt.s.d", 0x20, undefined, 1),
  float("fcvt.d.s", 0x21, undefined, 0),
  ...ATOMICS.flatMap(([name, funct5]) => [
    atomic(`${name}.w`, funct5, 4),
    atomic(`${name}.d`, funct5, 8),
  ]),
];

/** The 16-bit instructions of RV64C with D. */
export const COMPRESSED: readonly Encoding[] = [
  { name: "c.addi4spn", format: "c.free", match: 0x0000, mask: 0xe003 },
  { name: "c.fld", format: "c.load", match: 0x2000, mask: 0xe003, size: 8, toFloat: true },
  { name: "c.fsd", format: "c.store", match: 0xa000, mask: 0xe003, size: 8 },
  { name: "c.lw", format: "c.load", match: 0x4000, mask: 0xe003, size: 4 },
  { name: "c.ld", format: "c.load", match: 0x6000, mask: 0xe003, size: 8 },
  { name: "c.sw", format: "c.store", match: 0xc000, mask: 0xe003, size: 4 },
  { name: "c.sd", format: "c.store", match: 0xe000, mask: 0xe003, size: 8 },
  { name: "c.nop", format: "c.free", match: 0x0001, mask: 0xef83 },
  { name: "c.addi", format: "c.free", match: 0x0001, mask: 0xe003 },
  { name: "c.addiw", format: "c.free", match: 0x2001, mask: 0xe003 },
  { name: "c.li", format: "c.free", match: 0x4001, mask: 0xe003 },
  { name: "c.addi16sp", format: "c.free", match: 0x6101, mask: 0xef83 },
  { name: "c.lui", format: "c.free", match: 0x6001, mask: 0xe003 },
  { name: "c.srli", format: "c.free", match: 0x8001, mask: 0xec03 },
  { name: "c.srai", format: "c.free", match: 0x8401, mask: 0xec03 },
  { name: "c.andi", format: "c.free", match: 0x8801, mask: 0xec03 },
  ...["c.sub", "c.xor", "c.or", "c.and"].map((name, index): Encoding => ({
    name,
    format: "c.free",
    match: 0x8c01 | (index << 5),
    mask: 0xfc63,
  })),
  { name: "c.subw", format: "c.free", match: 0x9c01, mask: 0xfc63 },
  { name: "c.addw", format: "c.free", match: 0x9c21, mask: 0xfc63 },
  { name: "c.j", format: "c.jump", match: 0xa001, mask: 0xe003 },
  { name: "c.beqz", format: "c.branch", match: 0xc001, mask: 0xe003 },
  { name: "c.bnez", format: "c.branch", match: 0xe001, mask: 0xe003 },
  { name: "c.slli", format: "c.free", match: 0x0002, mask: 0xe003 },
  { name: "c.fldsp", format: "c.loadsp", match: 0x2002, mask: 0xe003, size: 8, toFloat: true },
  { name: "c.fsdsp", format: "c.storesp", match: 0xa002, mask: 0xe003, size: 8 },
  { name: "c.lwsp", format: "c.loadsp", match: 0x4002, mask: 0xe003, size: 4 },
  { name: "c.ldsp", format: "c.loadsp", match: 0x6002, mask: 0xe003, size: 8 },
  { name: "c.jr", format: "c.jr", match: 0x8002, mask: 0xf07f },
  { name: "c.mv", format: "c.free", match: 0x8002, mask: 0xf003 },
  { name: "c.ebreak", format: "c.fixed", match: 0x9002, mask: 0xffff },
  { name: "c.jalr", format: "c.jr", match: 0x9002, mask: 0xf07f },
  { name: "c.add", format: "c.free", match: 0x9002, mask: 0xf003 },
  { name: "c.swsp", format: "c.storesp", match: 0xc002, mask: 0xe003, size: 4 },
  { name: "c.sdsp", format: "c.storesp", match: 0xe002, mask: 0xe003, size: 8 },
];

const BY_NAME = new Map([...ENCODINGS, ...COMPRESSED].map((encoding) => [encoding.name, encoding]));

/** The encoding called `name`; throws when there is none. */
export function encodingOf(name: string): Encoding {
  const encoding = BY_NAME.get(name);
  if (encoding === undefined) throw new RangeError(`No instruction is called "${name}"`);
  return encoding;
}

/** The encoding of a 32-bit or 16-bit instruction word, the most specific one; undefined when there is none. */
export function recognise(word: number): Encoding | undefined {
  const table = (word & 3) === 3 ? ENCODINGS : COMPRESSED;
  let found: Encoding | undefined;
  for (const encoding of table) {
    if (((word ^ encoding.match) & encoding.mask) !== 0) continue;
    if (found === undefined || ones(encoding.mask) > ones(found.mask)) found = encoding;
  }
  return found;
}

/**
 * Whether a computation may be refused: a compressed one for an immediate or a destination of zero, one on f registers because
 * they are off or its rounding mode is reserved.
 */
export function isReserved(encoding: Encoding, word: number): boolean {
  if (encoding.format === "float") return true;
  const immediate = word & 0x107c, destination = word & 0x0f80;
  switch (encoding.name) {
    case "c.addi4spn":
      return (word & 0x1fe0) === 0;
    case "c.addi16sp":
    case "c.lui":
      return immediate === 0;
    case "c.addiw":
      return destination === 0;
    default:
      return false;
  }
}

function ones(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Scatters an I immediate. */
export const immediateI = (value: number): number => value << 20;

/** Scatters an S immediate. */
export const immediateS = (value: number): number =>
  (((value >> 5) & 0x7f) << 25) | ((value & 0x1f) << 7);

/** Scatters a B immediate (bytes, even). */
export const immediateB = (value: number): number =>
  (((value >> 12) & 1) << 31) | (((value >> 5) & 0x3f) << 25) | (((value >> 1) & 0xf) << 8) |
  (((value >> 11) & 1) << 7);

/** Scatters a J immediate (bytes, even). */
export const immediateJ = (value: number): number =>
  (((value >> 20) & 1) << 31) | (((value >> 1) & 0x3ff) << 21) | (((value >> 11) & 1) << 20) |
  (((value >> 12) & 0xff) << 12);

/** Scatters the offset of `c.j` (bytes, even). */
export const immediateCJ = (value: number): number =>
  (((value >> 11) & 1) << 12) | (((value >> 4) & 1) << 11) | (((value >> 8) & 3) << 9) |
  (((value >> 10) & 1) << 8) | (((value >> 6) & 1) << 7) | (((value >> 7) & 1) << 6) |
  (((value >> 1) & 7) << 3) | (((value >> 5) & 1) << 2);

/** Scatters the offset of `c.beqz` and `c.bnez` (bytes, even). */
export const immediateCB = (value: number): number =>
  (((value >> 8) & 1) << 12) | (((value >> 3) & 3) << 10) | (((value >> 6) & 3) << 5) |
  (((value >> 1) & 3) << 3) | (((value >> 5) & 1) << 2);
