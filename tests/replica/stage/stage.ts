/**
 * A stage for scenarios: real machines, disks, locks and membership records in one process and one
 * temporary folder, with cables and processes that can fail at will.
 */
import { audit, type AuditVerdict } from "../../../guests/teller/auditor.ts";
import { guestMac } from "../../guests/net_client.ts";
import { BootImage } from "../../../lib/board/boot_image.ts";
import type { DiskBus } from "../../../lib/board/configuration.ts";
import { Machine } from "../../../lib/board/machine.ts";
import type { OperationRequest } from "../../../lib/board/operation.ts";
import { POWER_ON_TIME } from "../../../lib/epoch/guest_time.ts";
import type { DeviceBacks, HostLoop, Performed } from "../../../lib/epoch/host.ts";
import { DEFAULT_POLICY, type EpochPolicy } from "../../../lib/epoch/policy.ts";
import type { EndRecord } from "../../../lib/epoch/record.ts";
import { BillFile } from "../../../lib/host/bills.ts";
import { SystemClock } from "../../../lib/host/clock.ts";
import { ConsoleFile, ConsoleOutput } from "../../../lib/host/console.ts";
import { HostDevices } from "../../../lib/host/devices.ts";
import { createDiskImage, DiskFile } from "../../../lib/host/disk.ts";
import { hostLoop } from "../../../lib/host/event_loop.ts";
import { Backup } from "../../../lib/replica/backup.ts";
import type { BackupOutcome, OnStall } from "../../../lib/replica/backup_terms.ts";
import { Home } from "../../../lib/replica/home.ts";
import { randomId } from "../../../lib/replica/identity.ts";
import { LiveMachine } from "../../../lib/replica/live.ts";
import type { LogCopy } from "../../../lib/replica/log_copy.ts";
import type { MachineLog } from "../../../lib/replica/machine_log.ts";
import { readMembership } from "../../../lib/replica/membership.ts";
import { promote } from "../../../lib/replica/promoted.ts";
import type { MembershipStore, RosterLimits } from "../../../lib/replica/roster.ts";
import type { MembershipRecord, RecordFound } from "../../../lib/replica/rules.ts";
import type { Cable } from "./cable.ts";

const DISK_BYTES = 1 << 20;
const never = new Promise<never>(() => {});

/** Members that are silent for 300 ms are removed: scenarios shall not take long. */
export const STAGE_LIMITS: RosterLimits = { silenceTicks: 3_000_000, retryTicks: 200_000 };

/** What can be done to a device before or instead of performing an operation. */
export type Meddle = (
  request: OperationRequest,
  perform: (request: OperationRequest) => Promise<Performed>,
) => Promise<Performed>;

/** What a primary on the stage is given beside its defaults. */
export interface PrimaryOptions {
  /** Boot arguments of the guest. */
  readonly boot?: string;
  /** A built guest instead of the teller. */
  readonly guest?: string;
  /** The machine has a source of random bytes. */
  readonly entropy?: boolean;
  readonly policy?: Partial<EpochPolicy>;
  readonly cables?: readonly Cable[];
  readonly meddle?: Meddle;
  /** Wraps membership writes: to slow them down, or to make them fail. */
  readonly membership?: (
    write: MembershipStore["write"],
    record: MembershipRecord,
  ) => Promise<void>;
  readonly newRun?: boolean;
  /** The machine has a network device, and its frames come here. */
  readonly onFrame?: (frame: Uint8Array) => void;
}

/** What a backup on the stage is given beside its defaults. */
export interface BackupOptions {
  /** A disk of its own. */
  readonly disk?: string;
  readonly onStall?: OnStall;
  readonly meddle?: Meddle;
  /** Its copy of the log, with which it goes on when it is promoted. */
  readonly copy?: Pick<LogCopy, "add"> & { readonly log: MachineLog };
  /** Readers of the machine that it becomes, attached before that runs. */
  readonly next?: readonly Cable[];
  /** Where the frames of the machine that it becomes come. */
  readonly onFrame?: (frame: Uint8Array) => void;
  /** Called while it opens its devices, with the lock in hand. */
  readonly preparing?: () => Promise<void>;
}

/** A process on the stage that can be killed. */
class Mortal {
  #dead = false;
  readonly #timers = new Set<() => void>();

  get dead(): boolean {
    return this.#dead;
  }

