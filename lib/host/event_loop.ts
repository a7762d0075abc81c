/** How the hypervisor's loop shares the thread with the host's events. */
import type { HostLoop } from "../epoch/host.ts";
import { setImmediate } from "node:timers";

/** Timers of the host fire about a millisecond late at best; shorter waits take turns instead. */
const SHORTEST_TIMER_TICKS = 10_000;

/** The real event loop. */
export const hostLoop: HostLoop = {
  // An immediate costs 5 us, a timeout of zero 2 ms.
  turn: () => new Promise((resolve) => setImmediate(resolve)),

  sleep(ticks, wake) {
    if (ticks === undefined) return wake;
    if (ticks < SHORTEST_TIMER_TICKS) return this.turn();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ticks / 10_000, 2 ** 31 - 1));
      wake.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  },
};
