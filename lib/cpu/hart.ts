/** The hart: RV64IMAC with M, S and U modes, run for an exact number of steps. */
import type { Bus } from "./bus.ts";
import type { GuestMemory } from "./memory.ts";

export type { Bus } from "./bus.ts";

/** Bits of `mip` that devices drive. */
export type InterruptBit = 3 | 7 | 11 | 9 | 5 | 1;

/** All architectural state of a hart as named plain data. */
export interface HartState {
  /** x1 to x31. */
  readonly registers: readonly bigint[];
  /** pc, privilege, CSRs, reservation and counts, by name. */
  readonly fields: Readonly<Record<string, bigint>>;
}

/** One RISC-V hart over guest memory and a bus. */
export class Hart {
  constructor(readonly memory: GuestMemory, readonly bus: Bus) {}
  /** Steps since power-on. */
  get steps(): number {
    return 0;
  }
  /** Instructions retired since power-on. */
  get retired(): number {
    return 0;
  }
  /** Whether the hart waits for an interrupt (WFI). */
  get waiting(): boolean {
    return false;
  }
  reset(_entry: number, _a0: bigint, _a1: bigint): void {}
  startEpoch(): void {}
  run(_steps: number): number {
    return 0;
  }
  requestStop(): void {}
  setInterrupt(_bit: InterruptBit, _level: boolean): void {}
  wake(): void {}
  dropCaches(): void {}
  save(): HartState {
    return { registers: [], fields: {} };
  }
  restore(_state: unknown): void {}
}
