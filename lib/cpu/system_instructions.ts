/** Executes ECALL, EBREAK, MRET, SRET, WFI and SFENCE.VMA (privileged specification, sections 3.3, 4.2). */
import type { SystemEvent } from "../isa/emission.ts";
import type { Budget } from "./budget.ts";
import type { CacheCoherence } from "./coherence.ts";
import type { HartBlock } from "./hart_block.ts";
import type { Modes } from "./modes.ts";
import { CAUSE, MSTATUS, PRIVILEGE } from "./privilege.ts";
import { RECORD } from "./record.ts";
import { DONE, RELOAD, systemEvents } from "./record_emission.ts";
import { callEnvironment, type SupervisorEnvironment } from "./supervisor_environment.ts";
import type { Traps } from "./traps.ts";

/** The privileged instructions of one hart. */
export class SystemInstructions {
  /** Answers ECALLs of S-mode; absent: they trap. */
  environment: SupervisorEnvironment | undefined;
  readonly #words: Int32Array;
  readonly #block: HartBlock;
  readonly #budget: Budget;
  readonly #modes: Modes;
  readonly #traps: Traps;
  readonly #coherence: CacheCoherence;

  /** Executes records in this memory on these parts. */
  constructor(
    memory: WebAssembly.Memory,
    parts: {
      readonly block: HartBlock;
      readonly budget: Budget;
      readonly modes: Modes;
      readonly traps: Traps;
      readonly coherence: CacheCoherence;
    },
  ) {
    this.#words = new Int32Array(memory.buffer);
    this.#block = parts.block;
    this.#budget = parts.budget;
    this.#modes = parts.modes;
    this.#traps = parts.traps;
    this.#coherence = parts.coherence;
  }

  /**
   * Executes the instruction of a record.
   * @param event Index into {@linkcode systemEvents}.
   */
  execute(event: number, record: number): number {
    const name: SystemEvent = systemEvents[event]!;
    const { user, supervisor, machine } = PRIVILEGE;
    const privilege = this.#modes.privilege;
    const mstatus = this.#block.low("mstatus");
    const trapped = (bit: number) => privilege === supervisor && (mstatus & bit) !== 0;
    switch (name) {
      case "ecall":
        if (privilege === supervisor && this.environment !== undefined) {
          return this.#callEnvironment(this.environment);
        }
        this.#traps.exception(CAUSE.environmentCall + privilege, 0n);
        return RELOAD;
      case "ebreak":
        this.#traps.exception(CAUSE.breakpoint, this.#block.get("pc"));
        return RELOAD;
      case "mret":
        if (privilege !== machine) return this.#illegal(record);
        this.#traps.returnFromMachine();
        return this.#returned();
      case "sret":
        if (privilege === user || trapped(MSTATUS.TSR)) return this.#illegal(record);
        this.#traps.returnFromSupervisor();
        return this.#returned();
      case "wfi":
        if (privilege === user || trapped(MSTATUS.TW)) return this.#illegal(record);
        return this.#wait();
      case "sfence.vma":
        // Translations are coherent at all times: there is nothing to flush.
        return privilege === user || trapped(MSTATUS.TVM) ? this.#illegal(record) : DONE;
      case "illegal":
        return this.#illegal(record);
    }
  }

  /** Goes on at the pc in memory, after an interrupt if the return has enabled one. */
  #returned(): number {
    if (this.#traps.takeable() >= 0) this.#budget.attend();
    return RELOAD;
  }

  #callEnvironment(environment: SupervisorEnvironment): number {
    callEnvironment(environment, {
      block: this.#block,
      modes: this.#modes,
      traps: this.#traps,
      coherence: this.#coherence,
    });
    // Interrupts that the call has raised are taken before the next instruction; waiting begins there, too.
    if (this.#traps.takeable() >= 0 || this.#block.low("waiting") !== 0) this.#budget.attend();
    return RELOAD;
  }

  #wait(): number {
    if ((this.#traps.pending & this.#block.low("mie")) === 0) {
      this.#block.set("waiting", 1n);
      this.#budget.attend();
    }
    return DONE;
  }

  #illegal(record: number): number {
    const bits = this.#words[(record + RECORD.bits) >> 2]!;
    this.#traps.exception(CAUSE.illegalInstruction, BigInt(bits >>> 0));
    return RELOAD;
  }
}
