/** Environment calls, trap returns, WFI and SFENCE.VMA (privileged specification, sections 3.3 and 4.2). */
import type { SystemEvent } from "./emission.ts";
import { byFunct7, exactly, type Instruction, OPCODE } from "./instruction.ts";

function system(name: SystemEvent, bits: number): Instruction {
  return {
    name,
    ...exactly(bits),
    format: "R",
    operands: "",
    meaning: (i) => i.system(name),
  };
}

/** Privileged instructions. */
export const privileged: readonly Instruction[] = [
  system("ecall", 0x00000073),
  system("ebreak", 0x00100073),
  system("sret", 0x10200073),
  system("mret", 0x30200073),
  system("wfi", 0x10500073),
  {
    name: "sfence.vma",
    mask: byFunct7(0, 0, 0).mask | 0xf80,
    match: byFunct7(OPCODE.system, 0, 0x09).match,
    format: "R",
    operands: "rs1,rs2",
    meaning: (i) => i.system("sfence.vma"),
  },
];

/** Stands for every encoding that means nothing here. */
export const illegal: Instruction = {
  name: "illegal",
  mask: 0,
  match: 0,
  format: "R",
  operands: "",
  meaning: (i) => i.system("illegal"),
};
