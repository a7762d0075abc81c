/** A, atomic memory operations (unprivileged specification, chapter 8). One hart: order is program order. */
import { type Code, i64, select } from "../wasm/code.ts";
import type { Emission } from "./emission.ts";
import { type Instruction, OPCODE } from "./instruction.ts";

const FUNCT5 = 0xf800707f;
const FUNCT5_AND_RS2 = 0xf9f0707f;

const widths = [{ suffix: ".w", funct3: 2, width: 4 }, {
  suffix: ".d",
  funct3: 3,
  width: 8,
}] as const;

const combinations: readonly {
  readonly name: string;
  readonly funct5: number;
  readonly combine: (old: Code, operand: Code) => Code;
}[] = [
  { name: "amoswap", funct5: 0x01, combine: (_old, operand) => operand },
  { name: "amoadd", funct5: 0x00, combine: i64.add },
  { name: "amoxor", funct5: 0x04, combine: i64.xor },
  { name: "amoand", funct5: 0x0c, combine: i64.and },
  { name: "amoor", funct5: 0x08, combine: i64.or },
  { name: "amomin", funct5: 0x10, combine: (a, b) => select(i64.lt_s(a, b), a, b) },
  { name: "amomax", funct5: 0x14, combine: (a, b) => select(i64.lt_s(a, b), b, a) },
  // Sign extension keeps the unsigned order of words.
  { name: "amominu", funct5: 0x18, combine: (a, b) => select(i64.lt_u(a, b), a, b) },
  { name: "amomaxu", funct5: 0x1c, combine: (a, b) => select(i64.lt_u(a, b), b, a) },
];

/** A. */
export const atomics: readonly Instruction[] = widths.flatMap(
  ({ suffix, funct3, width }): Instruction[] => {
    const match = (funct5: number) => OPCODE.amo | funct3 << 12 | funct5 << 27;
    return [
      {
        name: `lr${suffix}`,
        mask: FUNCT5_AND_RS2,
        match: match(0x02),
        format: "R",
        operands: "rd,(rs1)",
        meaning: (i: Emission) => i.rd(i.loadReserved(width)),
      },
      {
        name: `sc${suffix}`,
        mask: FUNCT5,
        match: match(0x03),
        format: "R",
        operands: "rd,rs2,(rs1)",
        meaning: (i: Emission) => i.rd(i.storeConditional(width)),
      },
      ...combinations.map(({ name, funct5, combine }): Instruction => ({
        name: `${name}${suffix}`,
        mask: FUNCT5,
        match: match(funct5),
        format: "R",
        operands: "rd,rs2,(rs1)",
        meaning: (i) => i.rd(i.atomic(width, combine)),
      })),
    ];
  },
);