  die(): void {
    this.#dead = true;
    for (const stop of this.#timers) stop();
  }

  /** The event loop of this process: after its death nothing is ever resumed. */
  readonly loop: HostLoop = {
    turn: (expecting) => this.unlessDead(hostLoop.turn(expecting)),
    sleep: (ticks, wake) => this.unlessDead(hostLoop.sleep(ticks, wake)),
    every: (ticks, action) => {
      const stop = hostLoop.every(ticks, action);
      this.#timers.add(stop);
      return () => {
        this.#timers.delete(stop);
        stop();
      };
    },
  };

  async unlessDead<T>(work: Promise<T>): Promise<T> {
    if (this.#dead) return await never;
    const value = await work;
    return this.#dead ? await never : value;
  }
}

/** Devices that a dead process performs nothing on. */
function mortalDevices(
  mortal: Mortal,
  devices: HostDevices,
  meddle: Meddle,
  onFrame: (frame: Uint8Array) => void = () => {},
): DeviceBacks {
  return {
    perform: (request) =>
      mortal.unlessDead(
        mortal.dead
          ? never
          : meddle(request, (actual) => mortal.dead ? never : devices.perform(actual)),
      ),
    writeConsole: (position, bytes) =>
      mortal.unlessDead(mortal.dead ? never : devices.writeConsole(position, bytes)),
    get consolePerformed() {
      return devices.consolePerformed;
    },
    consoleRoom: () => devices.consoleRoom(),
    sendFrame: (frame) => {
      if (!mortal.dead) onFrame(frame);
    },
  };
}

/** A live machine on the stage. */
export interface StagedPrimary {
  readonly live: LiveMachine;
  readonly machine: Machine;
  readonly run: string;
  /** Resolves at its clean end, lock freed; never when it was killed. */
  readonly ended: Promise<EndRecord>;
  readonly notes: string[];
  /** SIGKILL, first step: it does nothing more, and its cables end. The lock is still held. */
  kill(): void;
  /** SIGKILL, second step: the kernel frees its lock. */
  freeLock(): void;
}

/** A backup on the stage. */
export interface StagedBackup {
  readonly backup: Backup;
  readonly notes: string[];
  /** How following ended. Rejects on divergence and damage. */
  readonly outcome: Promise<BackupOutcome>;
  /** The machine that it becomes when it is promoted. */
  readonly promoted: Promise<StagedPrimary>;
  kill(): void;
  freeLock(): void;
}

/** One temporary folder with disks, a bill file and a console file. */
export class Stage implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "lockstep-stage-" });
  /** The first disk. */
  readonly disk = `${this.folder}/disk.img`;
  /** All of them. */
  readonly images: readonly string[];
  readonly clock = new SystemClock();
  readonly #cleanups: (() => Promise<void> | void)[] = [];

  /** Makes a disk for each of these buses. */
  constructor(private readonly buses: readonly DiskBus[] = ["scsi"]) {
    this.images = buses.map((_, index) =>
      index === 0 ? this.disk : `${this.folder}/disk-${index}.img`
    );
    for (const image of this.images) createDiskImage(image, DISK_BYTES);
  }

  /** Another disk with the same contents: a replica. */
  copyDisk(): string {
    const path = `${this.folder}/copy-${this.#cleanups.length}.img`;
    Deno.copyFileSync(this.disk, path);
    return path;
  }

  /** The membership record beside the disk. */
  record(disk = this.disk): Promise<RecordFound> {
    return readMembership(`${Deno.realPathSync(disk)}.lockstep`);
  }

  /** What the auditor says of disk, bills and console. */
  audit(disk = this.disk): AuditVerdict {
    const read = (path: string) => Deno.readFileSync(path);
    return audit({
      disk: read(disk),
      bills: read(`${this.folder}/bills`),
      console: read(`${this.folder}/console`),
    });
  }

  /** The console file as text. */
  consoleText(): string {
    return Deno.readTextFileSync(`${this.folder}/console`);
  }

  /** Starts the teller on the disk. */
  async primary(options: PrimaryOptions = {}): Promise<StagedPrimary> {
    const run = randomId();
    const home = await Home.take(this.images, run, options.newRun ?? false);
    const configuration = {
      ramBytes: 8 << 20,
      disks: this.buses.map((bus, index) => ({
        ...{ id: `stage${index}`, sectors: DISK_BYTES / 512 },
        ...(bus === "scsi" ? {} : { bus }),
      })),
      ...(options.entropy ? { entropy: true } : {}),
      bills: true,
      ...(options.onFrame ? { network: { mac: guestMac } } : {}),
      bootArguments: options.boot ?? "transfers=20 pace=5",
    };
    const image = BootImage.load(
      await Deno.readFile(fixture(options.guest ?? "teller")),
      configuration,
    );
    const machine = Machine.powerOn(configuration, image);
    const mortal = new Mortal();
    const devices = this.#devices(this.images, 0);
    const notes: string[] = [];
    const wrap = options.membership;
    const file: MembershipStore = {
      write: (record) => {
        const write = (next: MembershipRecord) => home.held.file.write(next);
        return mortal.unlessDead(mortal.dead ? never : wrap ? wrap(write, record) : write(record));
      },
    };
    const diskDigests = await this.#diskDigests();
    const live = new LiveMachine({
      machine,
      epoch: 0,
      time: POWER_ON_TIME,
      identity: { run, term: 1 },
      backs: mortalDevices(
        mortal,
        devices,
        options.meddle ?? ((request, perform) => perform(request)),
        options.onFrame,
      ),
      membership: { file, record: home.held.record },
      clock: this.clock,
      loop: mortal.loop,
      policy: { ...DEFAULT_POLICY, ...options.policy },
      limits: STAGE_LIMITS,
      note: (text) => notes.push(text),
      outputs: { consoleBase: 0, billBase: 0, diskDigests },
    });
    const cables = [...options.cables ?? []];
    for (const cable of cables) live.attach(cable.primary, cable.primary.identity);
    const ended = live.run().then(async (end) => {
      await home.leave();
      return end;
    });
    this.#cleanups.push(() => home.leave());
    return this.#staged({ live, machine, run, ended, notes, mortal, cables, home });
  }

  /** Starts a backup at the other end of a cable. */
  backup(cable: Cable, options: BackupOptions = {}): StagedBackup {
    const disks = options.disk === undefined ? this.images : [options.disk];
    const mortal = new Mortal();
    const notes: string[] = [];
    let devices: HostDevices | undefined;
    const common = {
      clock: this.clock,
      loop: mortal.loop,
      note: (text: string) => void notes.push(text),
    };
    const backup = new Backup({
      ...common,
      stream: cable.backup,
      disks,
      onStall: options.onStall ?? "ask",
      silenceTicks: 3_000_000,
      ...(options.copy ? { record: (item) => options.copy!.add(item) } : {}),
      prepare: async (takeover) => {
        devices = this.#devices(disks, takeover.replica.machine.consolePerformed);
        await options.preparing?.();
      },
    });
    let home: Home | undefined;
    const outcome = mortal.unlessDead(backup.follow());
    const promoted = outcome.then(async (found): Promise<StagedPrimary> => {
      if (found.kind !== "promoted") {
        throw new Error(`Not promoted: ${JSON.stringify(found)} ${notes.join("; ")}`);
      }
      const meddle = options.meddle ?? ((request, perform) => perform(request));
      const machine = await promote(
        found,
        mortalDevices(mortal, devices!, meddle, options.onFrame),
        {
          ...common,
          policy: DEFAULT_POLICY,
          limits: STAGE_LIMITS,
        },
      );
      home = machine.home;
      if (options.copy) machine.live.continueLog(options.copy.log);
      for (const next of options.next ?? []) machine.live.attach(next.primary);
      const ended = machine.run().then(async (end) => {
        await home?.leave();
        return end;
      });
      const { live } = machine;
      const { header, replica } = found.takeover;
      return this.#staged({
        live,
        machine: replica.machine,
        run: header.run,
        ended,
        notes,
        mortal,
        cables: [],
        home,
      });
    });
    promoted.catch(() => {});
    this.#cleanups.push(() => home?.leave());
    this.#cleanups.push(() => mortal.die());
    return {
      backup,
      notes,
      outcome,
      promoted,
      kill: () => {
        mortal.die();
        cable.hangUp();
      },
      freeLock: () => home?.fence.release(),
    };
  }

  /** Waits until `condition` holds. */
  async until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const limit = this.clock.monotonicTicks() + 200_000_000;
    while (!await condition()) {
      if (this.clock.monotonicTicks() > limit) throw new Error(`Waited in vain: ${what}`);
      await hostLoop.sleep(20_000, never);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    await Deno.remove(this.folder, { recursive: true });
  }

  #devices(disks: readonly string[], performed: number): HostDevices {
    const devices = new HostDevices(
      disks.map((path) => new DiskFile(path)),
      new BillFile(`${this.folder}/bills`),
      new ConsoleOutput(new ConsoleFile(`${this.folder}/console`, 0), performed),
    );
    this.#cleanups.push(() => devices.close());
    return devices;
  }

  #diskDigests(): Promise<string[]> {
    return Promise.all(this.images.map(async (path) => {
      const disk = new DiskFile(path);
      const digest = await disk.digest();
      await disk.close();
      return digest;
    }));
  }

  #staged(
    parts: Omit<StagedPrimary, "kill" | "freeLock"> & {
      readonly mortal: Mortal;
      readonly cables: readonly Cable[];
      readonly home: Home | undefined;
    },
  ): StagedPrimary {
    const { mortal, cables, home, ...staged } = parts;
    this.#cleanups.push(() => mortal.die());
    return {
      ...staged,
      kill: () => {
        mortal.die();
        // A dead process writes no record either.
        void home?.held.file.close();
        for (const cable of cables) cable.hangUp();
      },
      freeLock: () => home?.fence.release(),
    };
  }
}

function fixture(guest: string): URL {
  return new URL(`../../../fixtures/${guest}.elf`, import.meta.url);
}
