/**
 * virtio-scsi host device (virtio 1.2, section 5.6): disks as targets with one logical unit each. The
 * request queue is here, the control queue in `scsi_task_management.ts`. Events are never sent: nothing
 * is plugged in or out.
 */
import type { NumberedDisk } from "./configuration.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator, Fields } from "./fields.ts";
import type { MemoryPiece, OutstandingState, TaskManagementState } from "./machine_state.ts";
import type { CompletionStatus, DmaBlock, Operation } from "./operation.ts";
import { serveRequests } from "./request_queue.ts";
import { gather, lengthOf, scatter, sliceOf } from "./scatter.ts";
import { reportLunsOf, scsiCommands } from "./scsi_command.ts";
import { absentInquiry, maximumTransferSectors } from "./scsi_inquiry.ts";
import { fixedSense, scsiStatus, type Sense, senses } from "./scsi_sense.ts";
import { TaskManagement } from "./scsi_task_management.ts";
import type { LogicalUnit, Outcome, Transfer } from "./scsi_unit.ts";
import type { VirtioDevice, VirtioTransport } from "./virtio_device.ts";
import { addressOf, scsiResponse } from "./virtio_scsi_format.ts";
import { type Chain, maximumQueueSize, VirtqueueError } from "./virtqueue.ts";

const fields = {
  /** Size of the sense buffer in a response; the driver may change it. */
  senseSize: "word",
  /** Size of the CDB in a request; the driver may change it. */
  cdbSize: "word",
  /** Requests wait until earlier ones are done. */
  deferred: "flag",
  /** One bit a disk: a unit attention is pending. */
  unitAttention: "half",
} as const;

/** Queue numbers. */
const queues = { control: 0, events: 1, requests: 2 } as const;

const defaultSenseSize = 96;
const defaultCdbSize = 32;

/** Offsets in the configuration space (section 5.6.4). */
const configurationOffsets = { senseSize: 20, cdbSize: 24 } as const;

/** Bytes of a request before its CDB, and of a response before its sense data (section 5.6.6.1). */
const requestHeaderBytes = 19;
const responseHeaderBytes = 12;

/** A request on its way to a response. */
interface Request {
  readonly head: number;
  /** Response header and sense buffer. */
  readonly response: readonly MemoryPiece[];
  /** Data buffers, in whichever direction. */
  readonly data: readonly MemoryPiece[];
  readonly direction: Transfer["direction"];
  readonly tag: bigint;
  readonly cdb: DataView;
}

/** The SCSI controller with its disks. */
export class VirtioScsi implements VirtioDevice {
  readonly deviceId = 8;
  readonly features = 0;
  readonly queues = 3;
  /** The control queue. */
  readonly taskManagement: TaskManagement;
  readonly #disks: readonly NumberedDisk[];
  readonly #fields: Fields<typeof fields>;
  readonly #transport: VirtioTransport;

  /** Places the fields, as at power-on. */
  constructor(
    allocator: FieldAllocator,
    transport: VirtioTransport,
    disks: readonly NumberedDisk[],
  ) {
    this.#fields = allocator.place("scsi", fields);
    this.#transport = transport;
    this.#disks = disks;
    this.taskManagement = new TaskManagement(allocator, transport, {
      disks,
      queue: queues.control,
      attention: (target) => this.#raiseAttention(target),
    });
    this.reset();
  }

  configuration(): Uint8Array {
    const { values } = this.#fields;
    const space = new Uint8Array(36);
    const view = new DataView(space.buffer);
    view.setUint32(0, 1, true); // num_queues
    view.setUint32(4, maximumQueueSize - 2, true); // seg_max
    view.setUint32(8, maximumTransferSectors, true); // max_sectors
    view.setUint32(12, maximumQueueSize, true); // cmd_per_lun
    view.setUint32(16, 16, true); // event_info_size
    view.setUint32(configurationOffsets.senseSize, values.senseSize, true);
    view.setUint32(configurationOffsets.cdbSize, values.cdbSize, true);
    view.setUint16(28, 0, true); // max_channel
    view.setUint16(30, 255, true); // max_target
    view.setUint32(32, 16383, true); // max_lun
    return space;
  }

  configure(offset: number, size: number, value: number): boolean {
    const { values } = this.#fields;
    if (size !== 4) return true;
    if (offset === configurationOffsets.senseSize) {
      if (value > 0xffff) return false;
      values.senseSize = value;
    } else if (offset === configurationOffsets.cdbSize) {
      if (value > 0xff) return false;
      values.cdbSize = value;
    }
    return true;
  }

  inFlight(queue: number): number {
    switch (queue) {
      case queues.control:
        return this.taskManagement.waiting;
      case queues.requests:
        return this.#transport.outstanding.countOf(this.#transport.slot);
      default:
        return 0;
    }
  }

