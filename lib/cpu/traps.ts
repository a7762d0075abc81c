/** Traps, interrupts and returns from them (privileged specification, sections 3.1.6 to 3.1.9, 3.3.2). */
import type { Budget } from "./budget.ts";
import { type HartBlock, NO_RESERVATION } from "./hart_block.ts";
import type { Modes } from "./modes.ts";
import { INTERRUPT_PRIORITY, MPP_SHIFT, MSTATUS, PRIVILEGE } from "./privilege.ts";

const INTERRUPT = 1n << 63n;
const NO_INTERRUPT = -1;

/** Takes traps. */
export class Traps {
  readonly #block: HartBlock;
  readonly #modes: Modes;
  readonly #budget: Budget;

  /** Takes traps on this hart block, and counts them. */
  constructor(block: HartBlock, modes: Modes, budget: Budget) {
    this.#block = block;
    this.#modes = modes;
    this.#budget = budget;
  }

  /** Takes an exception of the instruction at pc. */
  exception(cause: number, value: bigint): void {
    const delegated = (this.#block.low("medeleg") >> cause & 1) !== 0;
    this.#enter(delegated, BigInt(cause), value, 0n);
  }

  /** Takes an interrupt before the instruction at pc. */
  interrupt(number: number): void {
    const delegated = (this.#block.low("mideleg") >> number & 1) !== 0;
    this.#enter(delegated, INTERRUPT | BigInt(number), 0n, BigInt(4 * number));
  }

  /** Bits of mip: what devices drive and what software has set. */
  get pending(): number {
    return this.#block.low("interruptLines") | this.#block.low("interruptsBySoftware");
  }

  /** The interrupt to be taken before the next instruction, or -1. */
  takeable(): number {
    const enabled = this.pending & this.#block.low("mie");
    if (enabled === 0) return NO_INTERRUPT;
    const mstatus = this.#block.low("mstatus");
    const privilege = this.#modes.privilege;
    const delegated = this.#block.low("mideleg");
    if (privilege < PRIVILEGE.machine || (mstatus & MSTATUS.MIE) !== 0) {
      const number = highest(enabled & ~delegated);
      if (number !== NO_INTERRUPT) return number;
    }
    if (
      privilege < PRIVILEGE.supervisor ||
      (privilege === PRIVILEGE.supervisor && (mstatus & MSTATUS.SIE) !== 0)
    ) {
      return highest(enabled & delegated);
    }
    return NO_INTERRUPT;
  }

  /** MRET. */
  returnFromMachine(): void {
    const mstatus = this.#block.low("mstatus");
    const privilege = (mstatus & MSTATUS.MPP) >> MPP_SHIFT;
    let next = mstatus & ~(MSTATUS.MIE | MSTATUS.MPP) | MSTATUS.MPIE;
    if ((mstatus & MSTATUS.MPIE) !== 0) next |= MSTATUS.MIE;
    if (privilege !== PRIVILEGE.machine) next &= ~MSTATUS.MPRV;
    this.#leave(next, privilege, this.#block.get("mepc"));
  }

  /** SRET. */
  returnFromSupervisor(): void {
    const mstatus = this.#block.low("mstatus");
    const privilege = (mstatus & MSTATUS.SPP) !== 0 ? PRIVILEGE.supervisor : PRIVILEGE.user;
    let next = mstatus & ~(MSTATUS.SIE | MSTATUS.SPP | MSTATUS.MPRV) | MSTATUS.SPIE;
    if ((mstatus & MSTATUS.SPIE) !== 0) next |= MSTATUS.SIE;
    this.#leave(next, privilege, this.#block.get("sepc"));
  }

  /** Drops the reservation of LR. */
  clearReservation(): void {
    this.#block.set("reservationVirtual", NO_RESERVATION);
    this.#block.set("reservationPhysical", NO_RESERVATION);
    this.#block.set("reservationBytes", 0n);
  }

  #enter(delegated: boolean, cause: bigint, value: bigint, vector: bigint): void {
    const block = this.#block;
    const privilege = this.#modes.privilege;
    const mstatus = block.low("mstatus");
    const pc = block.get("pc");
    if (delegated && privilege !== PRIVILEGE.machine) {
      block.set("sepc", pc);
      block.set("scause", cause);
      block.set("stval", value);
      let next = mstatus & ~(MSTATUS.SIE | MSTATUS.SPIE | MSTATUS.SPP);
      if ((mstatus & MSTATUS.SIE) !== 0) next |= MSTATUS.SPIE;
      if (privilege === PRIVILEGE.supervisor) next |= MSTATUS.SPP;
      this.#leave(next, PRIVILEGE.supervisor, handler(block.get("stvec"), vector));
    } else {
      block.set("mepc", pc);
      block.set("mcause", cause);
      block.set("mtval", value);
      let next = mstatus & ~(MSTATUS.MIE | MSTATUS.MPIE | MSTATUS.MPP) | privilege << MPP_SHIFT;
      if ((mstatus & MSTATUS.MIE) !== 0) next |= MSTATUS.MPIE;
      this.#leave(next, PRIVILEGE.machine, handler(block.get("mtvec"), vector));
    }
    this.#budget.trapsTaken++;
  }

  #leave(mstatus: number, privilege: number, pc: bigint): void {
    this.#block.setLow("mstatus", mstatus);
    this.#block.set("privilege", BigInt(privilege));
    this.#block.set("pc", pc);
    this.clearReservation();
    this.#modes.update();
  }
}

function handler(vectorBase: bigint, vector: bigint): bigint {
  const base = vectorBase & ~3n;
  return (vectorBase & 3n) === 1n ? BigInt.asUintN(64, base + vector) : base;
}

function highest(interrupts: number): number {
  if (interrupts === 0) return NO_INTERRUPT;
  return INTERRUPT_PRIORITY.find((number) => (interrupts >> number & 1) !== 0) ?? NO_INTERRUPT;
}
