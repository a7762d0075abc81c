/** What comes behind the end of a log that may still be written: whether it is waited for, and what people are told. */
import { pause } from "../host/pause.ts";
import { LogError } from "../log/log_error.ts";
import type { Timeline } from "./timeline.ts";

/** Waits between two looks at a log that has not grown, milliseconds: doubled from first to longest. */
const LOOK_MILLISECONDS = { first: 2, longest: 64 } as const;

/** How to see what comes. */
export interface GrowthOptions {
  /** Whether it is waited for; it is not unless this says so. */
  readonly follows?: boolean;
  /** Why nothing more will come, once that is known from elsewhere than the log. */
  readonly over?: () => string | undefined;
}

/** The future of a log. */
export class Growth {
  /** Whether whoever goes forward waits at the log's end for what is still to come. */
  follows: boolean;
  readonly #over: () => string | undefined;
  /** What is wrong with the log behind what has been read. */
  #damage: string | undefined;

  /** Looks at nothing yet. */
  constructor(private readonly timeline: Timeline, options: GrowthOptions = {}) {
    this.follows = options.follows ?? false;
    this.#over = options.over ?? (() => undefined);
  }

  /** Takes in what has been written since; answers whether that was anything. What is damaged does not count. */
  async look(): Promise<boolean> {
    if (this.#damage !== undefined) return false;
    const { end } = this.timeline;
    try {
      return await this.timeline.grow();
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#damage = error.message;
      return this.timeline.end.epoch > end.epoch;
    }
  }

  /** Takes in what has been written since, and waits for it if that is wanted; answers whether there is more. */
  async more(signal?: AbortSignal): Promise<boolean> {
    let wait: number = LOOK_MILLISECONDS.first;
    while (!signal?.aborted) {
      // Before the look: what was written until then is read, and only then is the end believed.
      const isLast = !this.follows || this.#over() !== undefined;
      if (await this.look()) return true;
      if (isLast || this.#damage !== undefined || this.timeline.endRecord) return false;
      await pause(wait, signal);
      wait = Math.min(2 * wait, LOOK_MILLISECONDS.longest);
    }
    return false;
  }

  /** Why it does not go on at the log's end, or what can be done about that. */
  get endText(): string {
    const { endRecord } = this.timeline;
    switch (endRecord?.reason) {
      case "power-off":
        return `The guest has powered off here, with exit code ${endRecord.exitCode ?? 0}`;
      case "detach":
        return "The machine was stopped here";
      case "hand-over":
        return "The machine was handed over here";
      case "continued":
        return "The log goes on in the next file";
      default:
        return this.#stopText;
    }
  }

  get #stopText(): string {
    const over = this.#damage ?? this.#over();
    if (over !== undefined) return `Nothing more is known: ${over}`;
    if (this.follows) return "continue waits there for what is still to come";
    return "Nothing more has come so far: continue goes on when it has, and waits for it after " +
      "monitor follow on";
  }
}
