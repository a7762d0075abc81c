/** Records guests through the product's own live machine, in simulated time: the same bytes in every run. */
import { BootImage } from "../../lib/board/boot_image.ts";
import type { DiskBus, MachineConfiguration } from "../../lib/board/configuration.ts";
import { Machine } from "../../lib/board/machine.ts";
import { POWER_ON_TIME } from "../../lib/epoch/guest_time.ts";
import { DEFAULT_POLICY, type EpochPolicy } from "../../lib/epoch/policy.ts";
import type { EndRecord } from "../../lib/epoch/record.ts";
import { LiveMachine } from "../../lib/replica/live.ts";
import type { LiveOptions } from "../../lib/replica/live_options.ts";
import { DEFAULT_LIMITS } from "../../lib/replica/roster.ts";
import type { ByteStream } from "../../lib/replica/transport.ts";
import { Seeded } from "../epoch/seeded.ts";
import { ByteFile } from "../epoch/byte_file.ts";
import { type Fate, SimulatedDevices } from "../epoch/simulated_devices.ts";
import { SimulatedLoop } from "../epoch/simulated_loop.ts";
import { SteppingClock, USUAL_TICKS_PER_STEP } from "../epoch/stepping_clock.ts";
import { fixture } from "../guests/fixture.ts";
import { guestMac, type NetClient } from "../guests/net_client.ts";

const SECTOR_BYTES = 512;
/** Enough for every guest but `paging`. */
const RAM_BYTES = 2 << 20;
const TYPING_TICKS = 40_000;

/** How to record. */
export interface RecordingOptions {
  readonly bootArguments?: string;
  readonly ramBytes?: number;
  /** Changed in place; none for a machine without a disk. */
  readonly disk?: Uint8Array;
  /** How it is attached; to the SCSI controller when absent. */
  readonly bus?: DiskBus;
  /** A further disk, on virtio-blk. */
  readonly blkDisk?: Uint8Array;
  readonly entropy?: boolean;
  readonly bills?: boolean;
  /** The machine has a network device, and at its other end is this client. */
  readonly client?: NetClient;
  /** Typed a few characters at a time. */
  readonly input?: string;
  readonly seed?: number;
  /** Length of epochs in steps, or how to choose each. */
  readonly epochSteps?: number | ((random: Seeded) => number);
  readonly policy?: Partial<EpochPolicy>;
  readonly snapshotEverySteps?: number;
  /** Ends the recording from outside. */
  readonly stopAfterEpochs?: number;
  readonly fate?: Fate;
  /** The recorded machine's caches are dropped after one epoch in so many. */
  readonly dropCachesOnceIn?: number;
  readonly ticksPerStep?: number;
  /** Whether the log is kept; it is unless this says no. */
  readonly keepLog?: boolean;
  /** Called between epochs. */
  readonly betweenEpochs?: (stage: RecordingStage) => void;
}

/** What takes part in a recording. */
export interface RecordingStage {
  readonly machine: Machine;
  readonly clock: SteppingClock;
  readonly loop: SimulatedLoop;
  readonly devices: SimulatedDevices;
  readonly live: LiveMachine;
}

/** What was recorded. */
export interface Recording extends RecordingStage {
  readonly log: Uint8Array;
  readonly logBytes: number;
  readonly end: EndRecord;
  readonly console: Uint8Array;
  readonly bills: Uint8Array;
  readonly client: NetClient | undefined;
}

/** A byte stream into memory. */
export class MemorySink {
  readonly #file = new ByteFile();
  byteLength = 0;

  /** @param keep Whether the bytes are kept, not only counted. */
  constructor(private readonly keep = true) {}

  readonly stream: ByteStream = {
    name: "of this test",
    kind: "standard",
    direction: "out",
    writable: new WritableStream({
      write: (bytes) => {
        if (this.keep) this.#file.write(this.byteLength, bytes);
        this.byteLength += bytes.length;
      },
    }),
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };

  get bytes(): Uint8Array {
    return this.#file.bytes;
  }
}

/** What stays the same for every live machine of these tests. */
export const usualLiveOptions = {
  identity: { run: "0123456789abcdef0123456789abcdef", term: 1 },
  policy: DEFAULT_POLICY,
  limits: DEFAULT_LIMITS,
  outputs: { consoleBase: 0, billBase: 0 },
  note(text) {
    throw new Error(text);
  },
} as const satisfies Partial<LiveOptions>;

