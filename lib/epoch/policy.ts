/** How long the primary makes its epochs. Nobody else needs to know: each record states the count. */

/** The primary's choices. All have defaults in {@linkcode DEFAULT_POLICY}. */
export interface EpochPolicy {
  /** Steps of an undisturbed epoch. */
  readonly epochSteps: number;
  /** Ticks an epoch lasts at most while an operation is outstanding or input waits (0.2 ms). */
  readonly busyTicks: number;
  /** Ticks an epoch lasts at most in any case, so that host events are served. */
  readonly longestTicks: number;
  /** A digest of all RAM is logged at least every so many steps. */
  readonly ramDigestSteps: number;
  /** Bytes of DMA data in one record, unless a single completion is larger. */
  readonly completionBytes: number;
}

/** What the command line uses unless told otherwise. */
export const DEFAULT_POLICY: EpochPolicy = {
  epochSteps: 10_000_000,
  busyTicks: 2_000,
  longestTicks: 40_000,
  ramDigestSteps: 4_000_000_000,
  completionBytes: 1 << 20,
};

/** RAM that takes about 10 ms to digest: less than a hundredth of the time that the default's steps take. */
const DIGESTED_BYTES = 2 ** 26;

/** How many steps apart digests of so much RAM are, so that they take no more of a large machine's time. */
export function ramDigestStepsFor(ramBytes: number): number {
  return DEFAULT_POLICY.ramDigestSteps * Math.max(1, Math.ceil(ramBytes / DIGESTED_BYTES));
}
