/** How large a log is, and what for: by kind of record, by instructions executed, by guest time. */
import type { LogRecord } from "../epoch/record.ts";

/** Ticks of guest time in a second. */
const TICKS_PER_SECOND = 1e7;

/** Records of one kind. */
export interface KindStatistics {
  /** How many. */
  readonly records: number;
  /** Bytes of their frames. */
  readonly bytes: number;
}

/** The epochs of a guest that runs, or of one that waits: these have no steps. */
export interface PhaseStatistics {
  /** How many. */
  readonly epochs: number;
  /** Bytes of their frames. */
  readonly bytes: number;
  /** Seconds of guest time. */
  readonly seconds: number;
  /** Bits per second of guest time; absent when no time has passed. */
  readonly bitsPerSecond?: number;
}

/** The figures of a log. */
export interface LogFigures {
  /** By kind of record, in the order of their first. */
  readonly kinds: Readonly<Record<string, KindStatistics>>;
  /** Steps executed: retired instructions, and traps and interrupts taken. */
  readonly steps: number;
  /** Bytes of epochs for 1,000 steps; absent without steps. */
  readonly bytesPerThousandInstructions?: number;
  /** Epochs with steps. */
  readonly busy: PhaseStatistics;
  /** Epochs without: the guest waited. */
  readonly idle: PhaseStatistics;
  /** How many epochs have so many digits in their number of steps, from one digit on. */
  readonly epochsByDigits: readonly number[];
}

class Phase {
  epochs = 0;
  bytes = 0;
  ticks = 0;

  figures(): PhaseStatistics {
    const { epochs, bytes, ticks } = this;
    const seconds = ticks / TICKS_PER_SECOND;
    return {
      ...{ epochs, bytes, seconds },
      ...(ticks > 0 ? { bitsPerSecond: 8 * bytes / seconds } : {}),
    };
  }
}

/** Counts the records of a log, or of several about the same epochs, each of which counts once. */
export class LogStatistics {
  readonly #kinds = new Map<string, { records: number; bytes: number }>();
  readonly #busy = new Phase();
  readonly #idle = new Phase();
  readonly #epochsByDigits: number[] = [];
  #steps = 0;
  #epoch = -1;
  #ticks: number | undefined;

  /** Counts a record whose frame has `byteLength` bytes. */
  add(record: LogRecord, byteLength: number): void {
    if (record.kind === "epoch") {
      if (record.epoch <= this.#epoch) return;
      this.#addEpoch(record, byteLength);
    }
    if (record.kind === "snapshot-commit") this.#ticks ??= record.time.base;
    const kind = this.#kinds.get(record.kind);
    if (kind) {
      kind.records++;
      kind.bytes += byteLength;
    } else {
      this.#kinds.set(record.kind, { records: 1, bytes: byteLength });
    }
  }

  /** What has been counted. */
  get figures(): LogFigures {
    const bytes = this.#busy.bytes + this.#idle.bytes;
    return {
      kinds: Object.fromEntries(Array.from(this.#kinds, ([name, kind]) => [name, { ...kind }])),
      steps: this.#steps,
      ...(this.#steps > 0 ? { bytesPerThousandInstructions: 1000 * bytes / this.#steps } : {}),
      busy: this.#busy.figures(),
      idle: this.#idle.figures(),
      epochsByDigits: [...this.#epochsByDigits],
    };
  }

  #addEpoch(record: Extract<LogRecord, { kind: "epoch" }>, byteLength: number): void {
    const { epoch, steps, time } = record;
    const phase = steps > 0 ? this.#busy : this.#idle;
    phase.epochs++;
    phase.bytes += byteLength;
    phase.ticks += time.base - (this.#ticks ?? time.base);
    this.#ticks = time.base;
    this.#epoch = epoch;
    this.#steps += steps;
    if (steps === 0) return;
    const digits = String(steps).length;
    while (this.#epochsByDigits.length < digits) this.#epochsByDigits.push(0);
    this.#epochsByDigits[digits - 1]!++;
  }
}
