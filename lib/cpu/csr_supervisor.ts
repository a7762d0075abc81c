/** Supervisor-level CSRs (privileged specification, chapter 4): mostly views of machine-level ones. */
import { type Csr, stored } from "./csr.ts";
import { trapVector } from "./csr_machine.ts";
import { legal } from "./hart_block.ts";
import { MSTATUS, PRIVILEGE, stateDirty } from "./privilege.ts";

/** What sstatus shows of mstatus. */
export const SSTATUS: bigint = BigInt(
  MSTATUS.SIE | MSTATUS.SPIE | MSTATUS.SPP | MSTATUS.FS | MSTATUS.SUM | MSTATUS.MXR,
);
/** UXL: 64 bits. */
export const SSTATUS_FIXED: bigint = 2n << 32n;
const SSIP = 2n;
const SATP_MODE_SHIFT = 60n;
const SATP_MODES: readonly bigint[] = [0n, 8n];

/** Supervisor-level CSRs, counters apart. */
export const supervisorCsrs: readonly Csr[] = [
  {
    number: 0x100,
    name: "sstatus",
    read: ({ block }) =>
      block.get("mstatus") & SSTATUS | SSTATUS_FIXED | stateDirty(block.get("mstatus")),
    write: ({ block }, value) =>
      block.set("mstatus", block.get("mstatus") & ~SSTATUS | value & SSTATUS),
    effects: ["interrupts", "translation"],
  },
  {
    number: 0x104,
    name: "sie",
    read: ({ block }) => block.get("mie") & block.get("mideleg"),
    write: ({ block }, value) => {
      const delegated = block.get("mideleg");
      block.set("mie", block.get("mie") & ~delegated | value & delegated);
    },
    effects: ["interrupts"],
  },
  trapVector(0x105, "stvec"),
  stored(0x106, "scounteren"),
  stored(0x10a, "senvcfg"),
  stored(0x140, "sscratch"),
  stored(0x141, "sepc"),
  stored(0x142, "scause"),
  stored(0x143, "stval"),
  {
    number: 0x144,
    name: "sip",
    read: ({ block, traps }) => BigInt(traps.pending) & block.get("mideleg"),
    modify: ({ block }) => block.get("interruptsBySoftware"),
    write: ({ block }, value) => {
      const writable = block.get("mideleg") & SSIP;
      const old = block.get("interruptsBySoftware");
      block.set("interruptsBySoftware", old & ~writable | value & writable);
    },
    effects: ["interrupts"],
  },
  {
    number: 0x180,
    name: "satp",
    read: ({ block }) => block.get("satp"),
    // A write of a mode that this hart does not have has no effect at all (section 4.1.11).
    write: ({ block }, value) => {
      if (SATP_MODES.includes(value >> SATP_MODE_SHIFT)) block.set("satp", value & legal("satp"));
    },
    permitted: ({ block, modes }) =>
      modes.privilege !== PRIVILEGE.supervisor || (block.low("mstatus") & MSTATUS.TVM) === 0,
    effects: ["translation"],
  },
];
