/**
 * Where QEMU 7.2 and this machine may differ, or do: each row names the case and the sentence of the specification that
 * allows it, or that QEMU 7.2 does not follow. Nothing else is left out of the comparison. CSR fields that are left to the
 * implementation stand with their CSRs, in `qemu_csrs.ts`.
 *
 * "Unpriv." and "Priv." are volumes I and II of the RISC-V Instruction Set Manual.
 *
 * @module
 */

/** One difference. */
export interface Difference {
  /** What the two do. */
  readonly what: string;
  /** Whether both are right, or QEMU 7.2 is not. */
  readonly kind: "both right" | "defect of QEMU 7.2";
  /** The sentence. */
  readonly sentence: string;
  /** How the cases keep it out of the comparison. */
  readonly handled: string;
}

/** Every difference. */
export const DIFFERENCES: readonly Difference[] = [
  {
    what: "mtval or stval after an ebreak: here its address, there 0",
    kind: "both right",
    sentence:
      "Priv. 3.1.16: when a breakpoint exception is raised by EBREAK, mtval is written with either zero or the " +
      "virtual address of the instruction",
    handled:
      "either value is accepted in the record of such a trap; the harness's handler then clears the register",
  },
  {
    what:
      "SC after a store by the same hart to the reserved bytes: here it succeeds, there not if they changed",
    kind: "both right",
    sentence:
      "Unpriv. 13.3: implementations are permitted to unconditionally fail any unconstrained LR/SC sequence; a " +
      "constrained one has no stores between LR and SC",
    handled: "stores between LR and SC go beside the reserved bytes",
  },
  {
    what: "SC of another size than the LR at the same address",
    kind: "both right",
    sentence:
      "Unpriv. 13.3: a constrained sequence's SC is of the same data size as the LR; others may always fail",
    handled: "LR and SC of one pair have the same size",
  },
  {
    what: "SC to the reserved bytes by another virtual address",
    kind: "both right",
    sentence:
      "Unpriv. 13.2: an SC is allowed to succeed if the earlier LR reserved the same location using an alias, but " +
      "is also allowed to fail",
    handled: "a second address differs in its offset in the page or is 4 KiB away",
  },
  {
    what:
      "use of a translation whose page-table entry was changed without SFENCE.VMA, and of code without FENCE.I",
    kind: "both right",
    sentence:
      "Priv. 12.2.1: it is unpredictable whether the old or the new entry is used; Unpriv. 5: FENCE.I orders writes " +
      "to instruction memory",
    handled:
      "edits of tables are followed by SFENCE.VMA, code pages and tables are not writable by other stores",
  },
  {
    what: "SC to a misaligned address without a matching reservation: there it only fails",
    kind: "defect of QEMU 7.2",
    sentence:
      "Unpriv. 13.2: if the address is not naturally aligned, an address-misaligned exception or an access-fault " +
      "exception will be generated",
    handled: "SC addresses are aligned; LR and AMO addresses also are misaligned",
  },
  {
    what: "access fault of an AMO: there a load access fault",
    kind: "defect of QEMU 7.2",
    sentence: "Priv. 3.1.15, cause 7: store/AMO access fault",
    handled: "cases with addresses where nothing is have no AMOs (Program.holes)",
  },
  {
    what: "access fault of a misaligned access: there mtval is rounded down below the access",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.1.16: for a misaligned access mtval contains the virtual address of the portion of the access that " +
      "caused the fault",
    handled: "cases with addresses where nothing is have no misaligned accesses (Program.holes)",
  },
  {
    what: "page-table entry where nothing is: there a page fault",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 12.3.2: if accessing pte violates a PMA or PMP check, raise an access-fault exception corresponding to " +
      "the original access type",
    handled: "entries that point to tables point to the case's own",
  },
  {
    what:
      "fetch of an instruction whose second half is on a page where nothing is: there an assertion fails",
    kind: "defect of QEMU 7.2",
    sentence: "Priv. 3.1.15, cause 1: instruction access fault (translator.c: phys_page != -1)",
    handled: "jumps to where nothing is go to instructions within a page",
  },
  {
    what: "cycle and instret without -icount: there the host's clock",
    kind: "both right",
    sentence:
      "Priv. 3.1.10: the counter registers have an arbitrary value after the hart is reset, and mcycle counts " +
      "clock cycles",
    handled:
      "counters are compared as differences over sequences, in cases of their own with -icount",
  },
  {
    what: "instructions that trap: with -icount they are counted there",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.3.1: as ECALL and EBREAK cause synchronous exceptions, they are not considered to retire, and " +
      "should not increment the minstret CSR",
    handled: "sequences whose instructions are counted do not trap",
  },
  {
    what: "supervisor's fetch from a user page that it has loaded from with SUM: there it may",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 12.3.1: irrespective of SUM, the supervisor may not execute code on pages with U=1",
    handled: "SFENCE.VMA before a jump to a data page",
  },
  {
    what: "MRET or SRET to a less privileged mode: there MPRV stays set",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.1.6.3: an MRET or SRET instruction that changes the privilege mode to a mode less privileged than M " +
      "also sets MPRV=0",
    handled: "MPRV is cleared before a return to a lower mode",
  },
  {
    what:
      "MRET to machine mode with MPRV set: there accesses go on with translations of the former " +
      "MPP, and with those of machine-mode fetches",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.1.6.3: when MPRV=1, addresses are translated as though the current mode were set to MPP",
    handled:
      "MPP is written anew before each access under MPRV, and accesses under MPRV do not go to code",
  },
  {
    what: "mepc and sepc: there bit 0 can be set",
    kind: "defect of QEMU 7.2",
    sentence: "Priv. 3.1.14, 12.1.7: the low bit of mepc (mepc[0]) is always zero",
    handled: "values written are even",
  },
  {
    what: "MPP: there the reserved mode 2 can be written",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.1.6.1: xPP fields are WARL fields that can hold only privilege mode x and any implemented lower mode",
    handled: "values written are 0, 1 or 3",
  },
  {
    what:
      "several pending interrupts: there the lowest number first, without the Advanced Interrupt Architecture",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.1.9: simultaneous interrupts destined for M-mode are handled in the decreasing priority order MEI, MSI, " +
      "MTI, SEI, SSI, STI",
    handled:
      "cases with interrupts run on a peer with x-smaia and x-ssaia, those that look for absent CSRs without",
  },
  {
    what:
      "medeleg bit 11, and mip, mie and mideleg bits above 11 but for the hypervisor's: there writable",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.1.8: for exceptions that cannot occur in less privileged modes the corresponding medeleg bits should be " +
      "read-only zero",
    handled: "these bits are not written",
  },
  {
    what: "pmpcfg: there an entry can be writable but not readable, and bits 5 and 6 can be set",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.7.1: the R, W, and X fields form a collective WARL field for which the combinations with R=0 and W=1 are " +
      "reserved; the reserved bits are WARL 0 in the figure",
    handled: "values written have neither",
  },
  {
    what: "pmpaddr: there 64 bits wide",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.7.1: each PMP address register encodes bits 55-2 of a 56-bit physical address",
    handled: "values written have 54 bits",
  },
  {
    what: "a change of pmpaddr: there it counts when the configuration is written",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.7.2: this is accomplished by executing an SFENCE.VMA instruction with rs1=x0 and rs2=x0, after the PMP " +
      "CSRs are written",
    handled: "the configuration is written after the addresses",
  },
  {
    what: "an entry with the range from 0 to 0: there it matches everything",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.7.1: if pmpaddr[i-1] >= pmpaddr[i] and pmpcfg[i].A=TOR, then PMP entry i matches no addresses",
    handled: "no such range",
  },
  {
    what: "MRET to a less privileged mode while all entries are off: there an illegal instruction",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.7.1: if at least one PMP entry is implemented, but all PMP entries' A fields are set to OFF, then all " +
      "S-mode and U-mode memory accesses will fail",
    handled: "an entry is locked",
  },
  {
    what:
      "execution in a page that entries match in part: there only its first instruction is checked",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.7.1: the X bit indicates whether the PMP entry permits instruction execution",
    handled: "pages of code are permitted as a whole, or each part of them is executable",
  },
  {
    what: "walker that sets A or D in a table that may only be read: there it may",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 12.3.2: if a store to pte would violate a PMA or PMP check, raise an access-fault exception corresponding " +
      "to the original access type",
    handled: "tables are writable where they are readable",
  },
  {
    what: "access that has an entry's range strictly inside: there the entry is not seen",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.7.1: the lowest-numbered PMP entry that matches any byte of an access determines whether that access " +
      "succeeds or fails; it must match all bytes of an access, or the access fails",
    handled: "cases with entries have no misaligned accesses of doublewords",
  },
  {
    what:
      "access across pages that different entries permit: there it fails unless the TLB has the first page",
    kind: "both right",
    sentence:
      "Priv. 3.7.1: on some implementations, misaligned loads and stores may also be decomposed into multiple accesses",
    handled: "cases with entries have no accesses across pages",
  },
  {
    what:
      "comparison or conversion to an integer that raises a flag: there FS does not become dirty",
    kind: "defect of QEMU 7.2",
    sentence:
      "Priv. 3.1.6.6: the FS field encodes the status of the floating-point unit state, including the " +
      "floating-point registers f0-f31 and the CSRs fcsr, frm, and fflags",
    handled: "FS is off or dirty from the start and in what is written to mstatus and sstatus",
  },
  {
    what: "mcounteren and scounteren: there 64 bits wide",
    kind: "defect of QEMU 7.2",
    sentence: "Priv. 3.1.11, 12.1.5: the counter-enable register is a 32-bit register",
    handled: "only CY, TM and IR are written",
  },
];
