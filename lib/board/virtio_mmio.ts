/**
 * virtio over MMIO, version 2 (virtio 1.2, section 4.2). A slot without a device reads device id 0.
 *
 * A reset (status 0) with operations outstanding takes effect when they have settled (design section 5).
 * The machine takes no step until then, so no driver can see the status in between, and one that does
 * not poll it (Linux does not) is safe too.
 */
import type { GuestMemory } from "../cpu/memory.ts";
import type { BusDevice } from "./bus.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator, Fields } from "./fields.ts";
import type { OutstandingState } from "./machine_state.ts";
import type { CompletionStatus, DmaBlock, Operation } from "./operation.ts";
import type { OutstandingOperations } from "./outstanding.ts";
import type { VirtioDevice, VirtioTransport } from "./virtio_device.ts";
import {
  configurationOffset,
  eventIndices,
  maximumQueues,
  mmioConstants,
  mmioFields,
  mmioInterrupt,
  mmioStatus,
  queueAddresses,
  transportFeatures,
} from "./virtio_mmio_registers.ts";
import { type Chain, maximumQueueSize, Virtqueue, VirtqueueError } from "./virtqueue.ts";

/**
 * Descriptors that are looked at before the run ends, so that whoever runs the machine sees a clock: a
 * notification is one step, and a queue is up to {@linkcode maximumQueueSize} chains of as many.
 */
const runDescriptors = 4096;

/** What a slot needs from the board. */
export interface VirtioMmioHost {
  /** Guest memory. */
  readonly memory: GuestMemory;
  /** Outstanding operations of all devices. */
  readonly outstanding: OutstandingOperations;
  /** Ends the run. */
  requestStop(): void;
  /** Drives the interrupt line. */
  setLine(level: boolean): void;
}

/** One slot. */
export class VirtioMmio implements BusDevice, VirtioTransport {
  readonly slot: number;
  /** Guest memory. */
  readonly memory: GuestMemory;
  /** Outstanding operations of all devices. */
  readonly outstanding: OutstandingOperations;
  readonly #host: VirtioMmioHost;
  readonly #fields: Fields<typeof mmioFields>;
  readonly #queues: readonly Virtqueue[];
  #device: VirtioDevice | undefined;
  /** Buffers taken in the action that goes on; nothing between two of them. */
  #taken = 0;
  /** Descriptors looked at since the run was last ended for them; nothing that the guest can see. */
  #descriptors = 0;

  /** Places the fields of an empty slot. */
  constructor(slot: number, allocator: FieldAllocator, host: VirtioMmioHost) {
    this.slot = slot;
    this.memory = host.memory;
    this.outstanding = host.outstanding;
    this.#host = host;
    this.#fields = allocator.place(`virtio-${slot}`, mmioFields);
    this.#queues = Array.from(
      { length: maximumQueues },
      (_, queue) => new Virtqueue(host.memory, this.#registers(queue)),
    );
  }

  /** Puts a device into the slot. */
  plug(device: VirtioDevice): void {
    if (device.queues > maximumQueues) throw new RangeError("The device has too many queues");
    this.#device = device;
    this.#clear();
  }

  load(offset: number, size: number): number {
    if (offset >= configurationOffset) return this.#loadConfiguration(offset, size);
    if (size !== 4) return 0;
    const constant = mmioConstants.get(offset);
    if (constant !== undefined) return constant;
    const device = this.#device;
    if (device === undefined) return 0;
    const { values } = this.#fields;
    switch (offset) {
      case 0x008:
        return device.deviceId;
      case 0x010:
        return this.#offered(values.deviceFeaturesSelect);
      case 0x034:
        return values.queueSelect < device.queues ? maximumQueueSize : 0;
      case 0x044:
        return values.queueSelect < device.queues ? values.queueReady.get(values.queueSelect) : 0;
      case 0x060:
        return values.interruptStatus;
      case 0x070:
        return values.status;
      case 0x0b0: // No shared memory regions: their lengths read -1 (section 4.2.2.1).
      case 0x0b4:
        return 0xffff_ffff;
      default:
        return 0;
    }
  }

