/**
 * Moves through a recording as a debugger does: by steps, and until a trigger is pulled, in both
 * directions. Going back to a trigger is going forward through ever longer stretches before the present,
 * until one has a hit; its last one is where it stops.
 */
import type { Machine } from "../board/machine.ts";
import type { Trigger, TriggerHit, TriggerListener } from "../cpu/triggers.ts";
import { Growth } from "./growth.ts";
import { addressSpace } from "./guest_memory_view.ts";
import type { Moment } from "./moment.ts";
import { PlacedTriggers } from "./placed_triggers.ts";
import type { Timeline } from "./timeline.ts";

/** Steps of the first stretch that is searched, going back, and of the longest. */
const STRETCH_STEPS = { first: 1 << 20, longest: 1 << 28 } as const;

/** Whoever goes one step back usually goes on so: a checkpoint this near makes that quick. */
const NEAR_STEPS = 1 << 14;

/** Why a motion has stopped. */
export type Stop =
  /** It has gone as far as it was asked to. */
  | { readonly kind: "arrived" }
  | { readonly kind: "trigger"; readonly trigger: Trigger }
  /** There is nothing before, or nothing after. */
  | { readonly kind: "start" | "end" }
  | { readonly kind: "interrupted" };

const silent: TriggerListener = () => false;

/** A timeline with triggers. Its methods are called one at a time. */
export class Debugger {
  #triggers: readonly Trigger[] = [];
  /** They, as the present motion looks for them. */
  #placed: PlacedTriggers | undefined;
  #isGoingBack = false;
  #hit: TriggerHit | undefined;
  /** The machine that has been armed, and with what. */
  #armed: { readonly machine: Machine; readonly key: string } | undefined;
  #listener: TriggerListener = silent;
  /**
   * The address space, as {@linkcode addressSpace} names it, in which triggers are pulled; all of them without
   * one. Another process has other memory at the same virtual address.
   */
  space: bigint | undefined;

  /** Moves on this timeline, which stands somewhere. */
  constructor(
    /** Where it moves. */
    readonly timeline: Timeline,
    /** What comes behind its end. */
    readonly growth: Growth = new Growth(timeline),
  ) {}

  /** What it stops at. */
  get triggers(): readonly Trigger[] {
    return this.#triggers;
  }

  set triggers(triggers: readonly Trigger[]) {
    this.#triggers = triggers;
  }

  /** What has pulled the trigger at which the last motion has stopped. */
  get hit(): TriggerHit | undefined {
    return this.#hit;
  }

  /** Goes to a moment, in such a way that a step back from there is quick. */
  async seek(moment: Moment, signal?: AbortSignal): Promise<void> {
    await this.#approachClosely(moment.step, signal);
    await this.timeline.seek(moment, signal);
  }

  /** Goes one step forward. */
  async stepForward(signal?: AbortSignal): Promise<Stop> {
    this.#begin("forward");
    return await this.#step(signal);
  }

