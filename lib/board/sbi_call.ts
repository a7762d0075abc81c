/** What the functions of the built-in SBI are made of: their errors, what they reach of the board, their shape. */
import type { GuestMemory } from "../cpu/memory.ts";

/** Standard SBI errors (SBI 2.0, chapter 3, table 1), as far as a board with one hart can meet them. */
export const sbiError = {
  success: 0,
  failed: -1,
  notSupported: -2,
  invalidParameter: -3,
  invalidAddress: -5,
  alreadyAvailable: -6,
} as const;

/** What SBI functions reach of the board. */
export interface SbiBoard {
  /** RAM. */
  readonly memory: GuestMemory;
  /** Sets the supervisor timer comparator, 64 bits. */
  setTimer(ticks: bigint): void;
  /** Makes the supervisor software interrupt pending. */
  interruptHart(): void;
  /** How many bytes the console takes now; at least 1. */
  readonly consoleRoom: number;
  /** Puts out a byte. */
  putConsole(byte: number): void;
  /** The next byte that has been typed, if there is one. */
  getConsole(): number | undefined;
  /** Powers off with an exit code, or resets. */
  endPower(kind: "off" | "reset", exitCode: number): void;
  /** Stops the hart for ever: there is no other that could start it. */
  stopHart(): void;
}

/** What a function is called with. */
export interface SbiCall {
  /** a0 to a5, unsigned. */
  readonly arguments: readonly [bigint, bigint, bigint, bigint, bigint, bigint];
  /** Whether the caller takes interrupts. */
  readonly interruptible: boolean;
  /** Whether there is an extension of this id, for the base extension. */
  readonly implemented: (extension: bigint) => boolean;
}

/** What a function comes back with. */
export interface SbiResult {
  /** One of {@linkcode sbiError}. */
  readonly error: number;
  /** `sbiret.value`; 0 unless it says otherwise. */
  readonly value?: bigint;
  /** The hart waits for an interrupt first. */
  readonly waits?: boolean;
  /** The hart goes on at `address` with `opaque` in a1 and its own id in a0. */
  readonly resume?: { readonly address: bigint; readonly opaque: bigint };
}

/** One SBI function. */
export interface SbiFunction {
  /** Its name in the specification, without `sbi_`. */
  readonly name: string;
  /** FID; the functions of legacy extensions have none. */
  readonly number: number;
  /** Does it. */
  readonly run: (call: SbiCall, board: SbiBoard) => SbiResult;
}

/** One SBI extension. */
export interface SbiExtension {
  /** Its name in the specification. */
  readonly name: string;
  /** EID. */
  readonly id: number;
  /** Chapter of SBI 2.0. */
  readonly chapter: number;
  /** Legacy extensions answer in a0 only, and have one function whatever a6 says. */
  readonly legacy?: true;
  /** Its functions. */
  readonly functions: readonly SbiFunction[];
}

/** The result of a function that has done what it was asked for. */
export function success(value = 0n): SbiResult {
  return { error: sbiError.success, value };
}

/** The result of a function that refuses. */
export function refusal(error: Exclude<keyof typeof sbiError, "success">): SbiResult {
  return { error: sbiError[error] };
}
