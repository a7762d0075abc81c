/** The hart: RV64GC with M, S and U modes, run for an exact number of steps. */
import { Budget } from "./budget.ts";
import type { Bus } from "./bus.ts";
import { CodeCache } from "./code_cache.ts";
import { CacheCoherence } from "./coherence.ts";
import { Csrs } from "./csrs.ts";
import { type Field, fields, HartBlock, MSTATUS_FIXED } from "./hart_block.ts";
import { type HartState, restoreHart, saveHart } from "./hart_state.ts";
import { instantiate } from "./instantiate.ts";
import type { GuestMemory } from "./memory.ts";
import { Mmu } from "./mmu.ts";
import { Modes } from "./modes.ts";
import { Pmp } from "./pmp.ts";
import { PRIVILEGE } from "./privilege.ts";
import { SlowPaths } from "./slow_paths.ts";
import type { SupervisorEnvironment } from "./supervisor_environment.ts";
import { SystemInstructions } from "./system_instructions.ts";
import { Tlb } from "./tlb.ts";
import { Traps } from "./traps.ts";
import type { LinkedModule } from "./translate/notes.ts";
import type { Translator } from "./translate/translator.ts";
import { type Trigger, type TriggerListener, Triggers } from "./triggers.ts";

export type { Bus } from "./bus.ts";
export { type HartState, HartStateError } from "./hart_state.ts";
export type {
  SupervisorAnswer,
  SupervisorCall,
  SupervisorEnvironment,
} from "./supervisor_environment.ts";

/** What the hart is handed over with, beyond what every boot ROM leaves. */
export interface HandOver {
  /** By convention of OpenSBI's boot ROMs the address of what a dynamic firmware must know. */
  readonly a2?: bigint;
  /** Fields of the hart block that firmware has set before it enters the guest. */
  readonly fields?: Readonly<Partial<Record<Field, bigint>>>;
}

/** Bits of `mip` that devices drive: MSIP, MTIP, MEIP, SEIP, STIP, SSIP. */
export type InterruptBit = 3 | 7 | 11 | 9 | 5 | 1;

const SSIP = 1;
const A0 = 10;
const A1 = 11;
const A2 = 12;

/**
 * Steps for one call of the interpreter, a few milliseconds of work: V8 has no on-stack replacement for
 * WebAssembly, so only a new call enters the optimised code.
 */
const STEPS_PER_CALL = 1 << 20;

/** One RISC-V hart over guest memory and a bus. */
export class Hart {
  readonly #memory: GuestMemory;
  readonly #block: HartBlock;
  readonly #budget: Budget;
  readonly #modes: Modes;
  readonly #pmp: Pmp;
  readonly #traps: Traps;
  readonly #tlb: Tlb;
  readonly #triggers: Triggers;
  readonly #csrs: Csrs;
  readonly #coherence: CacheCoherence;
  readonly #system: SystemInstructions;
  readonly #interpret: () => void;
  readonly #translator: Translator | undefined;
  #running = false;
  #stopRequested = false;

  /**
   * A hart in its reset state.
   * @param memory RAM; a hart of its own for each memory.
   * @param bus Everything else that has an address.
   */
  constructor(memory: GuestMemory, bus: Bus) {
    const { memory: wasm } = memory;
    const block = new HartBlock(wasm);
    const budget = new Budget(wasm);
    const modes = new Modes(wasm, block);
    const pmp = new Pmp(block);
    const traps = new Traps(block, modes, budget);
    const tlb = new Tlb(memory);
    const code = new CodeCache(memory, tlb);
    const triggers = new Triggers(memory);
    const coherence = new CacheCoherence(memory, tlb, code, budget, triggers);
    const mmu = new Mmu(memory, pmp, (offset) => coherence.markedByWalker(offset));
    const csrs = new Csrs(wasm, { block, budget, modes, pmp, traps, bus }, coherence);
    const system = new SystemInstructions(wasm, { block, budget, modes, traps, coherence });
    const slowPaths = new SlowPaths({
      ...{ memory, bus, block, budget, modes, pmp, traps, tlb, code, coherence, mmu, csrs, system },
      triggers,
    });
    this.#triggers = triggers;
    this.#memory = memory;
    this.#block = block;
    this.#budget = budget;
    this.#modes = modes;
    this.#pmp = pmp;
    this.#traps = traps;
    this.#tlb = tlb;
    this.#csrs = csrs;
    this.#coherence = coherence;
    this.#system = system;
    const engine = instantiate({ memory: wasm, code, budget }, slowPaths);
    this.#interpret = engine.interpret;
    this.#translator = engine.translator;
    this.reset(0, 0n, 0n);
  }

  /** Steps since power-on: retired instructions, traps and interrupts. Exact inside bus callbacks, too. */
  get steps(): number {
    return this.#budget.steps;
  }

  /** Instructions retired since power-on. */
  get retired(): number {
    return this.#budget.retired;
  }

  /** Whether the hart waits for an interrupt (WFI); it executes nothing then. */
  get waiting(): boolean {
    return this.#block.low("waiting") !== 0;
  }

