/** Replay: executes epochs exactly as their records say, and compares digests. */
import type { Machine } from "../board/machine.ts";
import type { TimeBase } from "../board/environment.ts";
import type { CompletionStatus, Operation } from "../board/operation.ts";
import { DeliveryError } from "../board/errors.ts";
import { endEpoch } from "./boundary.ts";
import { DivergenceError } from "./divergence.ts";
import { ReadsExhaustedError, RecordedEnvironment } from "./recorded_environment.ts";
import type { EndRecord, EpochRecord, SnapshotCommitRecord } from "./record.ts";

/** The operations of one epoch, which its record names by number only. */
export interface EpochOperations {
  /** Those that its completions answer, in order. */
  readonly completed: readonly {
    readonly operation: Operation;
    readonly status: CompletionStatus;
  }[];
  /** Those that the machine has issued, in order. */
  readonly issued: readonly Operation[];
}

/** What a replica tells while it replays. */
export interface ReplicaEvents {
  /** The operations of an epoch that has been executed and agrees. */
  operations?(told: EpochOperations): void;
  /** The log says that this operation has been performed. */
  performed?(operation: Operation): void;
  /** Console output of an epoch. */
  console?(bytes: Uint8Array): void;
}

/** An epoch that has been begun and not finished: what the machine's own state does not say about it. */
export interface EpochProgress {
  /** Its record. */
  readonly record: EpochRecord;
  /** Steps of it that are left. */
  readonly stepsLeft: number;
  /** Environment reads that the guest has had. */
  readonly readsTaken: number;
  /** RAM pages that it has written, which are part of the digest at its end. */
  readonly written: readonly number[];
}

/**
 * A machine in lockstep with a log: a backup's, or an offline replay's. Operations that it issues stay
 * outstanding until the log brings their completion (paper rule backup-deaf).
 */
export class Replica {
  readonly #environment = new RecordedEnvironment();
  #epoch: number;
  #time: TimeBase;
  #record: EpochRecord | undefined;
  #stepsLeft = 0;
  #stepsAtRamDigest: number;

  /**
   * Nothing is executed before {@linkcode begin}.
   *
   * @param machine The machine as it stands after epoch `epoch`.
   * @param time The time base of the next epoch.
   */
  constructor(
    readonly machine: Machine,
    epoch: number,
    time: TimeBase,
    private readonly events: ReplicaEvents = {},
  ) {
    machine.environment = this.#environment;
    this.#epoch = epoch;
    this.#time = time;
    this.#stepsAtRamDigest = machine.steps;
  }

  /** The last epoch executed to its end. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The time base of the next epoch. */
  get time(): TimeBase {
    return this.#time;
  }

  /** Steps since power-on at the last digest of all RAM. */
  get stepsAtRamDigest(): number {
    return this.#stepsAtRamDigest;
  }

  /** Starts executing the epoch of a whole record. */
  begin(record: EpochRecord): void {
    if (this.#record) throw new Error(`Epoch ${this.#record.epoch} has not been finished`);
    if (record.epoch !== this.#epoch + 1) {
      this.#diverged(record.epoch, `the record follows epoch ${this.#epoch}`);
    }
    this.#record = record;
    this.#stepsLeft = record.steps;
    this.#environment.load(record.reads);
    this.#orDiverge(record, () => this.machine.startEpoch(this.#time));
  }

  /** The record of the epoch that has been begun and not finished. */
  get record(): EpochRecord | undefined {
    return this.#record;
  }

  /** How far the epoch that has been begun has come. */
  get progress(): EpochProgress | undefined {
    return this.#record && {
      record: this.#record,
      stepsLeft: this.#stepsLeft,
      readsTaken: this.#environment.taken,
      written: this.machine.memory.writtenPages(),
    };
  }

  /** In place of {@linkcode begin}, for a machine that was saved in the middle of an epoch. */
  resume({ record, stepsLeft, readsTaken, written }: EpochProgress): void {
    this.#record = record;
    this.#stepsLeft = stepsLeft;
    this.#environment.load(record.reads, readsTaken);
    for (const page of written) this.machine.memory.markWritten(page);
  }

  /**
   * Executes at most `steps` more steps of the epoch begun; at its end delivers its inputs and compares.
   *
   * @param slowPaths It stops early, too, when the guest has needed the host's help so often.
   * @returns Whether the epoch is finished.
   * @throws DivergenceError When the machine does not do what the record says.
   */
  advance(steps: number, slowPaths?: number): boolean {
    const record = this.#record;
    if (!record) throw new Error("No epoch has been begun");
    return this.#orDiverge(record, () => this.#advance(record, steps, slowPaths));
  }

