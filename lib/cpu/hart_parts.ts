/** What a hart is made of. */
import type { Bus } from "./bus.ts";
import type { Budget } from "./budget.ts";
import type { CodeCache } from "./code_cache.ts";
import type { CacheCoherence } from "./coherence.ts";
import type { Csrs } from "./csrs.ts";
import type { HartBlock } from "./hart_block.ts";
import type { GuestMemory } from "./memory.ts";
import type { Mmu } from "./mmu.ts";
import type { Modes } from "./modes.ts";
import type { Pmp } from "./pmp.ts";
import type { SystemInstructions } from "./system_instructions.ts";
import type { Tlb } from "./tlb.ts";
import type { Traps } from "./traps.ts";
import type { Triggers } from "./triggers.ts";

/** The parts of a hart that the slow paths work on. */
export interface HartParts {
  /** RAM. */
  readonly memory: GuestMemory;
  /** Devices. */
  readonly bus: Bus;
  /** Architectural state. */
  readonly block: HartBlock;
  /** Steps. */
  readonly budget: Budget;
  /** Privilege of accesses. */
  readonly modes: Modes;
  /** What protects memory. */
  readonly pmp: Pmp;
  /** Takes traps. */
  readonly traps: Traps;
  /** What to fill after a miss. */
  readonly tlb: Tlb;
  /** Decoded pages. */
  readonly code: CodeCache;
  /** What to tell of stores and of cached translations. */
  readonly coherence: CacheCoherence;
  /** Translates. */
  readonly mmu: Mmu;
  /** Executes Zicsr. */
  readonly csrs: Csrs;
  /** Executes privileged instructions. */
  readonly system: SystemInstructions;
  /** What debuggers wait for. */
  readonly triggers: Triggers;
}
