/** What is to be reached, as ratios of contestants who run in the same rounds, or as figures of our own. */

/** Ratio of two contestants' times, as a geometric mean over the phases or of the whole. */
export interface RatioGoal {
  readonly title: string;
  readonly here: string;
  readonly peer: string;
  /** How many times faster than the peer we want to be at least, or how many times slower at most. */
  readonly wanted: { readonly fasterAtLeast: number } | { readonly slowerAtMost: number };
  /** Phases that do not count. */
  readonly without?: readonly string[];
  /** Whether whole runs are compared and not phases. */
  readonly whole?: boolean;
}

/** The goals of issue 6. */
export const ratioGoals: readonly RatioGoal[] = [
  {
    ...{ title: "recording, against QEMU rr=record", here: "record", peer: "qemu record" },
    wanted: { fasterAtLeast: 2 },
  },
  {
    ...{ title: "running, against QEMU's plain translator", here: "run", peer: "qemu" },
    wanted: { fasterAtLeast: 1.2 },
  },
  {
    ...{ title: "running, against native gcc -O2", here: "run", peer: "native" },
    wanted: { slowerAtMost: 4 },
  },
  {
    ...{ title: "the same without memcpy and recursion", here: "run", peer: "native" },
    ...{ without: ["memcpy", "recursion"], wanted: { slowerAtMost: 2.3 } },
  },
  {
    ...{ title: "recording, against running", here: "record", peer: "run" },
    wanted: { slowerAtMost: 1.02 },
  },
  {
    ...{ title: "with a backup, against running", here: "protected", peer: "run" },
    wanted: { slowerAtMost: 1.05 },
  },
  {
    ...{ title: "replaying, against recording", here: "replay", peer: "record" },
    ...{ whole: true, wanted: { slowerAtMost: 1 } },
  },
];

/** Figures of a process. */
export interface FigureGoal {
  readonly title: string;
  readonly figure: "startMilliseconds" | "runMegabytes" | "recordMegabytes";
  readonly unit: string;
  readonly below: number;
}

/** The goals of issue 6. */
export const figureGoals: readonly FigureGoal[] = [
  {
    ...{ title: "start to the guest's first line", figure: "startMilliseconds", unit: "ms" },
    below: 150,
  },
  {
    ...{ title: "memory beyond guest RAM, running", figure: "runMegabytes", unit: "MB" },
    below: 150,
  },
  {
    ...{ title: "memory beyond guest RAM, recording", figure: "recordMegabytes", unit: "MB" },
    below: 150,
  },
];