  /** Executes one whole epoch. */
  execute(record: EpochRecord): void {
    this.begin(record);
    while (!this.advance(record.steps));
  }

  /**
   * Compares the end of the log with how the machine stands.
   *
   * @throws DivergenceError When they do not agree on power-off or its exit code.
   */
  conclude({ reason, exitCode }: EndRecord): void {
    // The next file says how it ends: a guest may power off in the last epoch that both of them hold.
    if (reason === "continued") return;
    const { power } = this.machine;
    const here = power.kind === "off" ? power.exitCode : undefined;
    const logged = reason === "power-off" ? exitCode ?? 0 : undefined;
    if (here === logged) return;
    const text = (code: number | undefined) =>
      code === undefined ? "is not powered off" : `is powered off with exit code ${code}`;
    this.#diverged(
      this.#epoch,
      `the machine ${text(here)}, by the end of the log it ${text(logged)}`,
    );
  }

  /**
   * Compares this machine with a key snapshot that stands in its log at this point.
   *
   * @throws DivergenceError When the digest is another.
   */
  verify({ epoch, digest }: SnapshotCommitRecord): void {
    if (this.machine.snapshotDigest() === digest) return;
    this.#diverged(epoch, "the snapshot's digest is another");
  }

  /** The operations whose fate only the log, or a promotion, can tell. */
  outstanding(): Operation[] {
    return [...this.machine.outstanding.values()];
  }

  #advance(record: EpochRecord, steps: number, slowPaths?: number): boolean {
    let budget = Math.min(steps, this.#stepsLeft);
    while (budget > 0) {
      const done = this.machine.run(budget, slowPaths);
      if (done === 0 && !this.machine.triggered) {
        const stands = this.machine.power.kind === "on" ? "waits" : "is powered off";
        this.#diverged(
          record.epoch,
          `the machine ${stands}, ${this.#stepsLeft} steps are recorded`,
        );
      }
      budget -= done;
      this.#stepsLeft -= done;
      if (this.machine.triggered || slowPaths !== undefined) break;
    }
    if (this.#stepsLeft > 0) return false;
    if (this.#environment.left > 0) {
      this.#diverged(record.epoch, `${this.#environment.left} recorded reads were not asked for`);
    }
    this.#finish(record);
    return true;
  }

  #finish(record: EpochRecord): void {
    const console = this.machine.takeConsoleOutput();
    // Only the primary sends.
    this.machine.takeFrames();
    const completed = this.#completedBy(record);
    const digest = endEpoch(this.machine, record, record.digest.ram !== undefined);
    const issued = this.machine.takeIssued();
    if (digest.state !== record.digest.state) {
      this.#diverged(record.epoch, differing("state", digest.state, record.digest.state));
    }
    if (digest.ram !== undefined && digest.ram !== record.digest.ram) {
      this.#diverged(record.epoch, differing("RAM", digest.ram, record.digest.ram));
    }
    if (digest.ram !== undefined) this.#stepsAtRamDigest = this.machine.steps;
    this.#epoch = record.epoch;
    this.#time = record.time;
    this.#record = undefined;
    // Told last: of an epoch in which the replica diverges nobody hears anything.
    if (console.length > 0) this.events.console?.(console);
    for (const { operation, status } of completed) {
      if (status === "done") this.events.performed?.(operation);
    }
    this.events.operations?.({ completed, issued });
  }

  #completedBy({ completions }: EpochRecord): EpochOperations["completed"] {
    return completions.flatMap(({ operation, status }) => {
      const known = this.machine.outstanding.get(operation);
      return known ? [{ operation: known, status }] : [];
    });
  }

  /** What the machine does not take from the record is a divergence. */
  #orDiverge<Result>(record: EpochRecord, action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      if (error instanceof ReadsExhaustedError || error instanceof DeliveryError) {
        this.#diverged(record.epoch, error.message);
      }
      throw error;
    }
  }

  #diverged(epoch: number, what: string): never {
    throw new DivergenceError(epoch, this.machine.steps, what);
  }
}

function differing(what: string, here: bigint, logged: bigint | undefined): string {
  const logText = logged === undefined ? "no such digest" : logged.toString(16).padStart(16, "0");
  return `${what} digest is ${here.toString(16).padStart(16, "0")}, the log has ${logText}`;
}