  notified(queue: number): void {
    if (queue === queues.control) this.taskManagement.serve();
    if (queue === queues.requests) this.#serve();
  }

  completed(
    state: OutstandingState,
    status: CompletionStatus,
    blocks: readonly DmaBlock[],
    operation: Operation,
  ): void {
    const { memory, outstanding } = this.#transport;
    const { request } = operation;
    try {
      if (state.fate !== "normal") {
        const response = state.fate === "reset" ? scsiResponse.reset : scsiResponse.aborted;
        this.#answer(state, { response, residual: state.dataBytes });
        return;
      }
      if (status === "done" && state.forceUnitAccess && request.kind === "disk-write") {
        const { operation: _, ...kept } = state;
        outstanding.issue({ kind: "disk-flush", disk: request.disk }, {
          ...kept,
          forceUnitAccess: false,
        });
        return;
      }
      if (status !== "done") {
        this.#answer(state, { sense: senseOf(status, request.kind), residual: state.dataBytes });
        return;
      }
      let received = 0;
      for (const { address, data } of blocks) {
        memory.write(address, data);
        received += data.length;
      }
      const transferred = request.kind === "disk-read" ? received : state.dataBytes;
      this.#answer(state, { residual: state.dataBytes - transferred, received });
    } finally {
      this.taskManagement.settled(state.operation);
    }
  }

  resume(): void {
    if (this.#fields.values.deferred !== 0) this.#serve();
  }

  /** Back to the state of power-on, where every disk reports that it has been reset. */
  reset(): void {
    const { values } = this.#fields;
    values.senseSize = defaultSenseSize;
    values.cdbSize = defaultCdbSize;
    values.deferred = 0;
    values.unitAttention = 2 ** this.#disks.length - 1;
    this.taskManagement.reset();
  }

  /**
   * Takes checked task management requests back and refuses fields in which the device cannot be.
   *
   * @throws {StateError}
   */
  restore(requests: readonly TaskManagementState[]): void {
    const { senseSize, cdbSize, unitAttention } = this.#fields.values;
    if (senseSize > 0xffff || cdbSize > 0xff || unitAttention >= 2 ** this.#disks.length) {
      throw new StateError("The SCSI controller's fields are out of range");
    }
    this.taskManagement.restore(requests);
  }

  #raiseAttention(target: number): void {
    this.#fields.values.unitAttention |= 1 << target;
  }

