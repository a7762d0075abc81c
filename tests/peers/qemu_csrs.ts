/**
 * The CSRs that cases read and write, with the operands that keep a case comparable: what the specification leaves to the
 * implementation is either not written or not compared, and the row says by which sentence ("Priv." is the RISC-V
 * Instruction Set Manual, Volume II, Privileged Architecture).
 *
 * @module
 */

import { CSR, type CsrName, ROOT } from "./qemu_layout.ts";
import type { Random } from "./qemu_random.ts";

/** How a CSR instruction changes the register. */
export type Change = "write" | "set" | "clear";

/** How a CSR takes part in the cases. */
export interface CsrRule {
  readonly csr: number;
  readonly name: string;
  /** Operand for a change; undefined: any value is as good as any other on both machines. */
  readonly operand?: (random: Random, change: Change) => bigint;
  /** Whether only whole values are written: setting or clearing bits could make a value that is not legal. */
  readonly whole?: true;
  /** The harness needs the register: a write is followed at once by one that puts the old value back. */
  readonly restore?: true;
  /** Bits of a read value that are compared; the others are cleared in the guest right after the read. */
  readonly compared?: bigint;
  /** Why `operand` or `compared` leaves something out. */
  readonly because?: string;
}

/** Operands with only these bits, and these always when the whole register is written. */
function bits(free: bigint, always = 0n): (random: Random, change: Change) => bigint {
  return (random, change) => {
    const value = random.oneIn(3) ? free : random.operand() & free;
    return change === "write" ? value | always : value;
  };
}

const MIE = {
  supervisor: 0x222n,
  all: 0xaaan,
};

const STATUS_XL = 0xan << 32n, SSTATUS_XL = 2n << 32n;
const SSTATUS_FREE = 0xc_0122n;
const MSTATUS_FREE = 0x7e_01aan;
const MPP = 0x1800n;
/** FS, off or dirty: see the differences. */
const FS = 0x6000n;

/** `sstatus` operands: UXL stays 64. */
function sstatusOperand(random: Random, change: Change): bigint {
  return bits(SSTATUS_FREE, SSTATUS_XL)(random, change) | (random.oneIn(2) ? FS : 0n);
}

/** `mstatus` operands: MPP holds an implemented mode, UXL and SXL stay 64, and nothing of V, X and H. */
function mstatusOperand(random: Random, change: Change): bigint {
  const value = random.operand() & MSTATUS_FREE | (random.oneIn(2) ? FS : 0n);
  if (change !== "write") return random.oneIn(3) ? value | MPP : value;
  return value | STATUS_XL | BigInt(random.pick([0, 1, 3])) << 11n;
}

/** `satp` operands: bare, or the case's own root table, or a mode that does not exist. */
function satpOperand(random: Random): bigint {
  const root = BigInt(ROOT) >> 12n;
  return random.weighted<bigint>([
    [6, 8n << 60n | root],
    [2, 0n],
    [2, BigInt(random.pick([1, 2, 3, 7, 11, 13, 14, 15])) << 60n | root],
  ]);
}

/** Legal cause codes. */
function causeOperand(random: Random): bigint {
  return random.oneIn(2)
    ? BigInt(random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15]))
    : 1n << 63n | BigInt(random.pick([1, 3, 5, 7, 9, 11]));
}

const vectorOperand = (random: Random): bigint =>
  (random.bits64() & ~0xffn) | BigInt(random.below(4));

/** Eight entries of protection, not locked. */
function configurationOperand(random: Random): bigint {
  return Array.from({ length: 8 }, () => random.pick([0, 1, 3, 4, 5, 7]) | 8 * random.below(4))
    .reduce((all, bits) => all << 8n | BigInt(bits), 0n);
}

const RESERVED_CONFIGURATION =
  "Defect of QEMU 7.2, see the differences: reserved values are kept; a locked entry stays until reset";
const EVEN_ADDRESS = "Defect of QEMU 7.2, see the differences: the lowest bit is kept";
const VECTOR_ALIGNMENT =
  "Priv. 3.1.7: with vectored mode an additional alignment constraint may be imposed on BASE";
const COUNTERS_NOT_COMPARED =
  "Priv. 3.1.10: mcycle counts clock cycles, minstret is affected by what else retires, mtime by real time";
const HPM_NOT_COMPARED =
  "Priv. 3.1.10: mhpmcounter3-31 and mhpmevent3-31 may be read-only 0, and what they count is the platform's";
const WARL_STATUS =
  "Priv. 3.1.6: MPP, SXL and UXL are WARL; VS may optionally be read-only zero with S-mode; MPV and GVA are WPRI " +
  "without the hypervisor extension";
const OPTIONAL_INTERRUPTS =
  "Priv. 3.1.8, 3.1.9: a bit of mie, mip or mideleg whose interrupt can not occur is left to the platform above 11";
const OTHER_ENVIRONMENT =
  "Priv. 3.1.18, 12.1.10: the fields of menvcfg and senvcfg but FIOM belong to extensions that are not there";
const WLRL_CAUSE =
  "Priv. 3.1.15, 12.1.8: mcause and scause are WLRL, they need only hold supported codes";

