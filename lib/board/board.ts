/**
 * The board around the hart: every device at its place, QEMU's `virt` (design section 4). It resets, drives
 * its interrupt lines and restores as one.
 */
import type { Hart } from "../cpu/hart.ts";
import type { GuestMemory } from "../cpu/memory.ts";
import type { DeviceBus } from "./bus.ts";
import { SoftwareInterrupts, Timer } from "./clint.ts";
import { disksOn, type MachineConfiguration } from "./configuration.ts";
import { ConsoleOutput } from "./console_output.ts";
import type { Inputs } from "./environment.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator } from "./fields.ts";
import { Finisher } from "./finisher.ts";
import type { MachineState } from "./machine_state.ts";
import { interrupts, regions, virtioInterrupt, virtioRegion, virtioSlots } from "./memory_map.ts";
import { OutstandingOperations } from "./outstanding.ts";
import { Plic } from "./plic.ts";
import { RealTimeClock } from "./rtc.ts";
import { Sbi } from "./sbi.ts";
import { checkOperation, checkOutstanding, checkTaskManagement, list } from "./state_check.ts";
import { Uart } from "./uart.ts";
import { VirtioBlk } from "./virtio_blk.ts";
import { VirtioConsole } from "./virtio_console.ts";
import { VirtioMmio } from "./virtio_mmio.ts";
import { VirtioNet } from "./virtio_net.ts";
import { VirtioRng } from "./virtio_rng.ts";
import { VirtioScsi } from "./virtio_scsi.ts";
import { slots } from "./virtio_slots.ts";
import { maximumQueueSize } from "./virtqueue.ts";

/** What the devices stand on. */
export interface BoardSurroundings {
  /** What the machine consists of. */
  readonly configuration: MachineConfiguration;
  /** Guest memory. */
  readonly memory: GuestMemory;
  /** The hart, whose interrupts the devices drive. */
  readonly hart: Hart;
  /** Where the devices are found. */
  readonly bus: DeviceBus;
  /** Where the devices have their state. */
  readonly fields: FieldAllocator;
  /** Guest time now, in ticks. */
  readonly time: () => number;
  /** Ends the present run, and the epoch, behind this instruction. */
  readonly requestStop: () => void;
  /** Ends the present run only: how far it may go has to be computed again. */
  readonly timerChanged: () => void;
  /** The environment's time of day. */
  readonly readClock: () => bigint;
}

/** The devices. */
export class Board {
  /** Console output. */
  readonly console: ConsoleOutput;
  /** The serial port. */
  readonly uart: Uart;
  /** Power-off and reset. */
  readonly finisher: Finisher;
  /** Operations without a completion. */
  readonly operations: OutstandingOperations;
  /** The built-in firmware; absent when the guest is entered in M-mode. */
  readonly sbi: Sbi | undefined;
  /** The network device, if there is one. */
  readonly network: VirtioNet | undefined;

  readonly #surroundings: BoardSurroundings;
  readonly #softwareInterrupts: SoftwareInterrupts;
  readonly #timer: Timer;
  readonly #plic: Plic;
  readonly #realTimeClock: RealTimeClock;
  readonly #slots: readonly VirtioMmio[];
  readonly #scsi: VirtioScsi | undefined;