  store(offset: number, size: number, value: number): void {
    const device = this.#device;
    if (device === undefined) return;
    if (offset >= configurationOffset) {
      if (!device.configure(offset - configurationOffset, size, value)) this.fail();
      return;
    }
    if (size !== 4) return;
    const { values } = this.#fields;
    switch (offset) {
      case 0x014:
        values.deviceFeaturesSelect = value;
        return;
      case 0x020:
        this.#accept(value);
        return;
      case 0x024:
        values.driverFeaturesSelect = value;
        return;
      case 0x030:
        values.queueSelect = value;
        return;
      case 0x050:
        this.#notify(value);
        return;
      case 0x064:
        values.interruptStatus &= ~value;
        this.drive();
        return;
      case 0x070:
        this.#setStatus(value);
        return;
      default:
        if (values.queueSelect < device.queues) this.#storeQueue(offset, value);
    }
  }

  get acceptedFeatures(): number {
    return this.#fields.values.driverFeaturesLow;
  }

  take(queue: number): Chain | undefined {
    if (!this.#runs(queue)) return undefined;
    const chain = this.#queues[queue]!.take(this.#device!.inFlight(queue));
    if (chain !== undefined && this.#taken++ === maximumQueueSize) {
      // The driver does not run meanwhile: what the device itself has written makes more available.
      throw new VirtqueueError("The ring never empties");
    }
    if (chain !== undefined) this.#count(chain);
    return chain;
  }

  available(queue: number): number | undefined {
    return this.#runs(queue) ? this.#queues[queue]!.waiting : undefined;
  }

  guarded(action: () => void): void {
    this.#guarded(action);
  }

  give(queue: number, head: number, written: number): void {
    const { values } = this.#fields;
    // A device that needs a reset returns nothing (section 2.1.2).
    if ((values.status & mmioStatus.needsReset) !== 0) return;
    if (this.#queues[queue]!.give(head, written)) {
      values.interruptStatus |= mmioInterrupt.usedBuffer;
      this.drive();
    }
  }

  fail(): void {
    const { values } = this.#fields;
    values.status |= mmioStatus.needsReset;
    if ((values.status & mmioStatus.driverOk) === 0) return;
    values.interruptStatus |= mmioInterrupt.configuration;
    this.drive();
  }

  /** Whether the machine has to wait for this slot's reset. */
  get resetPending(): boolean {
    return this.#fields.values.resetPending !== 0;
  }

  /** Tells the device of a completion; the operation has left the table. */
  completed(
    state: OutstandingState,
    completion: CompletionStatus,
    blocks: readonly DmaBlock[],
    operation: Operation,
  ): void {
    this.#guarded((device) => device.completed(state, completion, blocks, operation));
  }

  /** After an epoch's completions: a reset that waited takes effect, or the device goes on. */
  settled(): void {
    if (this.resetPending) {
      if (this.outstanding.countOf(this.slot) === 0) this.#resetNow();
    } else {
      this.#guarded((device) => device.resume());
    }
  }

  /** Back to the state of power-on. */
  reset(): void {
    this.#resetNow();
  }

  /** Puts the interrupt's level on the line. */
  drive(): void {
    this.#host.setLine(this.#fields.values.interruptStatus !== 0);
  }

  /**
   * Refuses a restored state in which the slot cannot be.
   *
   * @throws {StateError}
   */
  check(): void {
    const { values } = this.#fields;
    const queues = this.#device?.queues ?? 0;
    for (let queue = 0; queue < maximumQueues; queue++) {
      const size = values.queueSize.get(queue);
      const possible = queue < queues ? isQueueSize(size) : size === 0;
      if (!possible) {
        throw new StateError(`Queue ${queue} of virtio slot ${this.slot} cannot have size ${size}`);
      }
    }
    if (this.resetPending && this.outstanding.countOf(this.slot) === 0) {
      throw new StateError(
        `Virtio slot ${this.slot} waits for operations that are not outstanding`,
      );
    }
  }

  #count({ readable, writable }: Chain): void {
    this.#descriptors += readable.length + writable.length;
    if (this.#descriptors < runDescriptors) return;
    this.#descriptors = 0;
    this.#host.requestStop();
  }

  #registers(queue: number) {
    const { values } = this.#fields;
    return {
      get size() {
        return values.queueSize.get(queue);
      },
      get descriptors() {
        return values.descriptorsLow.get(queue) + values.descriptorsHigh.get(queue) * 2 ** 32;
      },
      get available() {
        return values.availableLow.get(queue) + values.availableHigh.get(queue) * 2 ** 32;
      },
      get used() {
        return values.usedLow.get(queue) + values.usedHigh.get(queue) * 2 ** 32;
      },
      get eventIndices() {
        return (values.driverFeaturesLow & eventIndices) !== 0;
      },
      get nextAvailable() {
        return values.nextAvailable.get(queue);
      },
      set nextAvailable(index: number) {
        values.nextAvailable.set(queue, index);
      },
      get nextUsed() {
        return values.nextUsed.get(queue);
      },
      set nextUsed(index: number) {
        values.nextUsed.set(queue, index);
      },
    };
  }

