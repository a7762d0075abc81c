/**
 * The main loop: runs the live machine one epoch at a time. At the end of epoch E it samples the time,
 * takes what has arrived, delivers it, hands record E out, and goes on (paper rule end-of-epoch, in the
 * revised protocol: nobody waits here, outputs do).
 */
import type { Machine } from "../board/machine.ts";
import type { TimeBase } from "../board/environment.ts";
import type { Completion } from "../board/operation.ts";
import { endEpoch, endEpochUnrecorded } from "./boundary.ts";
import { GuestTime } from "./guest_time.ts";
import type { Arrivals, HostClock, HostLoop, Outlet } from "./host.ts";
import { LiveEnvironment } from "./live_environment.ts";
import type { EpochPolicy } from "./policy.ts";
import type { EndRecord, EpochRecord } from "./record.ts";

/**
 * Steps between two looks at the clock: few at first, and twice as many each time as long as they take
 * next to nothing. A look costs as much as some thousand steps.
 */
const SLICE_STEPS = { first: 50_000, longest: 400_000 } as const;
/** Ticks of a slice after which the next one is short again. */
const QUICK_TICKS = 3_000;
/** Slow paths between two looks at the clock: about 1.5 ms of a guest that does little else. */
const SLICE_SLOW_PATHS = 3_000;

/** What a hypervisor is made of. */
export interface HypervisorOptions {
  /** The machine as it stands after epoch `epoch`. */
  readonly machine: Machine;
  /** The last finished epoch; 0 at power-on. */
  readonly epoch: number;
  /** The time base of the next epoch. */
  readonly time: TimeBase;
  /** Ticks that have passed since that time base came into force: at a promotion, since its record. */
  readonly elapsedTicks?: number;
  /** Steps since power-on at the log's last digest of all RAM; absent: the machine stands there. */
  readonly stepsAtRamDigest?: number;
  /** The host's clocks. */
  readonly clock: HostClock;
  /** The host's event loop. */
  readonly loop: HostLoop;
  /** What reaches the machine from outside. */
  readonly arrivals: Arrivals;
  /** Where finished epochs go. */
  readonly outlet: Outlet;
  /** How long epochs are. */
  readonly policy: EpochPolicy;
}

/** What a promoted machine starts with (paper rules promotion and uncertain). */
export interface Promotion {
  /** The new term. */
  readonly term: number;
  /** Uncertain completions for the operations whose fate is unknown. */
  readonly uncertain: readonly Completion[];
}

/** Why a machine is asked to stop. */
export type StopReason = "detach" | "hand-over";

/** Runs one live machine. */
export class Hypervisor {
  readonly #options: HypervisorOptions;
  readonly #environment: LiveEnvironment;
  readonly #time: GuestTime;
  #epoch: number;
  #stop: StopReason | undefined;
  readonly #atEpochEnd: (() => void)[] = [];
  #stepsAtRamDigest: number;

  /** The machine's environment becomes the live one. */
  constructor(options: HypervisorOptions) {
    this.#options = options;
    this.#environment = new LiveEnvironment(options.clock);
    options.machine.environment = this.#environment;
    this.#time = new GuestTime(options.clock, options.time, options.elapsedTicks);
    this.#epoch = options.epoch;
    this.#stepsAtRamDigest = options.stepsAtRamDigest ?? options.machine.steps;
  }

  /** The last finished epoch. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The time base in force. */
  get time(): TimeBase {
    return this.#time.current;
  }

  /** Asks the machine to stop at its next epoch's end. The first reason counts. */
  stop(reason: StopReason): void {
    this.#stop ??= reason;
    this.#options.arrivals.nudge();
  }

  /** Calls back once, when the machine stands at the end of an epoch: the moment of a snapshot. */
  atNextEpochEnd(callback: () => void): void {
    this.#atEpochEnd.push(callback);
    this.#options.arrivals.nudge();
  }

  /**
   * Runs the machine until it powers off or is stopped.
   *
   * @param promotion Given when this machine was a backup until now.
   * @returns The record that ends the log.
   */
  async run(promotion?: Promotion): Promise<EndRecord> {
    const end = await this.#runToEnd(promotion);
    this.#callBack();
    return end;
  }

