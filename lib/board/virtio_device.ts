/** What a virtio device is to its transport, and the transport to a device. */
import type { GuestMemory } from "../cpu/memory.ts";
import type { OutstandingOperations } from "./outstanding.ts";
import type { CompletionStatus, DmaBlock, Operation } from "./operation.ts";
import type { OutstandingState } from "./machine_state.ts";
import type { Chain } from "./virtqueue.ts";

/** The device behind a virtio transport. */
export interface VirtioDevice {
  /** Device id (virtio 1.2, section 5). */
  readonly deviceId: number;
  /** Feature bits 0 to 31 that are the device's own. */
  readonly features: number;
  /** Number of virtqueues. */
  readonly queues: number;
  /** The configuration space as it reads now. */
  configuration(): Uint8Array;
  /** A store to the configuration space; whether the driver may do that. */
  configure(offset: number, size: number, value: number): boolean;
  /** The driver says that a queue has buffers. */
  notified(queue: number): void;
  /** Buffers of a queue that have been taken and not returned. */
  inFlight(queue: number): number;
  /** An operation of the device has ended and left the table; `blocks` are checked. */
  completed(
    state: OutstandingState,
    status: CompletionStatus,
    blocks: readonly DmaBlock[],
    operation: Operation,
  ): void;
  /** After completions: takes up what had to wait for room. */
  resume(): void;
  /** Back to the state after a device reset; nothing is outstanding. */
  reset(): void;
}

/** The transport as its device sees it. */
export interface VirtioTransport {
  /** Slot number, the device's name in the table of outstanding operations. */
  readonly slot: number;
  /** Guest memory. */
  readonly memory: GuestMemory;
  /** Outstanding operations of all devices. */
  readonly outstanding: OutstandingOperations;
  /** Feature bits 0 to 31 that the driver has accepted. */
  readonly acceptedFeatures: number;
  /** Takes the next available buffer of a queue. */
  take(queue: number): Chain | undefined;
  /** Returns a buffer, and interrupts if the driver wants that. */
  give(queue: number, head: number, written: number): void;
  /** Number of buffers that {@linkcode take} would take now; undefined while the queue does not run. */
  available(queue: number): number | undefined;
  /** Does something outside a notification: a driver that breaks the rules breaks its device. */
  guarded(action: () => void): void;
  /** The device cannot go on: DEVICE_NEEDS_RESET. */
  fail(): void;
}