  #offered(select: number): number {
    if (select === 0) return (transportFeatures.low | this.#device!.features) >>> 0;
    return select === 1 ? transportFeatures.high : 0;
  }

  #accept(value: number): void {
    const { values } = this.#fields;
    if ((values.status & mmioStatus.featuresOk) !== 0) return;
    if (values.driverFeaturesSelect === 0) values.driverFeaturesLow = value;
    if (values.driverFeaturesSelect === 1) values.driverFeaturesHigh = value;
  }

  /** The driver may choose among what is offered, and must choose VERSION_1. */
  #negotiated(): boolean {
    const { driverFeaturesLow, driverFeaturesHigh } = this.#fields.values;
    return (driverFeaturesLow & ~this.#offered(0)) === 0 &&
      driverFeaturesHigh === transportFeatures.high;
  }

  #setStatus(value: number): void {
    const { values } = this.#fields;
    if (value === 0) {
      if (this.outstanding.countOf(this.slot) === 0) {
        this.#resetNow();
      } else {
        values.resetPending = 1;
        this.#host.requestStop();
      }
      return;
    }
    const before = values.status;
    let after = (value & 0xff) | (before & mmioStatus.needsReset);
    if ((before & mmioStatus.featuresOk) === 0 && !this.#negotiated()) {
      after &= ~mmioStatus.featuresOk;
    }
    // Without agreed features the driver has nothing to drive (section 3.1.1).
    if ((after & mmioStatus.featuresOk) === 0) after &= ~mmioStatus.driverOk;
    values.status = after;
    if ((before & mmioStatus.driverOk) === 0 && (after & mmioStatus.driverOk) !== 0) {
      for (let queue = 0; queue < this.#device!.queues; queue++) this.#notify(queue);
    }
  }

  #storeQueue(offset: number, value: number): void {
    const { values } = this.#fields;
    const queue = values.queueSelect;
    const address = queueAddresses.get(offset);
    if (address !== undefined) values[address].set(queue, value);
    else if (offset === 0x038 && isQueueSize(value)) values.queueSize.set(queue, value);
    else if (offset === 0x044) values.queueReady.set(queue, value & 1);
  }

  #runs(queue: number): boolean {
    const { values } = this.#fields;
    return (values.status & (mmioStatus.driverOk | mmioStatus.needsReset)) ===
        mmioStatus.driverOk &&
      queue < this.#device!.queues && values.queueReady.get(queue) !== 0;
  }

  #notify(queue: number): void {
    if (queue < this.#device!.queues && this.#runs(queue)) {
      this.#guarded((device) => device.notified(queue));
    }
  }

  /** A driver that breaks the rules breaks its device, and nothing else. */
  #guarded(action: (device: VirtioDevice) => void): void {
    if (this.#device === undefined) return;
    this.#taken = 0;
    try {
      action(this.#device);
    } catch (error) {
      if (!(error instanceof VirtqueueError)) throw error;
      this.fail();
    }
  }

  #resetNow(): void {
    this.#clear();
    this.#device?.reset();
  }

  #clear(): void {
    this.#fields.clear();
    const queues = this.#device?.queues ?? 0;
    for (let queue = 0; queue < queues; queue++) {
      this.#fields.values.queueSize.set(queue, maximumQueueSize);
    }
    this.drive();
  }

  #loadConfiguration(offset: number, size: number): number {
    if (this.#device === undefined) return 0;
    const space = this.#device.configuration();
    const at = offset - configurationOffset;
    // Beyond the end every bit reads 1, as on QEMU.
    if (at + size > space.length) return 2 ** (8 * size) - 1;
    let value = 0;
    for (let index = size - 1; index >= 0; index--) value = value * 256 + space[at + index]!;
    return value;
  }
}

function isQueueSize(size: number): boolean {
  return size > 0 && size <= maximumQueueSize && (size & (size - 1)) === 0;
}