  async #runToEnd(promotion?: Promotion): Promise<EndRecord> {
    const { machine, loop } = this.#options;
    if (promotion) {
      machine.startEpoch(this.#time.current);
      await this.#finish(0, promotion);
    }
    for (;;) {
      const power = machine.power;
      if (power.kind === "off") {
        return { kind: "end", reason: "power-off", exitCode: power.exitCode };
      }
      const stop = this.#stop;
      machine.startEpoch(this.#time.current);
      const steps = stop === undefined ? this.#execute() : 0;
      if (steps === 0 && stop === undefined) await this.#idle();
      await this.#finish(steps);
      if (stop !== undefined && machine.power.kind !== "off") return { kind: "end", reason: stop };
      const expecting = machine.outstanding.size > 0 || this.#options.outlet.expecting;
      await loop.turn(expecting ? "answers" : "callers");
    }
  }

  /** Runs the machine for one epoch's budget. */
  #execute(): number {
    const { machine, arrivals, policy, clock } = this.#options;
    const busy = machine.outstanding.size > 0 ||
      arrivals.pending(machine.consoleInputRoom, machine.frameRoom);
    const ticks = busy ? policy.busyTicks : policy.longestTicks;
    const budget = Math.min(policy.epochSteps, this.#time.stepsIn(ticks));
    const before = clock.monotonicTicks();
    let steps = 0;
    let elapsed = 0;
    let sliceSteps: number = SLICE_STEPS.first;
    // The budget follows the measured speed; a guest that turns slow is cut off by the clock.
    while (steps < budget && elapsed < ticks) {
      // The guest may have moved its timer: where it is due the epoch ends.
      const slice = Math.min(sliceSteps, budget - steps, machine.stepsToTimer);
      if (slice === 0) break;
      const done = machine.run(slice, SLICE_SLOW_PATHS);
      steps += done;
      const now = clock.monotonicTicks() - before;
      const quick = now - elapsed < QUICK_TICKS;
      sliceSteps = quick ? Math.min(2 * sliceSteps, SLICE_STEPS.longest) : SLICE_STEPS.first;
      elapsed = now;
      // What the guest has sent in this slice leaves together, and soon.
      if (done === 0 || machine.epochOver || machine.hasFrames) break;
    }
    this.#time.measure(steps, elapsed);
    return steps;
  }

  /** The machine waits: sleeps until something arrives or the guest's timer is due. */
  async #idle(): Promise<void> {
    const { machine, arrivals, loop } = this.#options;
    const { consoleInputRoom, frameRoom } = machine;
    while (
      !arrivals.pending(consoleInputRoom, frameRoom) && this.#stop === undefined &&
      this.#atEpochEnd.length === 0
    ) {
      if (machine.consoleFull && arrivals.consolePerformed > machine.consolePerformed) return;
      const due = machine.timerDueTicks;
      const left = due - this.#time.now();
      if (left <= 0) return;
      await loop.sleep(Number.isFinite(left) ? left : undefined, arrivals.arrival());
    }
  }

  /** Ends the epoch: delivers, writes the record, lets its outputs go. */
  async #finish(steps: number, promotion?: Promotion): Promise<void> {
    const { machine, arrivals, outlet, policy } = this.#options;
    const inputs = {
      completions: promotion
        ? promotion.uncertain
        : arrivals.takeCompletions(policy.completionBytes),
      consoleInput: promotion ? new Uint8Array(0) : arrivals.takeInput(machine.consoleInputRoom),
      consolePerformed: Math.max(machine.consolePerformed, arrivals.consolePerformed),
      frames: promotion ? [] : arrivals.takeFrames(machine.frameRoom),
      time: this.#time.next(steps),
    };
    const console = machine.takeConsoleOutput();
    const frames = machine.takeFrames();
    const ramIsDue = this.#stop !== undefined ||
      machine.steps - this.#stepsAtRamDigest >= policy.ramDigestSteps;
    const reads = this.#environment.takeReads();
    const digest = outlet.recording ? endEpoch(machine, inputs, ramIsDue) : undefined;
    if (!digest) endEpochUnrecorded(machine, inputs);
    // After the deliveries: what they make a front issue (a flush behind a write) is the record's, too.
    const operations = machine.takeIssued();
    if (digest?.ram !== undefined) this.#stepsAtRamDigest = machine.steps;
    const epoch = ++this.#epoch;
    const record: EpochRecord | undefined = digest && {
      kind: "epoch",
      epoch,
      steps,
      reads,
      ...inputs,
      digest,
      ...(promotion ? { term: promotion.term } : {}),
    };
    const wait = outlet.epochEnded(epoch, record, operations, console, frames);
    if (wait) await wait;
    this.#callBack();
  }

  #callBack(): void {
    for (const callback of this.#atEpochEnd.splice(0)) callback();
  }
}
