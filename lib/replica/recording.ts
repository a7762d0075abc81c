/** Recording for programs: a machine run to its end, its log written to any `WritableStream`. */
import type { Machine } from "../board/machine.ts";
import type { DeviceBacks, Performed } from "../epoch/host.ts";
import { POWER_ON_TIME } from "../epoch/guest_time.ts";
import { DEFAULT_POLICY, type EpochPolicy, ramDigestStepsFor } from "../epoch/policy.ts";
import type { EndRecord } from "../epoch/record.ts";
import { SystemClock } from "../host/clock.ts";
import { hostLoop } from "../host/event_loop.ts";
import { randomId } from "./identity.ts";
import { LiveMachine } from "./live.ts";
import { DEFAULT_LIMITS } from "./roster.ts";
import type { ByteStream } from "./transport.ts";

/** What a recording may be told. All have defaults. */
export interface RecordOptions {
  /** Takes console output, each byte once; the default drops it. */
  readonly console?: (bytes: Uint8Array) => void;
  /** Bytes typed at the console. */
  readonly input?: ReadableStream<Uint8Array>;
  /** The devices outside; the default has a console only, and a disk's operations fail. */
  readonly devices?: DeviceBacks;
  /** Ends the log cleanly at the next epoch's end. */
  readonly signal?: AbortSignal;
  /** Lengths of epochs; digests of all RAM. */
  readonly policy?: Partial<EpochPolicy>;
  /** A key snapshot goes into the log at least every so many steps; the default has only the first. */
  readonly snapshotEverySteps?: number;
}

/**
 * Runs `machine` from power-on until it powers off or `options.signal` stops it, on this host's clocks,
 * and writes its log to `sink`, which is closed at the end. A sink that is slow slows the guest.
 *
 * @returns The record that ends the log, with the guest's exit code.
 * @throws {RecordingError} When the sink fails; the machine stops.
 */
export async function record(
  machine: Machine,
  sink: WritableStream<Uint8Array>,
  options: RecordOptions = {},
): Promise<EndRecord> {
  const stop = new AbortController();
  let failure: string | undefined;
  const live = new LiveMachine({
    machine,
    epoch: 0,
    time: POWER_ON_TIME,
    identity: { run: randomId(), term: 1 },
    backs: options.devices ?? new ConsoleOnly(options.console ?? (() => {})),
    clock: new SystemClock(),
    loop: hostLoop,
    policy: {
      ...DEFAULT_POLICY,
      ramDigestSteps: ramDigestStepsFor(machine.configuration.ramBytes),
      ...options.policy,
    },
    limits: DEFAULT_LIMITS,
    note: () => {},
    outputs: { consoleBase: 0, billBase: 0 },
    ...(options.snapshotEverySteps === undefined
      ? {}
      : { snapshotEverySteps: options.snapshotEverySteps }),
  });
  live.logTo(streamOver(sink), (reason) => {
    failure = `The log cannot be written: ${reason}`;
    live.stop("detach");
  });
  options.signal?.addEventListener("abort", () => live.stop("detach"), { signal: stop.signal });
  if (options.signal?.aborted) live.stop("detach");
  const typing = options.input?.pipeTo(
    new WritableStream({ write: (bytes) => live.type(bytes) }),
    { signal: stop.signal, preventCancel: true },
  );
  try {
    const end = await live.run();
    if (failure !== undefined) throw new RecordingError(failure);
    return end;
  } finally {
    stop.abort();
    await typing?.catch(() => {});
  }
}

/** The log could not be written to its end. */
export class RecordingError extends Error {
  /** Tells this error from others. */
  override readonly name = "RecordingError";
}

function streamOver(writable: WritableStream<Uint8Array>): ByteStream {
  return {
    name: "of this recording",
    kind: "standard",
    direction: "out",
    writable,
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };
}

/** The outside of a machine that has nothing but a console. */
class ConsoleOnly implements DeviceBacks {
  #performed = 0;

  constructor(private readonly console: (bytes: Uint8Array) => void) {}

  perform(): Promise<Performed> {
    return Promise.resolve({ status: "io-error" });
  }

  writeConsole(position: number, bytes: Uint8Array): Promise<void> {
    this.console(bytes);
    this.#performed = position + bytes.length;
    return Promise.resolve();
  }

  get consolePerformed(): number {
    return this.#performed;
  }

  consoleRoom(): undefined {
    return undefined;
  }
}
