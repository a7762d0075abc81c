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
import type { LinkedModule } from "../cpu/translate/notes.ts";
import type { Trigger, TriggerListener } from "../cpu/triggers.ts";
import { Board } from "./board.ts";
import type { BootImage } from "./boot_image.ts";
import { DeviceBus } from "./bus.ts";
import type { MachineConfiguration } from "./configuration.ts";
import { checkInputs, checkTime } from "./delivery_check.ts";
import type { Environment, Inputs, TimeBase } from "./environment.ts";
import { StateError } from "./errors.ts";
import { FieldAllocator } from "./fields.ts";
import type { PowerState } from "./finisher.ts";
import { GuestClock } from "./guest_clock.ts";
import type { MachineParts } from "./machine_parts.ts";
import type { MachineState } from "./machine_state.ts";
import type { DmaBlock, Operation } from "./operation.ts";
import { handOver } from "./sbi.ts";
import { checkBoot, record } from "./state_check.ts";

export type { DiskConfiguration, MachineConfiguration } from "./configuration.ts";
export type { PowerState } from "./finisher.ts";
export type { MachineParts } from "./machine_parts.ts";
export type { MachineState } from "./machine_state.ts";

/** A run ends when the guest has read the environment so often in one epoch. */
export const epochReads = 64;

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
  readonly #board: Board;
  #untouched = false;
  #running = false;
  #epochOver = false;
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
    this.#board = new Board({
      ...{ configuration, memory, hart: this.#hart, bus, fields: this.#fields },
      time: () => this.time,
      requestStop: () => this.#requestStop(),
      timerChanged: () => this.#endRun(),
      readClock: () => this.#readClock(),
    });
  }

  /** A machine as it is switched on: RAM holds the image, the hart stands at its entry. */
  static powerOn(configuration: MachineConfiguration, image: BootImage): Machine {
    const machine = new Machine(configuration, image, new GuestMemory(configuration.ramBytes));
    machine.#boot();
    // The image was not written in an epoch.
    machine.#hart.startEpoch();
    machine.#untouched = true;
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
    this.#epochOver = false;
    this.#untouched = false;
    this.#hart.startEpoch();
  }

  /**
   * Runs at most `steps` steps (up to 2^28 in one epoch) and returns how many were taken.
   *
   * It returns early when the guest waits, issues an operation, writes a timer comparator, powers off or
   * resets, or when {@linkcode epochReads} or the console's bounds are reached.
   *
   * @param slowPaths It returns early, too, when the guest has needed the host's help so often: for traps,
   *   devices, pages. Each time costs half a microsecond or more.
   */
  run(steps: number, slowPaths?: number): number {
    // Not even to begin with: what the run before has ended at is forgotten.
    if (this.#board.held) return this.#hart.run(0);
    this.#running = true;
    try {
      return this.#hart.run(steps, slowPaths);
    } finally {
      this.#running = false;
    }
  }

  /**
   * Whether something asks that this epoch ends here: the guest waits, has issued an operation, powers off
   * or resets, or a bound is reached. A run that has ended without it may be followed by another.
   */
  get epochOver(): boolean {
    return this.#epochOver || this.waiting;
  }

  /** Whether the machine has been switched on and has not begun an epoch: RAM holds the image. */
  get untouched(): boolean {
    return this.#untouched && this.memory.written.length === 0;
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
    return this.#board.timerDueTicks;
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
    return this.#board.operations.takeIssued();
  }

  /** Operations without a completion, by number, in order of issue. */
  get outstanding(): ReadonlyMap<number, Operation> {
    return this.#board.operations.operations;
  }

  /** Cuts the data of an outstanding read into the pieces of its scatter list. */
  dmaBlocks(operation: number, data: Uint8Array): DmaBlock[] {
    const pieces = this.#board.operations.state(operation)?.data;
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
    return this.#board.console.take();
  }

  /** Console bytes put out since power-on. */
  get consolePosition(): number {
    return this.#board.console.position;
  }

  /** Console bytes below this position are known to be performed. */
  get consolePerformed(): number {
    return this.#board.console.performed;
  }

  /** The bytes `[consolePerformed, consolePosition)`. */
  unperformedConsole(): Uint8Array {
    return this.#board.console.tail();
  }

  /**
   * Whether so much console output is not known to be performed that the machine takes no step until
   * {@linkcode Inputs.consolePerformed} advances.
   */
  get consoleFull(): boolean {
    return this.#board.console.full;
  }

  /** Whether the guest has put network frames out that have not been taken. */
  get hasFrames(): boolean {
    return this.#board.network?.hasSent ?? false;
  }

  /** Network frames put out since the last call, in order; each is lost unless it is taken. */
  takeFrames(): Uint8Array[] {
    return this.#board.network?.takeSent() ?? [];
  }

  /**
   * Number of frames from the network that {@linkcode Machine.deliver} takes now; undefined while the
   * guest does not listen, and what comes is lost.
   */
  get frameRoom(): number | undefined {
    return this.#board.network?.room;
  }

  /** Bytes of console input that {@linkcode Machine.deliver} takes now; at most 4096. */
  get consoleInputRoom(): number {
    return this.#board.uart.inputRoom;
  }

  /**
   * Delivers an epoch's inputs: completions, console input, what of the console is performed, frames from
   * the network, the time; then evaluates the timers and wakes the hart if something is pending (paper
   * rules end-of-epoch and backup-end).
   *
   * @throws {DeliveryError} when the inputs do not fit the machine; it is as it was then
   */
  deliver(inputs: Inputs): void {
    checkInputs(inputs, {
      operations: this.#board.operations,
      time: this.time,
      inputRoom: this.#board.uart.inputRoom,
      frameRoom: this.frameRoom,
      acceptsPerformed: (position) => this.#board.console.accepts(position),
    });
    this.#board.deliver(inputs);
    this.#clock.start(inputs.time, this.#hart.steps);
    this.#board.evaluateTimers(inputs.time.base);
    this.#hart.wake();
  }

  /**
   * Whether the machine takes no steps until something is delivered: WFI, operations that must settle
   * before a power-off, reset or device reset, a full console, or a hart that has stopped itself.
   */
  get waiting(): boolean {
    return this.#board.held || this.#hart.waiting;
  }

  /** What the guest has asked for, once its outstanding operations have settled. */
  get power(): PowerState {
    return this.#board.operations.operations.size > 0
      ? { kind: "on" }
      : this.#board.finisher.requested;
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
    this.#board.uart.settle();
    return {
      hart: this.#hart.save(),
      devices: this.#fields.save(),
      ...this.#board.save(),
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

  /** Whether hot code is translated, if the engine does. Single steps are quicker without, by far. */
  set translating(value: boolean) {
    this.#hart.translating = value;
  }

  /** Tells of each translation of code from now on; invisible to the guest. */
  watchTranslations(watcher: (linked: LinkedModule) => void): void {
    this.#hart.watchTranslations(watcher);
  }

  /** Whether the last {@linkcode Machine.run} has ended at a trigger. */
  get triggered(): boolean {
    return this.#hart.triggered;
  }

  /** Drops what the hart has cached; invisible to the guest (design invariant 9). */
  dropCaches(): void {
    this.#hart.dropCaches();
  }

  #requestStop(): void {
    this.#epochOver = true;
    this.#endRun();
  }

  #endRun(): void {
    if (this.#running) this.#hart.requestStop();
  }

  #readClock(): bigint {
    if (++this.#reads >= epochReads) this.#requestStop();
    return BigInt.asUintN(64, this.environment.read("rtc"));
  }

  #stateDigest(): bigint {
    this.#board.uart.settle();
    return this.#digester.state();
  }

  get #handOver(): HandOver {
    const { firmwareInformation } = this.image.boot;
    return {
      ...(this.#board.sbi === undefined ? {} : handOver),
      ...(firmwareInformation === undefined ? {} : { a2: BigInt(firmwareInformation) }),
    };
  }

  /** RAM is zero; what the image holds goes into it. */
  #boot(): void {
    const { entry, deviceTree } = this.image.boot;
    this.image.writeTo(this.memory);
    this.#hart.reset(entry, 0n, BigInt(deviceTree), this.#handOver);
    this.#board.reset();
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
    this.#board.restore(state, operations);
    // What the caller has written into RAM was not written by this machine in an epoch.
    this.#hart.startEpoch();
  }
}

function combine(state: bigint, pages: bigint): bigint {
  return BigInt.asUintN(64, state * 0x9e37_79b9_7f4a_7c15n + pages);
}