  /** Makes the devices and maps them. The order is that of their state in the device-state area. */
  constructor(surroundings: BoardSurroundings) {
    this.#surroundings = surroundings;
    const { configuration, memory, hart, fields, time, requestStop, readClock } = surroundings;
    const timerHost = { time, requestStop: surroundings.timerChanged };
    const setInterrupt = (bit: 1 | 3 | 5 | 7 | 9 | 11, level: boolean) =>
      hart.setInterrupt(bit, level);
    const line = (source: number) => (level: boolean) => this.#plic.setLine(source, level);

    this.#plic = new Plic(fields, setInterrupt);
    this.#softwareInterrupts = new SoftwareInterrupts(fields, { ...timerHost, setInterrupt });
    this.#timer = new Timer(fields, { ...timerHost, setInterrupt });
    this.console = new ConsoleOutput(fields, requestStop);
    this.uart = new Uart(fields, {
      transmit: (byte) => this.console.put(byte),
      setLine: line(interrupts.uart),
    });
    this.#realTimeClock = new RealTimeClock(fields, {
      ...timerHost,
      readClock,
      setLine: line(interrupts.realTimeClock),
    });
    this.finisher = new Finisher(fields, requestStop);
    this.operations = new OutstandingOperations(fields, requestStop);
    this.#slots = Array.from(
      { length: virtioSlots },
      (_, slot) =>
        new VirtioMmio(slot, fields, {
          memory,
          outstanding: this.operations,
          requestStop,
          setLine: line(virtioInterrupt(slot)),
        }),
    );
    this.#scsi = this.#plugScsi();
    if (configuration.bills) {
      const slot = this.#slots[slots.bills]!;
      slot.plug(new VirtioConsole(fields, slot));
    }
    this.network = this.#plugNetwork();
    this.sbi = configuration.firmware === "sbi" ? this.#firmware(setInterrupt) : undefined;
    if (configuration.entropy === true) {
      const slot = this.#slots[slots.entropy]!;
      slot.plug(new VirtioRng(slot));
    }
    disksOn("blk", configuration).forEach((disk, index) => {
      const slot = this.#slots[slots.firstBlockDisk + index]!;
      slot.plug(new VirtioBlk(fields, slot, disk));
    });
    this.#map(surroundings.bus);
  }

  /** Ticks at which the next timer (comparators, RTC alarm) fires; Infinity when none will. */
  get timerDueTicks(): number {
    const ofSupervisor = this.sbi?.dueTicks ?? Infinity;
    return Math.min(this.#timer.dueTicks, this.#realTimeClock.dueTicks, ofSupervisor);
  }

  /** Whether the hart takes no step until something settles or is performed. */
  get held(): boolean {
    return this.finisher.pending || this.console.full || this.sbi?.stopped === true ||
      this.#slots.some((slot) => slot.resetPending);
  }

  /** Takes an epoch's inputs, checked before, but for their time. */
  deliver(inputs: Inputs): void {
    for (const { operation: number, status, blocks } of inputs.completions) {
      const operation = this.operations.operations.get(number)!;
      const state = this.operations.state(number)!;
      this.operations.settle(number);
      this.#slots[state.slot]!.completed(state, status, blocks, operation);
    }
    if (inputs.completions.length > 0) { for (const slot of this.#slots) slot.settled(); }
    this.uart.type(inputs.consoleInput);
    this.console.settle(inputs.consolePerformed);
    for (const frame of inputs.frames) this.network?.receive(frame);
  }

  /** Compares every timer with the time, in ticks. */
  evaluateTimers(time: number): void {
    this.#timer.evaluate(time);
    this.sbi?.evaluate(time);
    this.#realTimeClock.evaluate(time);
  }

  /** As at power-on. */
  reset(): void {
    this.#plic.reset();
    this.#softwareInterrupts.reset();
    this.#timer.reset();
    this.sbi?.reset();
    this.uart.reset();
    this.#realTimeClock.reset();
    this.finisher.reset();
    for (const slot of this.#slots) slot.reset();
  }

  /** What stands beside the state in the device-state area. */
  save(): Omit<MachineState, "hart" | "devices" | "boot"> {
    return {
      outstanding: this.operations.save(),
      taskManagement: this.#scsi?.taskManagement.save() ?? [],
      consoleTail: this.console.tail(),
      consoleInput: this.uart.input(),
    };
  }

  /**
   * Takes back what {@linkcode save} has answered, when the device-state area is as it was.
   *
   * @throws {StateError} when no such board can be in this state
   */
  restore(state: Record<string, unknown>, operations: readonly unknown[]): void {
    this.finisher.check();
    this.#restoreOperations(state["outstanding"], operations);
    this.#scsi?.restore(
      list(state["taskManagement"], maximumQueueSize, "the task management requests")
        .map((request) => checkTaskManagement(request, this.#surroundings.memory)),
    );
    this.console.restore(state["consoleTail"]);
    this.uart.restore(state["consoleInput"]);
    for (const slot of this.#slots) slot.check();
    this.#drive();
  }

  #plugScsi(): VirtioScsi | undefined {
    const { configuration, fields } = this.#surroundings;
    const disks = disksOn("scsi", configuration);
    if (disks.length === 0) return undefined;
    const slot = this.#slots[slots.scsi]!;
    const scsi = new VirtioScsi(fields, slot, disks);
    slot.plug(scsi);
    return scsi;
  }

  #plugNetwork(): VirtioNet | undefined {
    const { configuration: { network }, requestStop } = this.#surroundings;
    if (!network) return undefined;
    const slot = this.#slots[slots.net]!;
    const device = new VirtioNet(slot, network.mac, requestStop);
    slot.plug(device);
    return device;
  }

  #firmware(setInterrupt: (bit: 1 | 5, level: boolean) => void): Sbi {
    const { hart, fields, memory, time, timerChanged } = this.#surroundings;
    const { console } = this;
    const sbi = new Sbi(fields, {
      ...{ memory, time, setInterrupt },
      // A hart that has stopped itself waits, which ends the epoch anyway.
      requestStop: timerChanged,
      get consoleRoom() {
        return console.room;
      },
      putConsole: (byte) => console.put(byte),
      getConsole: () => this.uart.poll(),
      endPower: (kind, exitCode) => this.finisher.request(kind, exitCode),
    });
    hart.serveSupervisor(sbi);
    return sbi;
  }

  #map(bus: DeviceBus): void {
    bus.map(regions.finisher, this.finisher);
    bus.map(regions.realTimeClock, this.#realTimeClock);
    bus.map(regions.softwareInterrupts, this.#softwareInterrupts);
    bus.map(regions.timer, this.#timer);
    bus.map(regions.interruptController, this.#plic);
    bus.map(regions.uart, this.uart);
    this.#slots.forEach((slot, index) => bus.map(virtioRegion(index), slot));
  }

  #restoreOperations(states: unknown, operations: readonly unknown[]): void {
    const { configuration, memory } = this.#surroundings;
    const most = maximumQueueSize * virtioSlots;
    const checked = list(states, most, "the outstanding operations")
      .map((value) => checkOutstanding(value, memory));
    if (operations.length !== checked.length) {
      throw new StateError(
        `The state is about ${checked.length} outstanding operations, ${operations.length} are given`,
      );
    }
    this.operations.restore(
      operations.map((value, index) => checkOperation(value, checked[index]!, configuration)),
      checked,
    );
  }

  #drive(): void {
    this.#softwareInterrupts.drive();
    this.#timer.drive();
    this.sbi?.drive();
    this.uart.drive();
    this.#realTimeClock.drive();
    for (const slot of this.#slots) slot.drive();
    this.#plic.drive();
  }
}
