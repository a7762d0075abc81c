/** What gdb talks to: a recording, where it stands, and what is inserted in it. */
import type { Trigger } from "../cpu/triggers.ts";
import { DivergenceError } from "../epoch/divergence.ts";
import { HostFileError } from "../host/fault.ts";
import { LogError } from "../log/log_error.ts";
import type { Bookmarks } from "./bookmarks.ts";
import type { Debugger, Stop } from "./debugger.ts";
import { GdbBreakpoints } from "./gdb_breakpoints.ts";
import { toldRegisters } from "./gdb_registers.ts";
import { hitText } from "./hit_text.ts";
import type { Timeline } from "./timeline.ts";

/** Numbers of signals in the protocol. */
const SIGNAL = { interrupt: "02", trap: "05" } as const;

/** The direction of a motion. */
export type Way = "forward" | "back";

/** Moves through a recording. */
export type Motion = (moving: Debugger, signal: AbortSignal) => Promise<Stop>;

const STEPS: Readonly<Record<Way, Motion>> = {
  forward: (moving, signal) => moving.stepForward(signal),
  back: (moving, signal) => moving.stepBack(signal),
};

/** What the recording and its surroundings must be able to do for a session. */
export interface GdbTargetParts {
  /** Moves through the recording. */
  readonly debugger: Debugger;
  /** Moments that outlive the session. */
  readonly bookmarks: Bookmarks;
}

/** The other side of one connection, as packets see it. */
export class GdbTarget {
  /** What is inserted. */
  readonly breakpoints = new GdbBreakpoints();
  /** What gdb has said that it understands. */
  readonly features = new Set<string>();
  /** The only address space in which it stops; undefined for all of them. */
  space: bigint | undefined;
  /** Whether packets are acknowledged no more. */
  withoutAcknowledgements = false;
  /** How gdb has left, once it has. */
  left: "detached" | "killed" | undefined;
  /** The access at which the last motion has stopped, and the motion's direction. */
  #passed: { readonly trigger: Trigger; readonly way: Way } | undefined;
  #interruption = new AbortController();
  #isInterrupted = false;

  /**
   * Nothing is inserted yet.
   *
   * @param print Shows text to the person at gdb.
   */
  constructor(
    readonly parts: GdbTargetParts,
    readonly print: (text: string) => Promise<void>,
  ) {}

  /** The recording. */
  get timeline(): Timeline {
    return this.parts.debugger.timeline;
  }

  /** Ends the motion that is under way, or the next one, up to {@linkcode settle}. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#interruption.abort();
  }

  /** Everything that was asked for has been answered: an interruption is over. */
  settle(): void {
    this.#isInterrupted = false;
  }

  /** Does something that {@linkcode interrupt} ends. */
  async interruptible<Result>(action: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    this.#interruption = new AbortController();
    if (this.#isInterrupted) this.#interruption.abort();
    return await action(this.#interruption.signal);
  }

  /**
   * Moves by a step, and answers the stop reply.
   *
   * gdb takes it that on RISC-V a watchpoint stops before the access (`have_nonsteppable_watchpoint` in its
   * `riscv-tdep.c`): told of one, it removes it and makes a step by itself, whichever the direction. Here the
   * access is done, or undone, when it is told: that step goes nowhere.
   */
  async step(way: Way, motion: Motion = STEPS[way]): Promise<string> {
    const passed = this.#passed;
    if (passed?.way !== way || this.breakpoints.reasonOf(passed.trigger) !== undefined) {
      return await this.move(way, motion);
    }
    this.#passed = undefined;
    return this.stopReply({ kind: "arrived" });
  }

  /** Moves, and answers the stop reply. What a log is damaged by, or diverges at, stops it as well. */
  async move(way: Way, motion: Motion): Promise<string> {
    const { debugger: moving } = this.parts;
    moving.triggers = this.breakpoints.triggers;
    moving.space = this.space;
    this.#passed = undefined;
    const from = this.timeline.moment;
    return await this.interruptible(async (signal) => {
      try {
        const stop = await motion(moving, signal);
        if (stop.kind === "end") await this.print(`${moving.growth.endText}\n`);
        if (stop.kind === "trigger" && stop.trigger.kind !== "execute") {
          this.#passed = { trigger: stop.trigger, way };
          const text = moving.hit && await hitText(this.timeline, moving.hit);
          if (text !== undefined) await this.print(text);
        }
        return this.stopReply(stop);
      } catch (error) {
        const isTold = isOfLog(error);
        if (isTold) await this.print(`${error.message}\n`);
        else if (!signal.aborted) throw error;
        if (!this.timeline.isStanding) await this.timeline.seek(from);
        return this.stopReply({ kind: isTold ? "arrived" : "interrupted" });
      }
    });
  }

  /** Where it stands and why it has stopped there, as gdb wants to hear it. */
  stopReply(stop: Stop): string {
    const signal = stop.kind === "interrupted" ? SIGNAL.interrupt : SIGNAL.trap;
    const registers = toldRegisters(this.timeline.machine);
    return `T${signal}${registers}${this.#reason(stop)}thread:1;`;
  }

  #reason(stop: Stop): string {
    switch (stop.kind) {
      case "start":
        return "replaylog:begin;";
      case "end":
        return "replaylog:end;";
      case "trigger": {
        const reason = this.breakpoints.reasonOf(stop.trigger);
        if (reason === "swbreak" || reason === "hwbreak") {
          return this.features.has(reason) ? `${reason}:;` : "";
        }
        return `${reason}:${stop.trigger.address.toString(16)};`;
      }
      default:
        return "";
    }
  }
}

/** Whether the log, or its file, is what is wrong. */
export function isOfLog(error: unknown): error is Error {
  return error instanceof DivergenceError || error instanceof LogError ||
    error instanceof HostFileError;
}
