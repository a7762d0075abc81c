/**
 * The machine: a hart, guest memory and the board. A pure function of its state, the inputs at epoch ends
 * and the answers to its environment reads (design section 1).
 *
 * ```text
 * startEpoch(time) → run(steps)… → takeIssued(), takeConsoleOutput() → deliver(inputs) → digest()
 * ```
 */
import { Digester } from "../cpu/digest.ts";
import { type HandOver, Hart, type HartState } from "../cpu/hart.ts";
import { GuestMemory } from "../cpu/memory.ts";
import type { Trigger, TriggerListener } from "../cpu/triggers.ts";
import type { BootImage } from "./boot_image.ts";
import { DeviceBus } from "./bus.ts";
import { SoftwareInterrupts, Timer } from "./clint.ts";
import { disksOn, type MachineConfiguration } from "./configuration.ts";
import { ConsoleOutput } from "./console_output.ts";
import { checkInputs, checkTime } from "./delivery_check.ts";
import type { Environment, Inputs, TimeBase } from "./environment.ts";
import { StateError } from "./errors.ts";
import { FieldAllocator } from "./fields.ts";
import { Finisher, type PowerState } from "./finisher.ts";
import { GuestClock } from "./guest_clock.ts";
import type { MachineState } from "./machine_state.ts";
import { interrupts, regions, virtioInterrupt, virtioRegion, virtioSlots } from "./memory_map.ts";
import type { DmaBlock, Operation } from "./operation.ts";
import { OutstandingOperations } from "./outstanding.ts";
import { Plic } from "./plic.ts";
import { RealTimeClock } from "./rtc.ts";
import { handOver, Sbi } from "./sbi.ts";
import {
  checkBoot,
  checkOperation,
  checkOutstanding,
  checkTaskManagement,
  list,
  record,
} from "./state_check.ts";
import { Uart } from "./uart.ts";
import { VirtioBlk } from "./virtio_blk.ts";
import { VirtioConsole } from "./virtio_console.ts";
import { VirtioMmio } from "./virtio_mmio.ts";
import { VirtioNet } from "./virtio_net.ts";
import { VirtioRng } from "./virtio_rng.ts";
import { VirtioScsi } from "./virtio_scsi.ts";
import { slots } from "./virtio_slots.ts";
import { maximumQueueSize } from "./virtqueue.ts";

export type { DiskConfiguration, MachineConfiguration } from "./configuration.ts";
export type { PowerState } from "./finisher.ts";
export type { MachineState } from "./machine_state.ts";

/** A run ends when the guest has read the environment so often in one epoch. */
export const epochReads = 64;

/** What a machine is put together from again; a snapshot brings all of it. */
export interface MachineParts {
  /** What the machine consists of; checked. */
  readonly configuration: MachineConfiguration;
  /** What it starts from at a reset. */
  readonly image: BootImage;
  /** A {@linkcode MachineState}, untrusted. */
  readonly state: unknown;
  /** The outstanding operations with their payload, ascending; untrusted. */
  readonly operations: readonly unknown[];
  /**
   * A memory of `configuration.ramBytes` into which RAM has been written. The machine owns it from now
   * on.
   */
  readonly memory: GuestMemory;
}

const unconnected: Environment = {
  read(kind) {
    throw new Error(`The machine reads ${kind}, but no environment is connected to it`);
  },
};

/** The machine. */
export class Machine {
  /** What the machine consists of. */
  readonly configuration: MachineConfiguration;
  /** What it starts from at power-on and at a reset. */
  readonly image: BootImage;
  /** Guest memory; for snapshots and debuggers. */
  readonly memory: GuestMemory;
  /** The one door: answers the guest's environment reads. */
  environment: Environment = unconnected;

  readonly #hart: Hart;
  readonly #digester: Digester;
  readonly #fields: FieldAllocator;
  readonly #clock: GuestClock;
  readonly #softwareInterrupts: SoftwareInterrupts;
  readonly #timer: Timer;
  readonly #plic: Plic;
  readonly #console: ConsoleOutput;
  readonly #uart: Uart;
  readonly #realTimeClock: RealTimeClock;
  readonly #finisher: Finisher;
  readonly #operations: OutstandingOperations;
  readonly #slots: readonly VirtioMmio[];
  readonly #scsi: VirtioScsi | undefined;
  /** Absent when the guest is entered in M-mode. */
  readonly #sbi: Sbi | undefined;
  readonly #network: VirtioNet | undefined;
  #running = false;
  #reads = 0;

