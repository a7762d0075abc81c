/** Which privilege the hart fetches and loads with, and the TLB banks that go with it. */
import type { HartBlock } from "./hart_block.ts";
import { DATA_BANK, FETCH_BANK } from "./layout.ts";
import { MPP_SHIFT, MSTATUS, PRIVILEGE } from "./privilege.ts";
import { BANK } from "./tlb.ts";

/** The modes of a hart. Call {@linkcode Modes.update} after any change of privilege or mstatus. */
export class Modes {
  /** Privilege of loads and stores, which MPRV may lower. */
  dataPrivilege: number = PRIVILEGE.machine;
  /** Privilege of fetches: that of the hart. */
  privilege: number = PRIVILEGE.machine;
  readonly #block: HartBlock;
  readonly #words: Int32Array;

  /** The modes that this hart block says. */
  constructor(memory: WebAssembly.Memory, block: HartBlock) {
    this.#block = block;
    this.#words = new Int32Array(memory.buffer);
    this.update();
  }

  /** Bank of loads and stores. */
  get dataBank(): number {
    return this.#words[DATA_BANK >> 2]!;
  }

  /** Bank of fetches. */
  get fetchBank(): number {
    return this.#words[FETCH_BANK >> 2]!;
  }

  /** Takes over privilege and mstatus from the hart block. */
  update(): void {
    const mstatus = this.#block.low("mstatus");
    this.privilege = this.#block.low("privilege");
    this.dataPrivilege = this.privilege === PRIVILEGE.machine && (mstatus & MSTATUS.MPRV) !== 0
      ? (mstatus & MSTATUS.MPP) >> MPP_SHIFT
      : this.privilege;
    this.#words[FETCH_BANK >> 2] = bankOf(this.privilege, false);
    this.#words[DATA_BANK >> 2] = bankOf(this.dataPrivilege, (mstatus & MSTATUS.SUM) !== 0);
  }
}

function bankOf(privilege: number, supervisorUser: boolean): number {
  if (privilege === PRIVILEGE.machine) return BANK.machine;
  if (privilege === PRIVILEGE.user) return BANK.user;
  return supervisorUser ? BANK.supervisorUser : BANK.supervisor;
}
