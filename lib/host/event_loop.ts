/** How the hypervisor's loop shares the thread with the host's events. */
import { setImmediate } from "node:timers";
import type { Expecting, HostLoop } from "../epoch/host.ts";

/** Timers of the host fire about a millisecond late at best; shorter waits take turns instead. */
const SHORTEST_TIMER_TICKS = 10_000;

/**
 * A runtime that is never idle looks at sockets and pipes only every 61st time round (tokio's
 * `event_interval`). With one time round per epoch acknowledgements came 59 epochs late, and a busy
 * guest's log left at less than 1 MB/s.
 */
const ROUNDS_TO_STREAMS = 64;

/** How often a busy guest's streams are looked at, milliseconds. A look costs 0.1 ms. */
const LOOK_MILLISECONDS: Readonly<Record<Expecting, number>> = {
  answers: 1,
  records: 2,
  callers: 6,
};

class EventLoop implements HostLoop {
  #lastLook = 0;

  async turn(expecting: Expecting = "answers"): Promise<void> {
    const looks = performance.now() - this.#lastLook >= LOOK_MILLISECONDS[expecting];
    // An immediate costs 1.5 us here and 5 us alone; a timeout of zero 2 ms.
    for (let round = looks ? ROUNDS_TO_STREAMS : 1; round > 0; round--) await immediate();
    if (looks) this.#lastLook = performance.now();
  }

  sleep(ticks: number | undefined, wake: Promise<void>): Promise<void> {
    if (ticks === undefined) return wake;
    if (ticks < SHORTEST_TIMER_TICKS) return this.turn();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ticks / 10_000, 2 ** 31 - 1));
      wake.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  every(ticks: number, action: () => void): () => void {
    const timer = setInterval(action, ticks / 10_000);
    return () => clearInterval(timer);
  }
}

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The real event loop. */
export const hostLoop: HostLoop = new EventLoop();