  private constructor(configuration: MachineConfiguration, image: BootImage, memory: GuestMemory) {
    this.configuration = configuration;
    this.image = image;
    this.memory = memory;
    this.#digester = new Digester(memory);
    this.#fields = new FieldAllocator(memory.deviceState);
    const bus = new DeviceBus(() => this.time);
    this.#hart = new Hart(memory, bus);
    this.#clock = new GuestClock(this.#fields);

    const time = () => this.time;
    const requestStop = () => this.#requestStop();
    const setInterrupt = (bit: 1 | 3 | 5 | 7 | 9 | 11, level: boolean) =>
      this.#hart.setInterrupt(bit, level);
    const line = (source: number) => (level: boolean) => this.#plic.setLine(source, level);

    this.#plic = new Plic(this.#fields, setInterrupt);
    this.#softwareInterrupts = new SoftwareInterrupts(this.#fields, {
      time,
      requestStop,
      setInterrupt,
    });
    this.#timer = new Timer(this.#fields, { time, requestStop, setInterrupt });
    this.#console = new ConsoleOutput(this.#fields, requestStop);
    this.#uart = new Uart(this.#fields, {
      transmit: (byte) => this.#console.put(byte),
      setLine: line(interrupts.uart),
    });
    this.#realTimeClock = new RealTimeClock(this.#fields, {
      time,
      requestStop,
      readClock: () => this.#readClock(),
      setLine: line(interrupts.realTimeClock),
    });
    this.#finisher = new Finisher(this.#fields, requestStop);
    this.#operations = new OutstandingOperations(this.#fields, requestStop);
    this.#slots = Array.from(
      { length: virtioSlots },
      (_, slot) =>
        new VirtioMmio(slot, this.#fields, {
          memory,
          outstanding: this.#operations,
          requestStop,
          setLine: line(virtioInterrupt(slot)),
        }),
    );
    const scsiDisks = disksOn("scsi", configuration);
    if (scsiDisks.length > 0) {
      const slot = this.#slots[slots.scsi]!;
      this.#scsi = new VirtioScsi(this.#fields, slot, scsiDisks);
      slot.plug(this.#scsi);
    }
    if (configuration.bills) {
      const slot = this.#slots[slots.bills]!;
      slot.plug(new VirtioConsole(this.#fields, slot));
    }
    const { network } = configuration;
    if (network) {
      const slot = this.#slots[slots.net]!;
      this.#network = new VirtioNet(slot, network.mac, requestStop);
      slot.plug(this.#network);
    }
    if (configuration.firmware === "sbi") {
      const console = this.#console;
      this.#sbi = new Sbi(this.#fields, {
        ...{ memory, time, requestStop, setInterrupt },
        get consoleRoom() {
          return console.room;
        },
        putConsole: (byte) => console.put(byte),
        getConsole: () => this.#uart.poll(),
        endPower: (kind, exitCode) => this.#finisher.request(kind, exitCode),
      });
      this.#hart.serveSupervisor(this.#sbi);
    }
    if (configuration.entropy === true) {
      const slot = this.#slots[slots.entropy]!;
      slot.plug(new VirtioRng(slot));
    }
    disksOn("blk", configuration).forEach((disk, index) => {
      const slot = this.#slots[slots.firstBlockDisk + index]!;
      slot.plug(new VirtioBlk(this.#fields, slot, disk));
    });

    bus.map(regions.finisher, this.#finisher);
    bus.map(regions.realTimeClock, this.#realTimeClock);
    bus.map(regions.softwareInterrupts, this.#softwareInterrupts);
    bus.map(regions.timer, this.#timer);
    bus.map(regions.interruptController, this.#plic);
    bus.map(regions.uart, this.#uart);
    this.#slots.forEach((slot, index) => bus.map(virtioRegion(index), slot));
  }

  /** A machine as it is switched on: RAM holds the image, the hart stands at its entry. */
  static powerOn(configuration: MachineConfiguration, image: BootImage): Machine {
    const machine = new Machine(configuration, image, new GuestMemory(configuration.ramBytes));
    machine.#boot();
    return machine;
  }

  /**
   * The machine that {@linkcode Machine.save} was called on.
   *
   * @throws {StateError} when the state is one that no such machine can be in. The hart's own state is
   *   refused by `lib/cpu` with an error of its own.
   */
  static restore(parts: MachineParts): Machine {
    const { configuration, image, memory } = parts;
    if (memory.ramBytes !== configuration.ramBytes) {
      throw new StateError("The memory of the snapshot has another size than the machine's");
    }
    const machine = new Machine(configuration, image, memory);
    machine.#restore(record(parts.state, "the machine's state"), parts.operations);
    return machine;
  }

  /** Begins an epoch whose time base is `time`. */
  startEpoch(time: TimeBase): void {
    checkTime(time, this.time);
    this.#clock.start(time, this.#hart.steps);
    this.#reads = 0;
    this.#hart.startEpoch();
  }

  /**
   * Runs at most `steps` steps (up to 2^28 in one epoch) and returns how many were taken.
   *
   * It returns early when the guest waits, issues an operation, writes a timer comparator, powers off or
   * resets, or when {@linkcode epochReads} or the console's bounds are reached.
   */
  run(steps: number): number {
    // Not even to begin with: what the run before has ended at is forgotten.
    if (this.#held) return this.#hart.run(0);
    this.#running = true;
    try {
      return this.#hart.run(steps);
    } finally {
      this.#running = false;
    }
  }

  /** Steps since power-on. */
  get steps(): number {
    return this.#hart.steps;
  }

  /** Instructions retired since power-on. */
  get retired(): number {
    return this.#hart.retired;
  }

  /** Guest time now, in ticks. */
  get time(): number {
    return this.#clock.at(this.#hart.steps);
  }

  /** Ticks at which the next timer (comparators, RTC alarm) fires; Infinity when none will. */
  get timerDueTicks(): number {
    const ofSupervisor = this.#sbi?.dueTicks ?? Infinity;
    return Math.min(this.#timer.dueTicks, this.#realTimeClock.dueTicks, ofSupervisor);
  }

  /** Steps until the next timer is due in this epoch's time; Infinity when none will be. */
  get stepsToTimer(): number {
    return this.#clock.stepsUntil(this.timerDueTicks, this.#hart.steps);
  }

  /**
   * Operations issued since the last call, in order. {@linkcode Machine.deliver} issues some too: requests
   * that waited for room, and the flush that ends a forced write.
   */
  takeIssued(): Operation[] {
    return this.#operations.takeIssued();
  }

  /** Operations without a completion, by number, in order of issue. */
  get outstanding(): ReadonlyMap<number, Operation> {
    return this.#operations.operations;
  }

  /** Cuts the data of an outstanding read into the pieces of its scatter list. */
  dmaBlocks(operation: number, data: Uint8Array): DmaBlock[] {
    const pieces = this.#operations.state(operation)?.data;
    if (pieces === undefined) throw new RangeError(`Operation ${operation} is not outstanding`);
    let at = 0;
    const blocks = pieces.map(({ address, length }) => {
      const block = { address, data: data.subarray(at, at + length) };
      at += length;
      return block;
    });
    if (at !== data.length) {
      throw new RangeError(`Operation ${operation} reads ${at} bytes, not ${data.length}`);
    }
    return blocks;
  }

  /** Console bytes put out since the last call. */
  takeConsoleOutput(): Uint8Array {
    return this.#console.take();
  }

  /** Console bytes put out since power-on. */
  get consolePosition(): number {
    return this.#console.position;
  }

  /** Console bytes below this position are known to be performed. */
  get consolePerformed(): number {
    return this.#console.performed;
  }

  /** The bytes `[consolePerformed, consolePosition)`. */
  unperformedConsole(): Uint8Array {
    return this.#console.tail();
  }

  /**
   * Whether so much console output is not known to be performed that the machine takes no step until
   * {@linkcode Inputs.consolePerformed} advances.
   */
  get consoleFull(): boolean {
    return this.#console.full;
  }

  /** Whether the guest has put network frames out that have not been taken. */
  get hasFrames(): boolean {
    return this.#network?.hasSent ?? false;
  }

  /** Network frames put out since the last call, in order; each is lost unless it is taken. */
  takeFrames(): Uint8Array[] {
    return this.#network?.takeSent() ?? [];
  }

  /**
   * Number of frames from the network that {@linkcode Machine.deliver} takes now; undefined while the
   * guest does not listen, and what comes is lost.
   */
  get frameRoom(): number | undefined {
    return this.#network?.room;
  }

  /** Bytes of console input that {@linkcode Machine.deliver} takes now; at most 4096. */
  get consoleInputRoom(): number {
    return this.#uart.inputRoom;
  }

  /**
   * Delivers an epoch's inputs: completions, console input, what of the console is performed, frames from
   * the network, the time; then evaluates the timers and wakes the hart if something is pending (paper rules end-of-epoch and
   * backup-end).
   *
   * @throws {DeliveryError} when the inputs do not fit the machine; it is as it was then
   */
  deliver(inputs: Inputs): void {
    checkInputs(inputs, {
      operations: this.#operations,
      time: this.time,
      inputRoom: this.#uart.inputRoom,
      frameRoom: this.frameRoom,
      acceptsPerformed: (position) => this.#console.accepts(position),
    });
    for (const { operation: number, status, blocks } of inputs.completions) {
      const operation = this.#operations.operations.get(number)!;
      const state = this.#operations.state(number)!;
      this.#operations.settle(number);
      this.#slots[state.slot]!.completed(state, status, blocks, operation);
    }
    if (inputs.completions.length > 0) { for (const slot of this.#slots) slot.settled(); }
    this.#uart.type(inputs.consoleInput);
    this.#console.settle(inputs.consolePerformed);
    for (const frame of inputs.frames) this.#network?.receive(frame);
    this.#clock.start(inputs.time, this.#hart.steps);
    this.#timer.evaluate(inputs.time.base);
    this.#sbi?.evaluate(inputs.time.base);
    this.#realTimeClock.evaluate(inputs.time.base);
    this.#hart.wake();
  }

  /**
   * Whether the machine takes no steps until something is delivered: WFI, operations that must settle
   * before a power-off, reset or device reset, a full console, or a hart that has stopped itself.
   */
  get waiting(): boolean {
    return this.#held || this.#hart.waiting;
  }

  /** What the guest has asked for, once its outstanding operations have settled. */
  get power(): PowerState {
    return this.#operations.operations.size > 0 ? { kind: "on" } : this.#finisher.requested;
  }

  /**
   * Resets the machine that has asked for it: RAM as at power-on, hart and devices too. Steps, operation
   * numbers, and positions of console and bills go on counting.
   */
  reset(): void {
    if (this.power.kind !== "reset") throw new Error("The machine has not asked to be reset");
    this.memory.clear();
    this.#boot();
  }

  /** Digest of everything but RAM, and of the RAM pages written in this epoch. */
  digest(): bigint {
    return combine(this.#stateDigest(), this.#digester.pages(this.memory.writtenPages()));
  }

  /** Digest of all RAM. */
  ramDigest(): bigint {
    return this.#digester.ram();
  }

  /** Digest of everything, whatever was written when: that of a snapshot. */
  snapshotDigest(): bigint {
    return this.snapshotDigestWith()(this.#digester.ram());
  }

  /** The same for whoever digests a copy of RAM later: what it is with the state as it stands now. */
  snapshotDigestWith(): (ramDigest: bigint) => bigint {
    const state = this.#stateDigest();
    return (ramDigest) => combine(state, ramDigest);
  }

  /** The state as plain data, but for RAM and the operations in {@linkcode Machine.outstanding}. */
  save(): MachineState {
    this.#uart.settle();
    return {
      hart: this.#hart.save(),
      devices: this.#fields.save(),
      outstanding: this.#operations.save(),
      taskManagement: this.#scsi?.taskManagement.save() ?? [],
      consoleTail: this.#console.tail(),
      consoleInput: this.#uart.input(),
      boot: this.image.boot,
    };
  }

  /** The hart's registers, CSRs and counts as they stand. */
  hartState(): HartState {
    return this.#hart.save();
  }

  /** The value of a CSR; undefined when there is none of that number. */
  csr(number: number): bigint | undefined {
    return this.#hart.csr(number);
  }

  /** Waits for instructions and accesses in place of those before; invisible to the guest. */
  arm(triggers: readonly Trigger[], listener: TriggerListener): void {
    this.#hart.arm(triggers, listener);
  }

  /** Whether the last {@linkcode Machine.run} has ended at a trigger. */
  get triggered(): boolean {
    return this.#hart.triggered;
  }

  /** Drops what the hart has cached; invisible to the guest (design invariant 9). */
  dropCaches(): void {
    this.#hart.dropCaches();
  }

  get #held(): boolean {
    return this.#finisher.pending || this.#console.full || this.#sbi?.stopped === true ||
      this.#slots.some((slot) => slot.resetPending);
  }

  #requestStop(): void {
    if (this.#running) this.#hart.requestStop();
  }

  #readClock(): bigint {
    if (++this.#reads >= epochReads) this.#requestStop();
    return BigInt.asUintN(64, this.environment.read("rtc"));
  }

  #stateDigest(): bigint {
    this.#uart.settle();
    return this.#digester.state();
  }

  get #handOver(): HandOver {
    const { firmwareInformation } = this.image.boot;
    return {
      ...(this.#sbi === undefined ? {} : handOver),
      ...(firmwareInformation === undefined ? {} : { a2: BigInt(firmwareInformation) }),
    };
  }

  /** RAM is zero; what the image holds goes into it. */
  #boot(): void {
    const { entry, deviceTree } = this.image.boot;
    this.image.writeTo(this.memory);
    this.#hart.reset(entry, 0n, BigInt(deviceTree), this.#handOver);
    this.#plic.reset();
    this.#softwareInterrupts.reset();
    this.#timer.reset();
    this.#sbi?.reset();
    this.#uart.reset();
    this.#realTimeClock.reset();
    this.#finisher.reset();
    for (const slot of this.#slots) slot.reset();
  }

  #restore(state: Record<string, unknown>, operations: readonly unknown[]): void {
    const boot = checkBoot(state["boot"]);
    const names = ["entry", "deviceTree", "firmwareInformation"] as const;
    if (names.some((name) => boot[name] !== this.image.boot[name])) {
      throw new StateError("The boot image is entered elsewhere than the state says");
    }
    this.#hart.restore(state["hart"]);
    this.#fields.restore(state["devices"]);
    this.#clock.check(this.#hart.steps);
    this.#finisher.check();
    this.#restoreOperations(state["outstanding"], operations);
    this.#scsi?.restore(
      list(state["taskManagement"], maximumQueueSize, "the task management requests")
        .map((request) => checkTaskManagement(request, this.memory)),
    );
    this.#console.restore(state["consoleTail"]);
    this.#uart.restore(state["consoleInput"]);
    for (const slot of this.#slots) slot.check();
    this.#drive();
    // What the caller has written into RAM was not written by this machine in an epoch.
    this.#hart.startEpoch();
  }

  #restoreOperations(states: unknown, operations: readonly unknown[]): void {
    const most = maximumQueueSize * virtioSlots;
    const checked = list(states, most, "the outstanding operations")
      .map((value) => checkOutstanding(value, this.memory));
    if (operations.length !== checked.length) {
      throw new StateError(
        `The state is about ${checked.length} outstanding operations, ${operations.length} are given`,
      );
    }
    this.#operations.restore(
      operations.map((value, index) => checkOperation(value, checked[index]!, this.configuration)),
      checked,
    );
  }

  #drive(): void {
    this.#softwareInterrupts.drive();
    this.#timer.drive();
    this.#sbi?.drive();
    this.#uart.drive();
    this.#realTimeClock.drive();
    for (const slot of this.#slots) slot.drive();
    this.#plic.drive();
  }
}

function combine(state: bigint, pages: bigint): bigint {
  return BigInt.asUintN(64, state * 0x9e37_79b9_7f4a_7c15n + pages);
}
