/** Executes the instructions of Zicsr. */
import type { CacheCoherence } from "./coherence.ts";
import type { Csr, CsrEffect, CsrSources } from "./csr.ts";
import { counterCsrs } from "./csr_counters.ts";
import { floatCsrs } from "./csr_float.ts";
import { machineCsrs } from "./csr_machine.ts";
import { supervisorCsrs } from "./csr_supervisor.ts";
import { VALUE } from "./layout.ts";
import { CAUSE, MSTATUS } from "./privilege.ts";
import { RECORD } from "./record.ts";
import { csrOperations, DONE, REDIRECT, RELOAD } from "./record_emission.ts";

/** Every CSR of the hart. */
export const csrs: readonly Csr[] = [
  ...machineCsrs,
  ...supervisorCsrs,
  ...counterCsrs,
  ...floatCsrs,
];

const byNumber = new Map(csrs.map((csr) => [csr.number, csr]));

const READ_ONLY = 3;
const CSR_INSTRUCTION_BYTES = 4n;
const NO_EFFECTS: readonly CsrEffect[] = [];

/** The CSRs of one hart. */
export class Csrs {
  readonly #sources: CsrSources;
  readonly #coherence: CacheCoherence;
  readonly #words: Int32Array;
  readonly #doubles: BigUint64Array;

  /** CSRs made of these sources; what they change is kept coherent. */
  constructor(memory: WebAssembly.Memory, sources: CsrSources, coherence: CacheCoherence) {
    this.#sources = sources;
    this.#coherence = coherence;
    this.#words = new Int32Array(memory.buffer);
    this.#doubles = new BigUint64Array(memory.buffer);
  }

  /** The value of a register, whoever may access it. */
  read(number: number): bigint | undefined {
    return byNumber.get(number)?.read(this.#sources);
  }

  /**
   * Executes the instruction of a record; the operand and then the old value are in VALUE.
   * @param operation Index into {@linkcode csrOperations}.
   */
  execute(operation: number, record: number): number {
    const bits = this.#words[(record + RECORD.bits) >> 2]!;
    const csr = byNumber.get(bits >>> 20);
    const kind = csrOperations[operation]!;
    // Setting or clearing with x0 or an immediate of 0 writes nothing (Zicsr, table 9.1).
    const writes = kind === "write" || (bits >>> 15 & 31) !== 0;
    if (csr === undefined || !this.#permitted(csr, writes)) {
      this.#sources.traps.exception(CAUSE.illegalInstruction, BigInt(bits >>> 0));
      return RELOAD;
    }
    const operand = this.#doubles[VALUE >> 3]!;
    this.#doubles[VALUE >> 3] = csr.read(this.#sources);
    if (!writes || csr.write === undefined) return DONE;
    const base = kind === "write" ? 0n : (csr.modify ?? csr.read)(this.#sources);
    return this.#write(csr, kind === "clear" ? base & ~operand : base | operand);
  }

  #write(csr: Csr, value: bigint): number {
    const { block, budget, modes, traps } = this.#sources;
    const mxr = block.low("mstatus") & MSTATUS.MXR;
    const satpLow = block.low("satp");
    const satpHigh = block.high("satp");
    csr.write!(this.#sources, value);
    const effects = csr.effects ?? NO_EFFECTS;
    let elsewhere = false;
    if (effects.includes("translation")) {
      const { dataBank } = modes;
      modes.update();
      const changed = (block.low("mstatus") & MSTATUS.MXR) !== mxr ||
        block.low("satp") !== satpLow || block.high("satp") !== satpHigh;
      if (changed) this.#coherence.translationChanged();
      // Kernels write mstatus and sstatus for their interrupts mostly, and see the same memory after it.
      elsewhere = changed || modes.dataBank !== dataBank;
    }
    if (effects.includes("protection")) {
      this.#coherence.protectionChanged();
      elsewhere = true;
    }
    if (effects.includes("interrupts") && traps.takeable() >= 0) budget.attend();
    if (!elsewhere) return DONE;
    block.set("pc", block.get("pc") + CSR_INSTRUCTION_BYTES);
    return REDIRECT;
  }

  #permitted(csr: Csr, writes: boolean): boolean {
    if (this.#sources.modes.privilege < (csr.number >> 8 & 3)) return false;
    if (writes && csr.number >> 10 === READ_ONLY) return false;
    return csr.permitted?.(this.#sources) ?? true;
  }
}