  /**
   * The state that a boot ROM leaves: M-mode at `entry`, everything else cleared, also the interrupt lines:
   * devices drive theirs anew. Steps go on counting.
   * @param entry Guest-physical address of the first instruction.
   * @param a0 By convention the hart's number.
   * @param a1 By convention the address of the device tree.
   */
  reset(entry: number, a0: bigint, a1: bigint, handOver: HandOver = {}): void {
    const { steps, trapsTaken } = this.#budget;
    for (let n = 1; n < 32; n++) this.#block.setRegister(n, 0n);
    for (let n = 0; n < 32; n++) this.#block.setFloatRegister(n, 0n);
    for (const field of fields) this.#block.set(field, 0n);
    this.#block.setRegister(A0, a0);
    this.#block.setRegister(A1, a1);
    this.#block.setRegister(A2, handOver.a2 ?? 0n);
    this.#block.set("pc", BigInt(entry));
    this.#block.set("privilege", BigInt(PRIVILEGE.machine));
    this.#block.set("mstatus", MSTATUS_FIXED);
    for (const [field, value] of Object.entries(handOver.fields ?? {})) {
      this.#block.set(field as Field, value);
    }
    this.#traps.clearReservation();
    this.#block.set("steps", BigInt(steps));
    this.#block.set("trapsTaken", BigInt(trapsTaken));
    this.#modes.update();
    this.#pmp.update();
    this.dropCaches();
  }

  /** Lets the board answer the ECALLs of S-mode, in place of firmware in M-mode. */
  serveSupervisor(environment: SupervisorEnvironment): void {
    this.#system.environment = environment;
  }

  /** Begins an epoch: the set of written pages is empty. */
  startEpoch(): void {
    this.#tlb.flushWrites();
    this.#memory.forgetWritten();
  }

  /**
   * Executes at most `steps` steps and answers how many it did. It stops early when a stop was requested
   * in a bus callback, and when it begins to wait. `run(a)` and `run(b)` are `run(a + b)`, to the bit.
   * @param slowPaths It stops early, too, when it has needed the host's help so often.
   */
  run(steps: number, slowPaths = Infinity): number {
    if (!Number.isSafeInteger(steps) || steps < 0) {
      throw new RangeError(`Cannot run ${steps} steps: give a whole number from 0`);
    }
    this.#running = true;
    this.#triggers.begin();
    this.#budget.patience = slowPaths;
    let executed = 0;
    try {
      while (executed < steps && this.#mayGoOn) executed += this.#runOnce(steps - executed);
    } finally {
      this.#running = false;
      this.#stopRequested = false;
      this.#storeCounts();
    }
    return executed;
  }

  get #mayGoOn(): boolean {
    return !this.waiting && !this.#stopRequested && !this.triggered && this.#budget.patience > 0;
  }

  /** Whether the last {@linkcode Hart.run} has ended at a trigger. */
  get triggered(): boolean {
    return this.#triggers.stopped;
  }

  /** Replaces the triggers, which a debugger sets. What the hart has cached is dropped. */
  arm(triggers: readonly Trigger[], listener: TriggerListener): void {
    this.#triggers.arm(triggers, listener);
    this.dropCaches();
  }

  /** Whether hot code is translated, if the engine does. Single steps are quicker without, by far. */
  set translating(value: boolean) {
    if (!this.#translator) return;
    this.#translator.isResting = !value;
    if (!value) this.dropCaches();
  }

  /** Tells of each translation from now on; in vain when the engine does not translate. */
  watchTranslations(watcher: (linked: LinkedModule) => void): void {
    if (this.#translator) this.#translator.watcher = watcher;
  }

  /** The value of a CSR, whatever the present mode may access; undefined when there is none of that number. */
  csr(number: number): bigint | undefined {
    return this.#csrs.read(number);
  }

  /** Makes the present {@linkcode Hart.run} return before the next instruction. For bus callbacks. */
  requestStop(): void {
    if (!this.#running) return;
    this.#stopRequested = true;
    this.#budget.attend();
  }

  /** Drives a bit of `mip`. In a bus callback: an interrupt is taken before the next instruction. */
  setInterrupt(bit: InterruptBit, level: boolean): void {
    // SSIP is software's own bit; a device only sets or clears it.
    const field = bit === SSIP ? "interruptsBySoftware" : "interruptLines";
    const lines = this.#block.low(field);
    this.#block.setLow(field, level ? lines | 1 << bit : lines & ~(1 << bit));
    if (this.#running && this.#traps.takeable() >= 0) this.#budget.attend();
  }

  /** Ends waiting if an interrupt that `mie` enables is pending. For the end of an epoch. */
  wake(): void {
    if ((this.#traps.pending & this.#block.low("mie")) !== 0) this.#block.set("waiting", 0n);
  }

  /** Forgets TLBs and decoded code, which nothing can notice (design invariant 9). */
  dropCaches(): void {
    this.#coherence.drop();
  }

  /** All architectural state of the hart; RAM is not in it. */
  save(): HartState {
    this.#storeCounts();
    return saveHart(this.#block);
  }

  /**
   * Takes over a saved state. RAM must be in place already, or be written through the guest memory.
   * @throws {HartStateError} When it is not one that a hart can be in.
   */
  restore(state: unknown): void {
    restoreHart(this.#block, state);
    this.#budget.steps = Number(this.#block.get("steps"));
    this.#budget.trapsTaken = Number(this.#block.get("trapsTaken"));
    this.#modes.update();
    this.#pmp.update();
    this.dropCaches();
  }

  #runOnce(steps: number): number {
    const interrupt = this.#traps.takeable();
    if (interrupt >= 0) {
      this.#traps.interrupt(interrupt);
      this.#budget.steps++;
      return 1;
    }
    this.#budget.grant(Math.min(steps, STEPS_PER_CALL));
    let executed = 0;
    try {
      this.#interpret();
    } finally {
      executed = this.#budget.settle();
    }
    this.#translator?.link();
    return executed;
  }

  #storeCounts(): void {
    this.#block.set("steps", BigInt(this.#budget.steps));
    this.#block.set("trapsTaken", BigInt(this.#budget.trapsTaken));
  }
}
