/**
 * The one door (design invariant 1): every nondeterministic value reaches the machine through
 * {@linkcode Environment.read} in the middle of an epoch, or through {@linkcode Inputs} at its end.
 */
import type { Completion } from "./operation.ts";

/** The explicit environment reads; `rtc` answers nanoseconds since 1970 (goldfish RTC). */
export type ReadKind = "rtc";

/** Answers the guest's environment instructions: live from the host, recorded from the log. */
export interface Environment {
  /** The value of one environment read, 64 bits unsigned (paper rule env-value). */
  read(kind: ReadKind): bigint;
}

/**
 * Guest time: ticks of 100 ns (10 MHz timebase). Within an epoch
 * `time = base + floor(stepsInEpoch * rate / 2^24)`.
 */
export interface TimeBase {
  /** Ticks at the first step of the epoch. A safe integer. */
  readonly base: number;
  /** Ticks per 2^24 steps, 1 to 2^24. */
  readonly rate: number;
}

/** Everything that is delivered to the machine at the end of one epoch, in this order. */
export interface Inputs {
  /** Completions of outstanding operations, in the order of their delivery. */
  readonly completions: readonly Completion[];
  /** Bytes typed at the console. */
  readonly consoleInput: Uint8Array;
  /** Console output positions below this are known to be performed (bytes since power-on). */
  readonly consolePerformed: number;
  /** Frames from the network, each 14 to 1518 bytes. */
  readonly frames: readonly Uint8Array[];
  /** The time base of the next epoch; the timer comparator is evaluated against it. */
  readonly time: TimeBase;
}
