/** Promotion without streams and files: what is left of a killed machine goes on, on another host. */
import type { Operation } from "../../lib/board/operation.ts";
import { fateAtPromotion } from "../../lib/board/virtio_slots.ts";
import { DEFAULT_POLICY, type EpochPolicy } from "../../lib/epoch/policy.ts";
import type { EndRecord, LogRecord } from "../../lib/epoch/record.ts";
import type { Replica } from "../../lib/epoch/replica.ts";
import { RecordDecoder } from "../../lib/log/record_decoder.ts";
import type { Attachment } from "../../lib/replica/attachment.ts";
import { LiveMachine } from "../../lib/replica/live.ts";
import { LogCopy } from "../../lib/replica/log_copy.ts";
import { Seeded } from "../epoch/seeded.ts";
import { SimulatedDevices } from "../epoch/simulated_devices.ts";
import { SimulatedLoop } from "../epoch/simulated_loop.ts";
import { SteppingClock } from "../epoch/stepping_clock.ts";
import { enter } from "./log_editing.ts";
import { MemorySink, usualLiveOptions } from "./recording.ts";

/** The replica of a machine that was killed when the record of `epoch` had left it. */
export function killedAfter(records: readonly LogRecord[], epoch: number): Replica {
  const replica = enter(records);
  for (const record of records) {
    if (record.kind === "epoch" && record.epoch <= epoch) replica.execute(record);
  }
  return replica;
}

/** What a backup has of `log` when its primary is killed after `epoch`: its own copy, and where that goes. */
export function copiedUntil(log: Uint8Array, epoch: number): { sink: MemorySink; copy: LogCopy } {
  const sink = new MemorySink();
  const copy = new LogCopy(sink.stream, (reason) => {
    throw new Error(reason);
  });
  for (const item of new RecordDecoder().push(log)) {
    const { record } = item;
    if (record.kind === "end" || (record.kind === "epoch" && record.epoch > epoch)) break;
    copy.add(item);
  }
  return { sink, copy };
}

/** How a replica goes on. */
export interface SuccessionOptions {
  /** What its host's clock has measured since the last record. */
  readonly elapsedTicks?: number;
  readonly disk?: Uint8Array | readonly Uint8Array[];
  /** Bills that were paid before. */
  readonly bills?: Uint8Array;
  /** Console output that was performed before. */
  readonly console?: Uint8Array;
  readonly policy?: Partial<EpochPolicy>;
  /** The replica's own copy of the log so far. */
  readonly copy?: Attachment;
}

/** What became of it. */
export interface Succession {
  /** A log that was begun behind the promotion. */
  readonly log: Uint8Array;
  readonly devices: SimulatedDevices;
  readonly end: EndRecord;
  /** Operations whose fate was unknown. */
  readonly unknown: readonly Operation[];
  /** Its event log. */
  readonly notes: readonly string[];
}

/** Promotes a replica and runs it to its end. */
export async function succeed(
  replica: Replica,
  options: SuccessionOptions = {},
): Promise<Succession> {
  const { machine } = replica;
  // A clock that has nothing to do with the other host's, except for the time of day.
  const clock = new SteppingClock(machine, 12, 1 / 50, -100_000_000);
  const loop = new SimulatedLoop(clock, 20);
  const devices = new SimulatedDevices(loop, new Seeded(replica.epoch), options.disk);
  devices.bills.write(0, options.bills ?? new Uint8Array(0));
  devices.console.write(0, options.console ?? new Uint8Array(0));
  const notes: string[] = [];
  const live = new LiveMachine({
    ...usualLiveOptions,
    ...{ machine, clock, loop, backs: devices, elapsedTicks: options.elapsedTicks ?? 0 },
    ...{ epoch: replica.epoch, time: replica.time, stepsAtRamDigest: replica.stepsAtRamDigest },
    policy: { ...DEFAULT_POLICY, ...options.policy },
    identity: { ...usualLiveOptions.identity, term: 2 },
    note: (text) => void notes.push(text),
  });
  const sink = new MemorySink();
  live.logTo(sink.stream);
  if (options.copy) live.continueLog(options.copy);
  const unknown = replica.outstanding();
  const isRepeated = ({ request }: Operation) =>
    fateAtPromotion(request, machine.configuration) === "again";
  const uncertain = unknown.filter((operation) => !isRepeated(operation));
  const end = await loop.see(live.run({
    term: 2,
    unknown: uncertain,
    uncertain: uncertain.map(({ number }) => ({
      operation: number,
      status: "uncertain" as const,
      blocks: [],
    })),
    again: unknown.filter(isRepeated),
    console: machine.unperformedConsole(),
  }));
  return { log: sink.bytes, devices, end, unknown, notes };
}