  #takeAttention(target: number): Sense | undefined {
    const { values } = this.#fields;
    if ((values.unitAttention & 1 << target) === 0) return undefined;
    values.unitAttention &= ~(1 << target);
    return senses.resetOccurred;
  }

  #serve(): void {
    const { values } = this.#fields;
    serveRequests(this.#transport, queues.requests, values, (chain) => this.#request(chain));
  }

  #request(chain: Chain): void {
    const { memory } = this.#transport;
    const { senseSize, cdbSize } = this.#fields.values;
    const headerBytes = requestHeaderBytes + cdbSize;
    const responseBytes = responseHeaderBytes + senseSize;
    const toDevice = lengthOf(chain.readable) - headerBytes;
    const fromDevice = lengthOf(chain.writable) - responseBytes;
    if (toDevice < 0 || fromDevice < 0) {
      throw new VirtqueueError("A SCSI request is too short for its headers");
    }
    const header = gather(memory, sliceOf(chain.readable, 0, headerBytes));
    // Room for the longest CDB of the table, whatever size the driver has chosen.
    const cdb = new Uint8Array(Math.max(32, cdbSize));
    cdb.set(header.subarray(requestHeaderBytes));
    const view = new DataView(header.buffer);
    const request: Request = {
      head: chain.head,
      response: sliceOf(chain.writable, 0, responseBytes),
      data: toDevice > 0
        ? sliceOf(chain.readable, headerBytes, toDevice)
        : sliceOf(chain.writable, responseBytes, fromDevice),
      direction: toDevice > 0 ? "from-driver" : fromDevice > 0 ? "to-driver" : "none",
      tag: view.getBigUint64(8, true),
      cdb: new DataView(cdb.buffer),
    };
    const answer = { head: request.head, response: request.response };
    if (toDevice > 0 && fromDevice > 0) {
      // Bidirectional transfers were not negotiated (VIRTIO_SCSI_F_INOUT).
      this.#answer(answer, { response: scsiResponse.failure, residual: toDevice + fromDevice });
      return;
    }
    const { target, lun } = addressOf(view, this.#disks.length);
    if (target === undefined) {
      this.#answer(answer, { response: scsiResponse.badTarget, residual: 0 });
      return;
    }
    this.#execute(request, target, lun);
  }

  #execute(request: Request, target: number, lun: number): void {
    const { cdb } = request;
    const dataBytes = lengthOf(request.data);
    const command = scsiCommands.get(cdb.getUint8(0));
    if (command === undefined) {
      const sense = lun === 0 ? senses.invalidOperation : senses.noLogicalUnit;
      this.#answer(request, { sense, residual: dataBytes });
      return;
    }
    const wanted = command.transfer(cdb);
    if (
      wanted.direction !== "none" &&
      (wanted.direction !== request.direction || wanted.bytes > dataBytes)
    ) {
      this.#answer(request, { response: scsiResponse.overrun, residual: 0 });
      return;
    }
    const attention = lun === 0 && command.ignoresUnitAttention !== true
      ? this.#takeAttention(target)
      : undefined;
    const outcome: Outcome = attention !== undefined
      ? { kind: "check", sense: attention }
      : lun !== 0
      ? absent(cdb)
      : command.execute(
        this.#unit(target),
        cdb,
        () => gather(this.#transport.memory, sliceOf(request.data, 0, wanted.bytes)),
      );
    this.#conclude(request, wanted, outcome, dataBytes);
  }

  #conclude(request: Request, wanted: Transfer, outcome: Outcome, dataBytes: number): void {
    const { memory, outstanding, slot } = this.#transport;
    switch (outcome.kind) {
      case "check":
        this.#answer(request, { sense: outcome.sense, residual: dataBytes });
        return;
      case "good": {
        const data = outcome.data?.subarray(0, wanted.bytes) ?? new Uint8Array(0);
        const received = wanted.direction === "to-driver" ? scatter(memory, request.data, data) : 0;
        const transferred = wanted.direction === "from-driver" ? wanted.bytes : received;
        this.#answer(request, { residual: dataBytes - transferred, received });
        return;
      }
      case "operation": {
        const reads = outcome.request.kind === "disk-read";
        outstanding.issue(outcome.request, {
          slot,
          head: request.head,
          response: request.response,
          data: reads ? sliceOf(request.data, 0, wanted.bytes) : [],
          dataBytes,
          tag: request.tag,
          forceUnitAccess: outcome.forceUnitAccess,
          fate: "normal",
        });
      }
    }
  }

  #unit(target: number): LogicalUnit {
    return {
      disk: this.#disks[target]!,
      takeUnitAttention: () => this.#takeAttention(target),
    };
  }

  /** Writes the response and returns the buffer. */
  #answer(
    request: { readonly head: number; readonly response: readonly MemoryPiece[] },
    answer: {
      readonly response?: number;
      readonly sense?: Sense;
      /** Bytes of the data buffers that were not transferred. */
      readonly residual: number;
      /** Bytes of data written for the driver. */
      readonly received?: number;
    },
  ): void {
    const responseBytes = lengthOf(request.response);
    const sense = answer.sense === undefined
      ? new Uint8Array(0)
      : fixedSense(answer.sense).subarray(0, responseBytes - responseHeaderBytes);
    const bytes = new Uint8Array(responseHeaderBytes + sense.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, sense.length, true);
    view.setUint32(4, answer.residual, true);
    view.setUint8(
      10,
      answer.sense === undefined ? scsiStatus.good : scsiStatus.checkCondition,
    );
    view.setUint8(11, answer.response ?? scsiResponse.ok);
    bytes.set(sense, responseHeaderBytes);
    scatter(this.#transport.memory, request.response, bytes);
    this.#transport.give(queues.requests, request.head, responseBytes + (answer.received ?? 0));
  }
}

/** A logical unit number that its target does not have (SPC-4, section 6.6.1; SAM-5, section 5.11). */
function absent(cdb: DataView): Outcome {
  switch (cdb.getUint8(0)) {
    case 0x12: {
      const vital = (cdb.getUint8(1) & 1) !== 0;
      return vital
        ? { kind: "check", sense: senses.invalidField }
        : { kind: "good", data: absentInquiry() };
    }
    case 0xa0:
      return reportLunsOf(cdb);
    case 0x03:
      return { kind: "good", data: fixedSense(senses.noLogicalUnit) };
    default:
      return { kind: "check", sense: senses.noLogicalUnit };
  }
}

/** How a failed operation is told; an uncertain one by the paper's uncertain interrupt (rule IO2). */
function senseOf(status: Exclude<CompletionStatus, "done">, kind: Operation["request"]["kind"]) {
  switch (status) {
    case "uncertain":
      return senses.resetOccurred;
    case "io-error":
      return kind === "disk-read" ? senses.readError : senses.writeError;
    case "no-space":
      return senses.spaceAllocationFailed;
  }
}
