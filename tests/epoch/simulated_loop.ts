/** An event loop in simulated time: what is due happens in turns, and sleeping takes no time at all. */
import { setImmediate } from "node:timers";
import type { HostLoop } from "../../lib/epoch/host.ts";
import type { SteppingClock } from "./stepping_clock.ts";

interface Event {
  readonly due: number;
  readonly action: () => void;
  /** A repeated event alone does not wake anybody from an endless sleep. */
  readonly repeated: boolean;
}

/** Everything that waits for a moment of simulated time. */
export class SimulatedLoop implements HostLoop {
  #agenda: Event[] = [];
  #turns = 0;
  #sleeps = 0;
  #asleep = 0;
  /** Called in every turn. */
  onTurn: () => void = () => {};

  /**
   * @param clock Goes on while the loop sleeps.
   * @param turnTicks What a turn costs.
   */
  constructor(private readonly clock: SteppingClock, private readonly turnTicks = 0) {}

  /** Turns given so far. */
  get turns(): number {
    return this.#turns;
  }

  /** Times that somebody slept. */
  get sleeps(): number {
    return this.#sleeps;
  }

  /** Calls `action` in `ticks` from now. */
  after(ticks: number, action: () => void): void {
    this.#add({ due: this.clock.monotonicTicks() + ticks, action, repeated: false });
  }

  async turn(): Promise<void> {
    this.#turns++;
    this.clock.advance(this.turnTicks);
    this.#happen();
    this.onTurn();
    await settled();
  }

  async sleep(ticks: number | undefined, wake: Promise<void>): Promise<void> {
    this.#sleeps++;
    this.#asleep++;
    try {
      await this.#sleep(ticks, wake);
    } finally {
      this.#asleep--;
    }
  }

  async #sleep(ticks: number | undefined, wake: Promise<void>): Promise<void> {
    const until = this.clock.monotonicTicks() + (ticks ?? Infinity);
    let woken = false;
    void wake.then(() => woken = true);
    await settled();
    while (!woken) {
      const next = this.#agenda[0];
      if (until === Infinity && !this.#agenda.some((event) => !event.repeated)) {
        throw new Error("The loop sleeps for ever: nothing is due that could wake it");
      }
      const moment = Math.min(until, next?.due ?? Infinity);
      this.clock.advance(Math.max(0, Math.ceil(moment) - this.clock.monotonicTicks()));
      if (moment === until) return;
      this.#happen();
      await settled();
    }
  }

  /** Sees `work` through: lets time pass also while it waits for a device and not for this loop. */
  async see<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const ended = work.finally(() => done = true);
    ended.catch(() => {});
    for (let seen = -1; !done;) {
      await settled();
      const calls = this.#turns + this.#sleeps;
      if (calls === seen && this.#asleep === 0 && !done) this.#skip();
      seen = calls;
    }
    return await ended;
  }

  #skip(): void {
    const next = this.#agenda[0];
    if (!next) throw new Error("Nothing is due, and yet something is waited for");
    this.clock.advance(Math.max(0, Math.ceil(next.due) - this.clock.monotonicTicks()));
    this.#happen();
  }

  every(ticks: number, action: () => void): () => void {
    let stopped = false;
    const again = () => {
      if (stopped) return;
      action();
      this.#add({ due: this.clock.monotonicTicks() + ticks, action: again, repeated: true });
    };
    this.#add({ due: this.clock.monotonicTicks() + ticks, action: again, repeated: true });
    return () => stopped = true;
  }

  #add(event: Event): void {
    // Behind those that are due at the same moment.
    const place = this.#agenda.findIndex(({ due }) => due > event.due);
    this.#agenda.splice(place < 0 ? this.#agenda.length : place, 0, event);
  }

  #happen(): void {
    const now = this.clock.monotonicTicks();
    while (this.#agenda[0] && this.#agenda[0].due <= now) this.#agenda.shift()!.action();
  }
}

/** Everything that can go on without time passing has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
