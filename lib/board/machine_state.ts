/**
 * The state of a machine as plain data, for snapshots: everything but RAM and the payload of the
 * outstanding operations, which snapshots carry in records of their own.
 */
import type { FieldValues } from "./fields.ts";

/** Plain CBOR data; {@linkcode Machine.restore} checks every value. */
export interface MachineState {
  /** Registers, CSRs and the reservation; see `lib/cpu`. */
  readonly hart: unknown;
  /** The named fields of each device front, by device name. */
  readonly devices: { readonly [device: string]: FieldValues };
  /** For each outstanding operation, in order of number, what its front has to do at completion. */
  readonly outstanding: readonly OutstandingState[];
  /** Task management requests of the SCSI controller that wait for operations to settle. */
  readonly taskManagement: readonly TaskManagementState[];
  /** Console output that is not known to be performed: `[performed, position)`. */
  readonly consoleTail: Uint8Array;
  /** Console input that the guest has not read, in order: receive FIFO, then the queue behind it. */
  readonly consoleInput: Uint8Array;
  /** Where the boot image is entered, for a later reset. */
  readonly boot: BootState;
}

/** The part of a boot image that is not in its pages. */
export interface BootState {
  /** Address of the first instruction. */
  readonly entry: number;
  /** Address of the device tree blob. */
  readonly deviceTree: number;
  /** Address of what a dynamic firmware must know (a2); absent without such firmware. */
  readonly firmwareInformation?: number;
}

/** A piece of guest memory. */
export interface MemoryPiece {
  /** Guest-physical address. */
  readonly address: number;
  /** Bytes. */
  readonly length: number;
}

/** What a front keeps about one outstanding operation beside the operation itself. */
export interface OutstandingState {
  /** The operation's number. */
  readonly operation: number;
  /** virtio-mmio slot of the device. */
  readonly slot: number;
  /** Head of the descriptor chain in the queue that it came from. */
  readonly head: number;
  /** Where the response, or its status byte, goes; empty where there is none. */
  readonly response: readonly MemoryPiece[];
  /** Where the data goes that the completion brings. */
  readonly data: readonly MemoryPiece[];
  /** Size of the request's data buffers in bytes, for the residual. */
  readonly dataBytes: number;
  /** The driver's tag of the SCSI request, 64 bits; 0 elsewhere. */
  readonly tag: bigint;
  /** FUA, or a disk whose driver knows no flush: a flush follows the change before the request ends. */
  readonly forceUnitAccess: boolean;
  /** `aborted` or `reset` once a task management function has asked for its end. */
  readonly fate: "normal" | "aborted" | "reset";
}

/** A task management request that waits for operations to settle. */
export interface TaskManagementState {
  /** Head of the descriptor chain in the control queue. */
  readonly head: number;
  /** Where the response goes. */
  readonly response: readonly MemoryPiece[];
  /** Numbers of the operations it waits for, ascending. */
  readonly operations: readonly number[];
}
