/** What a machine's process tells about itself: to people as lines, to programs as NDJSON. */
import type { LogFigures } from "../log/log_statistics.ts";
import { bytesText, logSizeText } from "./log_figures_text.ts";

/** The roles of a process in the lockstep protocol. */
export type Role = "protected" | "joining" | "SOLO" | "backup" | "running";

/** Figures of a moment. */
export interface Status {
  /** Which event it is. */
  readonly kind: "status";
  /** What the process is at this moment. */
  readonly role: Role;
  /** Last finished epoch. */
  readonly epoch: number;
  /** Epochs that the slowest member is behind. */
  readonly lagEpochs: number;
  /** Log bytes handed to streams and files since the start. */
  readonly logBytes: number;
  /** Steps since power-on. */
  readonly steps: number;
  /** Log bytes per second of host time, lately. */
  readonly logBytesPerSecond: number;
  /** Million instructions per second of host time, lately. */
  readonly mips: number;
  /** Guest time in ticks of 100 ns. */
  readonly guestTicks: number;
  /** Pause of the guest for the last snapshot, milliseconds. */
  readonly snapshotPauseMilliseconds: number;
}

/** An event of a run. */
export type RunEvent =
  | Status
  /** Something that a person wants to know. */
  | { readonly kind: "note"; readonly text: string }
  /** The machine performs operations from now on. */
  | { readonly kind: "live"; readonly run: string; readonly term: number }
  /** Backups can join at this socket from now on. */
  | { readonly kind: "listening"; readonly name: string }
  /** A backup has been promoted. */
  | {
    readonly kind: "promoted";
    readonly term: number;
    readonly epoch: number;
    /** Operations answered with an uncertain interrupt. */
    readonly uncertain: number;
    /** Operations performed again. */
    readonly again: number;
  }
  /** The first output of a promoted machine has been handed to its device. */
  | { readonly kind: "first-output" }
  /** The machine has ended. */
  | {
    readonly kind: "ended";
    readonly reason: string;
    readonly steps: number;
    readonly guestTicks: number;
    readonly logBytes: number;
    /** Host time that the machine was live in this process. */
    readonly milliseconds: number;
    /** How large the log is; absent when nobody got one. */
    readonly log?: LogFigures;
  };

/** An event as a program reads it: `at` is the time of day in milliseconds since 1970. */
export type TimedEvent = RunEvent & { readonly at: number };

/** The time of day in milliseconds since 1970, finer than `Date` has it. */
export function timeOfDay(): number {
  return performance.timeOrigin + performance.now();
}

/** One line for a person; undefined for events that only programs want. */
export function lineOf(event: RunEvent): string | undefined {
  switch (event.kind) {
    case "note":
      return event.text;
    case "listening":
      return `Backups can join at ${event.name}`;
    case "promoted": {
      const again = event.again === 0 ? "" : `, ${operations(event.again)} performed again`;
      return `Promoted: goes live in term ${event.term} after epoch ${event.epoch}, ` +
        `${operations(event.uncertain)} uncertain${again}`;
    }
    case "status":
    case "live":
    case "first-output":
      return undefined;
    case "ended":
      return event.log && event.log.steps > 0 ? logSizeText(event.log) : undefined;
  }
}

/** The status line. SOLO stands out. */
export function statusText(status: Status): string {
  return [
    status.role,
    `epoch ${status.epoch}`,
    `lag ${status.lagEpochs}`,
    `log ${bytesText(status.logBytesPerSecond)}/s`,
    `${status.mips.toFixed(status.mips < 10 ? 1 : 0)} MIPS`,
  ].join("  ");
}

function operations(count: number): string {
  return count === 1 ? "1 operation" : `${count} operations`;
}
