/** Guests that trap in a loop or spin on the clock neither hang the host nor grow memory. */
import { assert, assertEquals } from "@std/assert";
import { POWER_ON_TIME } from "../../lib/epoch/guest_time.ts";
import { SystemClock } from "../../lib/host/clock.ts";
import { hostLoop } from "../../lib/host/event_loop.ts";
import { LiveMachine } from "../../lib/replica/live.ts";
import { replay } from "../../lib/replica/replaying.ts";
import { ByteFile } from "../epoch/byte_file.ts";
import { streamOf } from "./playing.ts";
import { bootGuest, MemorySink, recordGuest, usualLiveOptions } from "./recording.ts";

/** Guests that never end by themselves. */
const restless = ["rtc-spin", "trap-loop"] as const;

for (const guest of restless) {
  Deno.test(`${guest} leaves the host's timers their turn, and stops when it is told`, async () => {
    const console = new ByteFile();
    const machine = await bootGuest(guest);
    let performed = 0;
    const live = new LiveMachine({
      ...usualLiveOptions,
      ...{ machine, epoch: 0, time: POWER_ON_TIME, clock: new SystemClock(), loop: hostLoop },
      backs: {
        perform: () => Promise.resolve({ status: "io-error" }),
        writeConsole(position, bytes) {
          console.write(position, bytes);
          performed = position + bytes.length;
          return Promise.resolve();
        },
        get consolePerformed() {
          return performed;
        },
        consoleRoom: () => undefined,
      },
    });
    live.logTo(new MemorySink(false).stream);
    let fired = 0;
    const timer = setInterval(() => {
      if (++fired >= 40 && machine.steps > 100_000) live.stop("detach");
    }, 1);
    // It ends because a timer of the host tells it to when the guest, too, has had its turn; otherwise never.
    assertEquals(await live.run(), { kind: "end", reason: "detach" });
    clearInterval(timer);
    // Steps and not milliseconds: on a machine with other work both the guest and the timers get less.
    const steps = machine.steps / fired;
    const { epoch } = live.figures;
    assert(steps < 1_000_000, `${fired} timers fired in ${machine.steps} steps`);
    assert(epoch > fired / 2, `${epoch} epochs, ${fired} timers`);
  });
}

/** The least memory in use, of many samples: what is garbage is not in it. */
class LeastMemory {
  #least = [Infinity, Infinity];

  /** @param part 0 early, 1 late. */
  sample(part: 0 | 1): void {
    const { heapUsed, external } = Deno.memoryUsage();
    this.#least[part] = Math.min(this.#least[part]!, heapUsed + external);
  }

  /** Bytes that have been added between early and late. */
  get growth(): number {
    return this.#least[1]! - this.#least[0]!;
  }
}

/** Early and late parts of a long run, of `epochs` epochs. */
function partOf(epoch: number, epochs: number): 0 | 1 | undefined {
  if (epoch % 50 !== 0) return undefined;
  const share = epoch / epochs;
  return share > 0.1 && share < 0.4 ? 0 : share > 0.7 ? 1 : undefined;
}

const long = {
  "rtc-spin": { epochs: 16_000, epochSteps: 1_000_000, bytesPerEpoch: 64 * 9 + 110 },
  "trap-loop": { epochs: 16_000, epochSteps: 50, bytesPerEpoch: 110 },
} as const;

/** Nothing may grow with epochs: what each left behind for ever would have to be 130 bytes at most. */
const GROWTH_BYTES = 2 << 20;
/** About the size of header and first snapshot. */
const SNAPSHOT_BYTES = 30_000;

for (const guest of restless) {
  const { epochs, epochSteps, bytesPerEpoch } = long[guest];
  Deno.test(`${guest} for ${epochs} epochs leaves nothing in memory, recorded or replayed`, async () => {
    const options = { epochSteps, stopAfterEpochs: epochs };
    const recorded = new LeastMemory();
    const { end, logBytes } = await recordGuest(guest, {
      ...options,
      keepLog: false,
      betweenEpochs({ live }) {
        const part = partOf(live.figures.epoch, epochs);
        if (part !== undefined) recorded.sample(part);
      },
    });
    assertEquals(end.reason, "detach");
    assert(recorded.growth < GROWTH_BYTES, `Recording grew by ${recorded.growth} bytes`);
    const { log } = await recordGuest(guest, options);
    assertEquals(log.length, logBytes);
    const perEpoch = (logBytes - SNAPSHOT_BYTES) / epochs;
    assert(perEpoch > 20 && perEpoch <= bytesPerEpoch, `${perEpoch} log bytes in an epoch`);

    const replayed = new LeastMemory();
    const summary = await replay(streamOf(log), {
      epoch({ epoch }) {
        const part = partOf(epoch, epochs);
        if (part !== undefined) replayed.sample(part);
      },
    });
    assert(summary.epochs >= epochs);
    assert(replayed.growth < GROWTH_BYTES, `Replaying grew by ${replayed.growth} bytes`);
  });
}
