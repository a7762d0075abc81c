/** Zicsr, control and status register instructions (unprivileged specification, chapter 9). */
import type { CsrOperation } from "./emission.ts";
import { byFunct3, type Instruction, OPCODE } from "./instruction.ts";

const forms: readonly {
  readonly name: string;
  readonly funct3: number;
  readonly does: CsrOperation;
}[] = [
  { name: "csrrw", funct3: 1, does: "write" },
  { name: "csrrs", funct3: 2, does: "set" },
  { name: "csrrc", funct3: 3, does: "clear" },
];

/** Zicsr. Zicntr has no instructions of its own, only CSRs. */
export const csrInstructions: readonly Instruction[] = forms.flatMap(
  ({ name, funct3, does }): Instruction[] => [
    {
      name,
      ...byFunct3(OPCODE.system, funct3),
      format: "csr",
      operands: "rd,csr,rs1",
      meaning: (i) => i.rd(i.csr(does, i.rs1)),
    },
    {
      name: `${name}i`,
      ...byFunct3(OPCODE.system, funct3 + 4),
      format: "csr",
      operands: "rd,csr,imm",
      meaning: (i) => i.rd(i.csr(does, i.imm)),
    },
  ],
);