/** Every CSR whose contents are compared, or which is known to be accessible. */
export const CSR_RULES: readonly CsrRule[] = [
  { csr: CSR.fflags, name: "fflags" },
  { csr: CSR.frm, name: "frm" },
  { csr: CSR.fcsr, name: "fcsr" },
  {
    csr: CSR.sstatus,
    name: "sstatus",
    operand: sstatusOperand,
    because: WARL_STATUS,
  },
  { csr: CSR.sie, name: "sie", operand: bits(MIE.supervisor), because: OPTIONAL_INTERRUPTS },
  {
    csr: CSR.stvec,
    name: "stvec",
    operand: vectorOperand,
    restore: true,
    because: VECTOR_ALIGNMENT,
  },
  { csr: CSR.scounteren, name: "scounteren", operand: bits(7n), because: HPM_NOT_COMPARED },
  { csr: CSR.sscratch, name: "sscratch" },
  { csr: CSR.sepc, name: "sepc", operand: bits(~1n), because: EVEN_ADDRESS },
  { csr: CSR.scause, name: "scause", operand: causeOperand, whole: true, because: WLRL_CAUSE },
  { csr: CSR.stval, name: "stval" },
  { csr: CSR.sip, name: "sip", operand: bits(MIE.supervisor), because: OPTIONAL_INTERRUPTS },
  {
    csr: CSR.satp,
    name: "satp",
    operand: satpOperand,
    whole: true,
    because:
      "Priv. 12.1.11: the number of ASID bits is unspecified and may be zero; modes 9 and 10 are optional",
  },
  { csr: CSR.mstatus, name: "mstatus", operand: mstatusOperand, because: WARL_STATUS },
  { csr: CSR.misa, name: "misa" },
  {
    csr: CSR.medeleg,
    name: "medeleg",
    // Without 3 and 9, by which the supervisor's handler of the harness reaches the machine's.
    operand: bits(0xb1f7n),
    because: "Priv. 3.1.8: an implementation can choose to subset the delegatable traps",
  },
  {
    csr: CSR.mideleg,
    name: "mideleg",
    operand: bits(MIE.supervisor),
    because: OPTIONAL_INTERRUPTS,
  },
  { csr: CSR.mie, name: "mie", operand: bits(MIE.all), because: OPTIONAL_INTERRUPTS },
  {
    csr: CSR.mtvec,
    name: "mtvec",
    operand: vectorOperand,
    restore: true,
    because: VECTOR_ALIGNMENT,
  },
  { csr: CSR.mcounteren, name: "mcounteren", operand: bits(7n), because: HPM_NOT_COMPARED },
  { csr: CSR.menvcfg, name: "menvcfg", operand: bits(1n), because: OTHER_ENVIRONMENT },
  { csr: CSR.senvcfg, name: "senvcfg", operand: bits(1n), because: OTHER_ENVIRONMENT },
  { csr: CSR.mcountinhibit, name: "mcountinhibit", operand: bits(5n), because: HPM_NOT_COMPARED },
  { csr: CSR.mscratch, name: "mscratch", restore: true },
  { csr: CSR.mepc, name: "mepc", operand: bits(~1n), because: EVEN_ADDRESS },
  { csr: CSR.mcause, name: "mcause", operand: causeOperand, whole: true, because: WLRL_CAUSE },
  { csr: CSR.mtval, name: "mtval" },
  { csr: CSR.mip, name: "mip", operand: bits(MIE.supervisor), because: OPTIONAL_INTERRUPTS },
  { csr: CSR.mhartid, name: "mhartid" },
  ...(["pmpcfg0", "pmpcfg2"] as const).map((name): CsrRule => ({
    csr: CSR[name],
    name,
    operand: configurationOperand,
    restore: true,
    because: RESERVED_CONFIGURATION,
  })),
  ...Array.from({ length: 16 }, (_, entry): CsrRule => {
    const name = `pmpaddr${entry}` as const;
    return {
      csr: CSR[name as CsrName],
      name,
      operand: (random) => random.operand() & ((1n << 54n) - 1n),
      restore: true,
      because: "Defect of QEMU 7.2, see the differences: bits 63 to 54 are kept",
    };
  }),
  ...[[0xf11, "mvendorid"], [0xf12, "marchid"], [0xf13, "mimpid"], [0xf15, "mconfigptr"]].map(
    ([csr, name]): CsrRule => ({
      csr: csr as number,
      name: name as string,
      compared: 0n,
      because: "Priv. 3.1.2 to 3.1.4, 3.1.17: the value is the vendor's, or 0",
    }),
  ),
  ...[
    [0xb00, "mcycle"],
    [0xb02, "minstret"],
    [0xc00, "cycle"],
    [0xc01, "time"],
    [0xc02, "instret"],
  ].map(([csr, name]): CsrRule => ({
    csr: csr as number,
    name: name as string,
    compared: 0n,
    because: COUNTERS_NOT_COMPARED,
  })),
  ...Array.from({ length: 29 }, (_, index) => index + 3).flatMap((counter): CsrRule[] =>
    ([[0xb00, "mhpmcounter"], [0x320, "mhpmevent"], [0xc00, "hpmcounter"]] as const).map((
      [base, name],
    ) => ({
      csr: base + counter,
      name: `${name}${counter}`,
      compared: 0n,
      because: HPM_NOT_COMPARED,
    }))
  ),
];

const RULED = new Set(CSR_RULES.map(({ csr }) => csr));

/** The CSR addresses that no machine of this kind has: both must refuse them. */
export const ABSENT_CSRS: readonly number[] = Array.from({ length: 4096 }, (_, csr) => csr)
  .filter((csr) => !RULED.has(csr));
