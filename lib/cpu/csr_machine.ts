/** Machine-level CSRs (privileged specification, chapter 3). */
import { constant, type Csr, stored } from "./csr.ts";
import { type Field, legal, MSTATUS_FIXED } from "./hart_block.ts";
import { PMP_ENTRIES, type PmpConfiguration } from "./pmp.ts";
import { MPP_SHIFT, MSTATUS, stateDirty } from "./privilege.ts";

/** RV64 with A, C, D, F, I, M, S and U. */
const MISA = 2n << 62n | letters("ACDFIMSU");

function letters(extensions: string): bigint {
  return Array.from(extensions, (letter) => 1n << BigInt(letter.charCodeAt(0) - 65))
    .reduce((all, bit) => all | bit);
}

/** Machine-level CSRs, counters apart. */
export const machineCsrs: readonly Csr[] = [
  constant(0xf11, "mvendorid", 0n),
  constant(0xf12, "marchid", 0n),
  constant(0xf13, "mimpid", 0n),
  constant(0xf14, "mhartid", 0n),
  constant(0xf15, "mconfigptr", 0n),
  {
    number: 0x300,
    name: "mstatus",
    read: ({ block }) => block.get("mstatus") | stateDirty(block.get("mstatus")),
    write: ({ block }, value) => {
      const reserved = Number(value >> BigInt(MPP_SHIFT) & 3n) === 2;
      const kept = reserved ? block.get("mstatus") & BigInt(MSTATUS.MPP) : 0n;
      const wanted = reserved ? value & ~BigInt(MSTATUS.MPP) : value;
      block.set("mstatus", wanted & legal("mstatus") & ~MSTATUS_FIXED | kept | MSTATUS_FIXED);
    },
    effects: ["interrupts", "translation"],
  },
  constant(0x301, "misa", MISA),
  stored(0x302, "medeleg"),
  stored(0x303, "mideleg", ["interrupts"]),
  stored(0x304, "mie", ["interrupts"]),
  trapVector(0x305, "mtvec"),
  stored(0x306, "mcounteren"),
  stored(0x30a, "menvcfg"),
  stored(0x340, "mscratch"),
  stored(0x341, "mepc"),
  stored(0x342, "mcause"),
  stored(0x343, "mtval"),
  {
    number: 0x344,
    name: "mip",
    read: ({ traps }) => BigInt(traps.pending),
    // SEIP reads as what the interrupt controller or software says, but only the latter is modified.
    modify: ({ block }) => block.get("interruptsBySoftware"),
    write: ({ block }, value) =>
      block.set("interruptsBySoftware", value & legal("interruptsBySoftware")),
    effects: ["interrupts"],
  },
  pmpConfiguration(0x3a0, "pmpcfg0"),
  pmpConfiguration(0x3a2, "pmpcfg2"),
  ...Array.from({ length: PMP_ENTRIES }, (_, entry): Csr => {
    const field = `pmpaddr${entry}` as Field;
    return {
      number: 0x3b0 + entry,
      name: field,
      read: ({ block }) => block.get(field),
      write: ({ pmp }, value) => pmp.place(entry, value & legal(field)),
      effects: ["protection"],
    };
  }),
];

/** mtvec or stvec: a write of a reserved mode changes nothing. */
export function trapVector(number: number, name: "mtvec" | "stvec"): Csr {
  return {
    number,
    name,
    read: ({ block }) => block.get(name),
    write: ({ block }, value) => {
      if ((value & 2n) === 0n) block.set(name, value);
    },
  };
}

function pmpConfiguration(number: number, name: PmpConfiguration): Csr {
  return {
    number,
    name,
    read: ({ block }) => block.get(name),
    write: ({ pmp }, value) => pmp.configure(name, value),
    effects: ["protection"],
  };
}