/** A machine at power-on. */
export async function bootGuest(
  guest: string,
  options: Omit<RecordingOptions, "input"> = {},
): Promise<Machine> {
  const { disk, bus, blkDisk, entropy } = options;
  const configuration: MachineConfiguration = {
    ramBytes: options.ramBytes ?? RAM_BYTES,
    disks: [
      ...disk
        ? [{ id: "SIMULATED", sectors: disk.length / SECTOR_BYTES, ...(bus ? { bus } : {}) }]
        : [],
      ...blkDisk
        ? [{ id: "FURTHER", sectors: blkDisk.length / SECTOR_BYTES, bus: "blk" as const }]
        : [],
    ],
    bills: options.bills ?? false,
    ...(options.client ? { network: { mac: guestMac } } : {}),
    ...(entropy ? { entropy } : {}),
    bootArguments: options.bootArguments ?? "",
  };
  const image = BootImage.load(await Deno.readFile(fixture(guest)), configuration);
  return Machine.powerOn(configuration, image);
}

/** The disks in the order of the configuration. */
export function disksOf({ disk, blkDisk }: RecordingOptions): readonly Uint8Array[] {
  return [disk, blkDisk].filter((bytes) => bytes !== undefined);
}

/** Records a guest from power-on to its end. */
export async function recordGuest(
  guest: string,
  options: RecordingOptions = {},
): Promise<Recording> {
  return await recordMachine(await bootGuest(guest, options), options);
}

/** Records a machine from power-on to its end. */
export async function recordMachine(
  machine: Machine,
  options: RecordingOptions = {},
): Promise<Recording> {
  const random = new Seeded(options.seed ?? 1);
  const clock = new SteppingClock(machine, 1_000_000, options.ticksPerStep ?? USUAL_TICKS_PER_STEP);
  const loop = new SimulatedLoop(clock, 20);
  const devices = new SimulatedDevices(loop, random, disksOf(options), options.fate);
  const sink = new MemorySink(options.keepLog);
  const losses = new Seeded(7);
  const live = new LiveMachine({
    ...usualLiveOptions,
    ...{ machine, clock, loop, backs: devices, epoch: 0, time: POWER_ON_TIME },
    policy: policyOf(options, random),
    ...(options.snapshotEverySteps === undefined
      ? {}
      : { snapshotEverySteps: options.snapshotEverySteps }),
  });
  const stage = { machine, clock, loop, devices, live };
  live.logTo(sink.stream);
  loop.onTurn = () => {
    if (options.dropCachesOnceIn && losses.once(options.dropCachesOnceIn)) machine.dropCaches();
    if (options.stopAfterEpochs !== undefined && live.figures.epoch >= options.stopAfterEpochs) {
      live.stop("detach");
    }
    options.betweenEpochs?.(stage);
  };
  type(options.input ?? "", stage, random);
  if (options.client) converse(options.client, stage, random);
  const end = await loop.see(live.run());
  const { console, bills } = devices;
  return {
    ...stage,
    log: sink.bytes,
    logBytes: sink.byteLength,
    end,
    console: console.bytes,
    bills: bills.bytes,
    client: options.client,
  };
}

function policyOf({ epochSteps, policy }: RecordingOptions, random: Seeded): EpochPolicy {
  const chosen = { ...DEFAULT_POLICY, ...policy };
  if (typeof epochSteps === "number") return { ...chosen, epochSteps };
  if (epochSteps === undefined) return chosen;
  return {
    ...chosen,
    get epochSteps() {
      return epochSteps(random);
    },
  };
}

/** Lets frames travel for up to so many ticks, one after the other. */
function converse(
  client: NetClient,
  { loop, live, devices }: RecordingStage,
  random: Seeded,
): void {
  const travel = () => random.upTo(20_000);
  client.begin({
    send: (frame) => loop.after(travel(), () => live.receive(frame)),
    after: (milliseconds, action) => loop.after(milliseconds * 10_000, action),
  });
  devices.onFrame = (frame) => loop.after(travel(), () => client.receive(frame));
}

/** Types up to five characters at a time. */
function type(input: string, { loop, live }: RecordingStage, random: Seeded): void {
  const bytes = new TextEncoder().encode(input);
  let when = 0;
  for (let typed = 0; typed < bytes.length;) {
    const chunk = bytes.slice(typed, typed + random.between(1, 5));
    when += random.upTo(TYPING_TICKS);
    loop.after(when, () => live.type(chunk));
    typed += chunk.length;
  }
}
