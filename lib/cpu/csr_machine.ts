/** Machine-level CSRs (privileged specification, chapter 3). */
import { constant, type Csr, type CsrSources, stored } from "./csr.ts";
import { type Field, legal, MSTATUS_FIXED } from "./hart_block.ts";
import { MPP_SHIFT, MSTATUS } from "./privilege.ts";

const PMP = { read: 0x01, write: 0x02, mode: 0x18, topOfRange: 0x08, locked: 0x80 } as const;
const PMP_ENTRIES = 16;
const PMP_CONFIGURATION_BITS = 0x9f;

/** RV64 with A, C, I, M, S and U. */
const MISA = 2n << 62n | letters("ACIMSU");

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
    read: ({ block }) => block.get("mstatus"),
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
  ...[0, 2].map((register): Csr => ({
    number: 0x3a0 + register,
    name: `pmpcfg${register}`,
    read: ({ block }) => block.get(pmpConfiguration(register)),
    write: ({ block }, value) =>
      block.set(
        pmpConfiguration(register),
        configured(block.get(pmpConfiguration(register)), value),
      ),
  })),
  ...Array.from({ length: PMP_ENTRIES }, (_, entry): Csr => {
    const field = `pmpaddr${entry}` as Field;
    return {
      number: 0x3b0 + entry,
      name: field,
      read: ({ block }) => block.get(field),
      write: (of, value) => {
        if (!addressLocked(of, entry)) of.block.set(field, value & legal(field));
      },
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

function pmpConfiguration(register: number): "pmpcfg0" | "pmpcfg2" {
  return register === 0 ? "pmpcfg0" : "pmpcfg2";
}

/** Eight entries after a write: locked ones stay, and so do those asked to be writable only. */
function configured(old: bigint, wanted: bigint): bigint {
  let result = 0n;
  for (let shift = 0n; shift < 64n; shift += 8n) {
    const before = Number(old >> shift & 0xffn);
    const after = Number(wanted >> shift & 0xffn) & PMP_CONFIGURATION_BITS;
    const legalAfter = (after & (PMP.read | PMP.write)) !== PMP.write;
    const entry = (before & PMP.locked) === 0 && legalAfter ? after : before;
    result |= BigInt(entry) << shift;
  }
  return result;
}

function entryConfiguration({ block }: CsrSources, entry: number): number {
  const register = block.get(entry < 8 ? "pmpcfg0" : "pmpcfg2");
  return Number(register >> BigInt(8 * (entry % 8)) & 0xffn);
}

/** An entry's address is also locked by a locked next entry that uses it as its bottom (section 3.7.1). */
function addressLocked(of: CsrSources, entry: number): boolean {
  if ((entryConfiguration(of, entry) & PMP.locked) !== 0) return true;
  if (entry + 1 === PMP_ENTRIES) return false;
  const next = entryConfiguration(of, entry + 1);
  return (next & PMP.locked) !== 0 && (next & PMP.mode) === PMP.topOfRange;
}
