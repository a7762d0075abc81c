/** A live machine with nothing outside, for benches that run in this process. */
import { BootImage } from "../../lib/board/boot_image.ts";
import { Machine } from "../../lib/board/machine.ts";
import { POWER_ON_TIME } from "../../lib/epoch/guest_time.ts";
import { DEFAULT_POLICY } from "../../lib/epoch/policy.ts";
import { SystemClock } from "../../lib/host/clock.ts";
import { hostLoop } from "../../lib/host/event_loop.ts";
import { randomId } from "../../lib/replica/identity.ts";
import { LiveMachine } from "../../lib/replica/live.ts";
import type { LiveOptions } from "../../lib/replica/live_options.ts";
import { DEFAULT_LIMITS } from "../../lib/replica/roster.ts";
import type { ByteStream } from "../../lib/replica/transport.ts";

/** A built guest, switched on. */
export function bareMachine(guest: string, ramBytes: number, bootArguments?: string): Machine {
  const configuration = {
    ...{ ramBytes, disks: [], bills: false },
    ...(bootArguments === undefined ? {} : { bootArguments }),
  };
  const elf = Deno.readFileSync(new URL(`../../fixtures/${guest}.elf`, import.meta.url));
  return Machine.powerOn(configuration, BootImage.load(elf, configuration));
}

/** What runs it; its console output goes nowhere, at once. */
export function bareLive(machine: Machine, more: Partial<LiveOptions> = {}): LiveMachine {
  let performed = 0;
  return new LiveMachine({
    ...{ machine, epoch: 0, time: POWER_ON_TIME, identity: { run: randomId(), term: 1 } },
    ...{ clock: new SystemClock(), loop: hostLoop, policy: DEFAULT_POLICY, limits: DEFAULT_LIMITS },
    backs: {
      perform: () => Promise.resolve({ status: "io-error" }),
      writeConsole(position, bytes) {
        performed = position + bytes.length;
        return Promise.resolve();
      },
      get consolePerformed() {
        return performed;
      },
      consoleRoom: () => undefined,
    },
    note: () => {},
    outputs: { consoleBase: 0, billBase: 0 },
    ...more,
  });
}

/** A log that nobody keeps. */
export function streamInto(write: (bytes: Uint8Array) => void): ByteStream {
  return {
    ...{ name: "reader", kind: "standard", direction: "out" },
    writable: new WritableStream({ write }),
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };
}
