/** A hypervisor with a machine, simulated time and simulated devices; keeps every epoch that ends. */
import type { MachineConfiguration } from "../../lib/board/configuration.ts";
import { Machine } from "../../lib/board/machine.ts";
import type { Operation } from "../../lib/board/operation.ts";
import { POWER_ON_TIME } from "../../lib/epoch/guest_time.ts";
import { Arrivals, type Outlet } from "../../lib/epoch/host.ts";
import { Hypervisor } from "../../lib/epoch/hypervisor.ts";
import { DEFAULT_POLICY, type EpochPolicy } from "../../lib/epoch/policy.ts";
import type { EndRecord, EpochRecord } from "../../lib/epoch/record.ts";
import type { GuestScript } from "../board/guest_script.ts";
import { Seeded } from "./seeded.ts";
import { SimulatedDevices } from "./simulated_devices.ts";
import { SimulatedLoop } from "./simulated_loop.ts";
import { SteppingClock } from "./stepping_clock.ts";

/** The machine that scripts run on. */
export const scriptConfiguration: MachineConfiguration = {
  ramBytes: 2 ** 22,
  disks: [{ id: "disk", sectors: 4096 }],
  bills: true,
};

/** A machine that runs a script. */
export function scriptedMachine(script: GuestScript): Machine {
  return Machine.powerOn(scriptConfiguration, script.image(scriptConfiguration));
}

/** An epoch that has ended. */
export interface Ended {
  readonly record: EpochRecord;
  readonly operations: readonly Operation[];
  readonly console: Uint8Array;
  /** Host time at its end, in ticks since power-on. */
  readonly hostTicks: number;
  /** Operations that were outstanding after it. */
  readonly outstanding: number;
  /** When the guest's timer was due, as it stood after the epoch. */
  readonly timerDueTicks: number;
}

/** What a rig may be told. */
export interface RigOptions {
  readonly policy?: Partial<EpochPolicy>;
  readonly ticksPerStep?: number;
  /** Longest time an operation takes. */
  readonly operationTicks?: number;
  /** Stops the machine after so many epochs. */
  readonly stopAfterEpochs?: number;
  /** Called after each epoch. */
  readonly afterEpoch?: (rig: Rig) => void;
}

/** The hypervisor and all around it. */
export class Rig implements Outlet {
  readonly expecting = false;
  /** Whether records are made. */
  recording = true;
  readonly epochs: Ended[] = [];
  readonly arrivals = new Arrivals();
  readonly clock: SteppingClock;
  readonly loop: SimulatedLoop;
  readonly devices: SimulatedDevices;
  readonly hypervisor: Hypervisor;
  readonly #options: RigOptions;
  readonly #startTicks: number;

  constructor(readonly machine: Machine, options: RigOptions = {}) {
    this.#options = options;
    this.clock = new SteppingClock(machine, 1_000_000, options.ticksPerStep);
    this.#startTicks = this.clock.monotonicTicks();
    this.loop = new SimulatedLoop(this.clock);
    const disk = new Uint8Array(4096 * 512);
    const random = new Seeded(3);
    this.devices = new SimulatedDevices(
      this.loop,
      random,
      disk,
      () => "done",
      options.operationTicks,
    );
    this.hypervisor = new Hypervisor({
      ...{ machine, epoch: 0, time: POWER_ON_TIME, outlet: this },
      ...{ clock: this.clock, loop: this.loop, arrivals: this.arrivals },
      policy: { ...DEFAULT_POLICY, ...options.policy },
    });
  }

  /** Runs the machine to its end. */
  run(): Promise<EndRecord> {
    return this.loop.see(this.hypervisor.run());
  }

  epochEnded(
    _epoch: number,
    record: EpochRecord,
    operations: readonly Operation[],
    console: Uint8Array,
  ): undefined {
    const { machine } = this;
    this.epochs.push({
      ...{ record, operations, console },
      hostTicks: this.clock.monotonicTicks() - this.#startTicks,
      outstanding: machine.outstanding.size,
      timerDueTicks: machine.timerDueTicks,
    });
    for (const operation of operations) void this.#perform(operation);
    if (console.length > 0) void this.#show(machine.consolePosition - console.length, console);
    this.#options.afterEpoch?.(this);
    if (this.epochs.length === this.#options.stopAfterEpochs) this.hypervisor.stop("detach");
  }

  async #perform({ number, request }: Operation): Promise<void> {
    const { status, data } = await this.devices.perform(request);
    const blocks = data ? this.machine.dmaBlocks(number, data) : [];
    this.arrivals.complete({ operation: number, status, blocks });
  }

  async #show(position: number, bytes: Uint8Array): Promise<void> {
    await this.devices.writeConsole(position, bytes);
    this.arrivals.performed(this.devices.consolePerformed);
  }
}
