/** How the hypervisor's loop shares the thread with the host's events. */
import fs from "node:fs";
import type { HostLoop } from "../epoch/host.ts";

/** Timers of the host fire about a millisecond late at best; shorter waits take turns instead. */
const SHORTEST_TIMER_TICKS = 10_000;

/** A descriptor to ask something harmless about. */
const STANDARD_ERROR = 2;

/** The real event loop. */
export const hostLoop: HostLoop = {
  /**
   * Two trips through the thread pool, 30 us together. While the second lasts the runtime has nothing else
   * to do, so it looks at sockets and pipes. After an immediate (5 us), a message or one trip it may go
   * on at once, and then it looks only every 61st time: acknowledgements came 59 turns late.
   */
  async turn() {
    await threadPoolTrip();
    await threadPoolTrip();
  },

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

function threadPoolTrip(): Promise<void> {
  return new Promise((resolve) => fs.fstat(STANDARD_ERROR, () => resolve()));
}
