/**
 * What stands below S-mode in place of firmware in M-mode: its ECALLs are answered by the board, each as
 * one step (Supervisor Binary Interface, chapter "Binary Encoding").
 */
import type { CacheCoherence } from "./coherence.ts";
import type { HartBlock } from "./hart_block.ts";
import type { Modes } from "./modes.ts";
import { MSTATUS } from "./privilege.ts";
import type { Traps } from "./traps.ts";

/** An ECALL of S-mode. */
export interface SupervisorCall {
  /** a7. */
  readonly extension: bigint;
  /** a6. */
  readonly function: bigint;
  /** a0 to a5. */
  readonly arguments: readonly [bigint, bigint, bigint, bigint, bigint, bigint];
  /** Whether the caller takes interrupts (sstatus.SIE). */
  readonly interruptible: boolean;
}

/** What it comes back with. */
export interface SupervisorAnswer {
  /** Error code, or what a legacy extension answers. */
  readonly a0: bigint;
  /** Absent: the register keeps its value. */
  readonly a1?: bigint;
  /** The hart waits first until an interrupt that `sie` enables is pending, as in WFI. */
  readonly waits?: boolean;
  /** Physical address to go on at, with satp and sstatus.SIE cleared; absent: behind the ECALL. */
  readonly resumeAt?: bigint;
}

/** Answers the ECALLs of S-mode. It may write guest memory, and drive interrupts. */
export interface SupervisorEnvironment {
  /** Answers one call. */
  call(call: SupervisorCall): SupervisorAnswer;
}

const A0 = 10;
const A1 = 11;
const A6 = 16;
const A7 = 17;
const ECALL_BYTES = 4n;

/** The parts of a hart that a call may change. */
export interface SupervisorCallParts {
  /** Registers, pc, satp, waiting. */
  readonly block: HartBlock;
  /** Told of a change of mstatus. */
  readonly modes: Modes;
  /** The reservation, and what is pending. */
  readonly traps: Traps;
  /** Told of a change of satp. */
  readonly coherence: CacheCoherence;
}

/** Lets the environment answer the ECALL at pc, and leaves the hart where it goes on. */
export function callEnvironment(
  environment: SupervisorEnvironment,
  { block, modes, traps, coherence }: SupervisorCallParts,
): void {
  const a = (n: number) => block.register(A0 + n);
  const { a0, a1, waits, resumeAt } = environment.call({
    extension: block.register(A7),
    function: block.register(A6),
    arguments: [a(0), a(1), a(2), a(3), a(4), a(5)],
    interruptible: (block.low("mstatus") & MSTATUS.SIE) !== 0,
  });
  block.setRegister(A0, a0);
  if (a1 !== undefined) block.setRegister(A1, a1);
  // As after the trap into firmware that it stands for.
  traps.clearReservation();
  if (resumeAt === undefined) {
    block.set("pc", BigInt.asUintN(64, block.get("pc") + ECALL_BYTES));
  } else {
    block.set("pc", resumeAt);
    block.set("satp", 0n);
    block.setLow("mstatus", block.low("mstatus") & ~MSTATUS.SIE);
    modes.update();
    coherence.translationChanged();
  }
  if (waits === true && (traps.pending & block.low("mie")) === 0) block.set("waiting", 1n);
}