  async #step(signal: AbortSignal | undefined): Promise<Stop> {
    let hit: TriggerHit | undefined;
    const done = await this.#listening((told) => {
      // What is executed was seen before; nobody stops in the middle of one step.
      if (told.trigger.kind !== "execute") hit ??= told;
      return false;
    }, async () => {
      for (;;) {
        const done = await this.timeline.stepForward(1, signal);
        if (done > 0 || !await this.growth.more(signal)) return done;
      }
    });
    if (hit) return this.#stopAt(hit);
    if (done > 0) return { kind: "arrived" };
    return { kind: signal?.aborted ? "interrupted" : "end" };
  }

  /** Goes forward as long as pc is within `[from, to)`, at least one step. */
  async stepThrough(from: bigint, to: bigint, signal?: AbortSignal): Promise<Stop> {
    const executed = new Map(
      this.#triggers.filter(({ kind }) => kind === "execute")
        .map((trigger) => [trigger.address, trigger]),
    );
    for (;;) {
      const stop = await this.stepForward(signal);
      if (stop.kind !== "arrived") return stop;
      const pc = this.timeline.machine.hartState().fields["pc"]!;
      const trigger = this.#isInSpace(this.timeline.machine) ? executed.get(pc) : undefined;
      if (trigger) return { kind: "trigger", trigger };
      if (pc < from || pc >= to) return stop;
    }
  }

  /** Goes forward to the next trigger, or to the end of what has come. */
  async continueForward(signal?: AbortSignal): Promise<Stop> {
    this.#begin("forward");
    const { timeline } = this;
    const { step: from } = timeline.moment;
    let hit: TriggerHit | undefined;
    const end = await this.#listening((told) => {
      if (told.trigger.kind === "execute" && told.step === from) return false;
      hit ??= told;
      return true;
    }, async () => {
      for (;;) {
        const until = () => hit !== undefined;
        const end = await timeline.runForward({ until, ...(signal && { signal }) });
        if (end !== "limit" || !await this.growth.more(signal)) return end;
      }
    });
    if (!hit) return { kind: end === "interrupted" || signal?.aborted ? "interrupted" : "end" };
    // Of the moments of this step the last one: the same that going back leads to.
    await timeline.seek(timeline.momentAt(timeline.moment.step)!);
    return this.#stopAt(hit);
  }

  /** Goes one step back. */
  async stepBack(signal?: AbortSignal): Promise<Stop> {
    this.#begin("back");
    const { timeline } = this;
    const { step } = timeline.moment;
    if (step === timeline.start.step) return { kind: "start" };
    await this.seek(timeline.momentAt(step - 1)!, signal);
    if (this.#triggers.every(({ kind }) => kind === "execute")) return { kind: "arrived" };
    // Which accesses are undone is seen by doing them.
    const stop = await this.#step(signal);
    await timeline.seek(timeline.momentAt(step - 1)!, signal);
    return stop.kind === "trigger" ? stop : { kind: "arrived" };
  }

  /** Sees to it that there is a checkpoint shortly before a step. */
  async #approachClosely(step: number, signal: AbortSignal | undefined): Promise<void> {
    const { timeline } = this;
    const near = timeline.nearestCheckpoint(timeline.momentAt(step)!);
    if (near && step - near.step <= 2 * NEAR_STEPS) return;
    const before = Math.max(step - NEAR_STEPS, timeline.start.step);
    await timeline.seek(timeline.momentAt(before)!, signal);
    timeline.keepCheckpoint();
  }

  /** Goes back to the last trigger before, or to the start. */
  async continueBack(signal?: AbortSignal): Promise<Stop> {
    this.#begin("back");
    const { timeline } = this;
    const start = timeline.start.step;
    let high = timeline.moment;
    if (high.step === start) return { kind: "start" };
    let stretch = this.#triggers.length === 0 ? Infinity : STRETCH_STEPS.first as number;
    while (high.step > start) {
      const least = timeline.momentAt(Math.max(start, high.step - stretch))!;
      // What is executed on the way there is searched as well, unless that is much more.
      const entry = timeline.entryTo(least);
      const low = high.step - entry.step <= 2 * stretch ? entry : least;
      const hit = low.step === start && this.#triggers.length === 0
        ? undefined
        : await this.#lastHit(low, high, signal);
      if (signal?.aborted) {
        await timeline.seek(high);
        return { kind: "interrupted" };
      }
      if (hit) {
        // What a log begins with may be deliveries to a machine that waits.
        await this.seek(hit.step < start ? timeline.start : timeline.momentAt(hit.step)!);
        return this.#stopAt(hit);
      }
      high = low;
      stretch = Math.min(2 * stretch, STRETCH_STEPS.longest);
    }
    await timeline.seek(timeline.start);
    return { kind: "start" };
  }

  /** The last hit from `low` up to `high`, at which it stands afterwards. */
  async #lastHit(
    low: Moment,
    high: Moment,
    signal: AbortSignal | undefined,
  ): Promise<TriggerHit | undefined> {
    const { timeline } = this;
    await timeline.seek(low);
    let last: TriggerHit | undefined;
    await this.#listening((told) => {
      last = told;
      return false;
    }, () => timeline.runForward({ until: () => false, limit: high, ...(signal && { signal }) }));
    return last;
  }

  /** Moves with the triggers armed. */
  async #listening<Result>(
    listener: TriggerListener,
    move: () => Promise<Result>,
  ): Promise<Result> {
    this.#arm();
    this.#listener = listener;
    try {
      return await move();
    } finally {
      this.#listener = silent;
    }
  }

  /** A motion begins. */
  #begin(way: "forward" | "back"): void {
    this.#placed = new PlacedTriggers(this.#triggers, this.timeline.machine);
    this.#isGoingBack = way === "back";
    this.#hit = undefined;
  }

  #stopAt(hit: TriggerHit): Stop {
    this.#hit = hit;
    return { kind: "trigger", trigger: this.#placed!.originalOf(hit) };
  }

  /** Arming drops caches: not again what is armed. */
  #arm(): void {
    const { machine } = this.timeline;
    const { placed, key } = this.#placed!;
    if (this.#armed?.machine === machine && this.#armed.key === key) return;
    machine.arm(placed, (hit) => this.#isMeant(hit, machine) && this.#listener(hit));
    this.#armed = { machine, key };
  }

  /**
   * Going back from where an address names some memory, whoever wrote to that wrote what it holds, also before it
   * got the address. Going forward, the memory may be given to somebody else.
   */
  #isMeant(hit: TriggerHit, machine: Machine): boolean {
    if (hit.byAddress && this.#isInSpace(machine)) return true;
    return hit.inMemory && (this.#isGoingBack || this.#placed!.isInPlace(hit, machine));
  }

  #isInSpace(machine: Machine): boolean {
    return this.space === undefined || addressSpace(machine) === this.space;
  }
}
