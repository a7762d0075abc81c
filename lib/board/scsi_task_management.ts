/**
 * The control queue of virtio-scsi (virtio 1.2, section 5.6.6.2): task management functions.
 *
 * An operation cannot be called back. Aborting one changes what its completion will mean, and the
 * function is answered when the operations that it concerns have settled.
 */
import type { NumberedDisk } from "./configuration.ts";
import { addHash, ContentHash, type HashSum, removeHash } from "./content_hash.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator, Fields } from "./fields.ts";
import type { OutstandingState, TaskManagementState } from "./machine_state.ts";
import { gather, lengthOf, scatter, sliceOf } from "./scatter.ts";
import { addressOf, scsiResponse } from "./virtio_scsi_format.ts";
import type { VirtioTransport } from "./virtio_device.ts";
import { type Chain, VirtqueueError } from "./virtqueue.ts";

const fields = { hashLow: "word", hashHigh: "word" } as const;

/** Request types. */
const types = { taskManagement: 0, asynchronousQuery: 1, asynchronousSubscribe: 2 } as const;

const requestBytes = 24;
const responseBytes = 1;
const asynchronousRequestBytes = 16;
const asynchronousResponseBytes = 5;

type Scope = "task" | "unit" | "target";

/** What a function does to the tasks in its scope. */
interface Function {
  readonly scope: Scope;
  readonly effect: "abort" | "reset" | "query";
}

/** Functions by subtype. CLEAR ACA (2) is refused: there are no auto contingent allegiances. */
const functions: ReadonlyMap<number, Function> = new Map<number, Function>([
  [0, { scope: "task", effect: "abort" }], // ABORT TASK
  [1, { scope: "unit", effect: "abort" }], // ABORT TASK SET
  [3, { scope: "unit", effect: "abort" }], // CLEAR TASK SET
  [4, { scope: "target", effect: "reset" }], // I_T NEXUS RESET
  [5, { scope: "unit", effect: "reset" }], // LOGICAL UNIT RESET
  [6, { scope: "task", effect: "query" }], // QUERY TASK
  [7, { scope: "unit", effect: "query" }], // QUERY TASK SET
]);

/** What task management needs from the controller. */
export interface TaskManagementHost {
  /** The disk of each target. */
  readonly disks: readonly NumberedDisk[];
  /** Number of the control queue. */
  readonly queue: number;
  /** Raises a unit attention: the logical unit has been reset. */
  attention(target: number): void;
}

function hashOf(request: TaskManagementState): { low: number; high: number } {
  const hash = new ContentHash().number(request.head);
  for (const { address, length } of request.response) hash.number(address).number(length);
  for (const operation of request.operations) hash.number(operation);
  return { low: hash.low, high: hash.high };
}

/** Serves the control queue. */
export class TaskManagement {
  readonly #fields: Fields<typeof fields>;
  readonly #transport: VirtioTransport;
  readonly #host: TaskManagementHost;
  #requests: TaskManagementState[] = [];

  /** Places the fields; nothing waits. */
  constructor(allocator: FieldAllocator, transport: VirtioTransport, host: TaskManagementHost) {
    this.#fields = allocator.place("scsi-task-management", fields);
    this.#transport = transport;
    this.#host = host;
  }

  /** Number of requests that wait. */
  get waiting(): number {
    return this.#requests.length;
  }

  /** Serves all available buffers. */
  serve(): void {
    for (;;) {
      const chain = this.#transport.take(this.#host.queue);
      if (chain === undefined) return;
      this.#request(chain);
    }
  }

  /** An operation has settled and its command has been answered. */
  settled(operation: number): void {
    const waiting: TaskManagementState[] = [];
    const over: TaskManagementState[] = [];
    for (const request of this.#requests) {
      if (!request.operations.includes(operation)) {
        waiting.push(request);
        continue;
      }
      removeHash(this.#sum, hashOf(request));
      const operations = request.operations.filter((number) => number !== operation);
      if (operations.length === 0) {
        over.push(request);
      } else {
        const left = { ...request, operations };
        addHash(this.#sum, hashOf(left));
        waiting.push(left);
      }
    }
    // First: a queue that the driver has broken ends the responses.
    this.#requests = waiting;
    for (const request of over) this.#respond(request, scsiResponse.ok);
  }

  /** Nothing waits any more. */
  reset(): void {
    this.#requests = [];
    this.#fields.clear();
  }

  /** The requests that wait. */
  save(): TaskManagementState[] {
    return [...this.#requests];
  }

  /**
   * Takes checked requests back; the fields have been restored.
   *
   * @throws {StateError} when they are not the ones that the fields are about
   */
  restore(requests: readonly TaskManagementState[]): void {
    const sum = { hashLow: 0, hashHigh: 0 };
    for (const request of requests) {
      const concerned = request.operations.map((number) =>
        this.#transport.outstanding.state(number)
      );
      if (
        concerned.length === 0 || concerned.some((state) => (state?.fate ?? "normal") === "normal")
      ) {
        throw new StateError("A task management request waits for operations that it did not end");
      }
      addHash(sum, hashOf(request));
    }
    if (sum.hashLow !== this.#sum.hashLow || sum.hashHigh !== this.#sum.hashHigh) {
      throw new StateError(
        "The task management requests do not have the digest that the state names",
      );
    }
    this.#requests = [...requests];
  }

  get #sum(): HashSum {
    return this.#fields.values;
  }

  #request(chain: Chain): void {
    const { memory } = this.#transport;
    const header = gather(memory, sliceOf(chain.readable, 0, requestBytes));
    const view = new DataView(header.buffer);
    if (header.length < 4) throw new VirtqueueError("A control request is too short for its type");
    switch (view.getUint32(0, true)) {
      case types.taskManagement:
        this.#check(chain, requestBytes, responseBytes);
        this.#manage(chain, view);
        return;
      case types.asynchronousQuery:
      case types.asynchronousSubscribe:
        this.#check(chain, asynchronousRequestBytes, asynchronousResponseBytes);
        // No events: event_actual is 0.
        scatter(memory, chain.writable, new Uint8Array(asynchronousResponseBytes));
        this.#transport.give(this.#host.queue, chain.head, asynchronousResponseBytes);
        return;
      default:
        throw new VirtqueueError("A control request has an unknown type");
    }
  }

  #check(chain: Chain, readable: number, writable: number): void {
    if (lengthOf(chain.readable) < readable || lengthOf(chain.writable) < writable) {
      throw new VirtqueueError("A control request is too short");
    }
  }

  #manage(chain: Chain, view: DataView): void {
    const request = {
      head: chain.head,
      response: sliceOf(chain.writable, 0, responseBytes),
      operations: [] as number[],
    };
    const address = addressOf(new DataView(view.buffer, 8, 8), this.#host.disks.length);
    const action = functions.get(view.getUint32(4, true));
    if (action === undefined) return this.#respond(request, scsiResponse.functionRejected);
    const { target } = address;
    if (target === undefined) return this.#respond(request, scsiResponse.badTarget);
    if (address.lun !== 0 && action.scope !== "target") {
      return this.#respond(request, scsiResponse.incorrectLun);
    }
    const tag = view.getBigUint64(16, true);
    const tasks = this.#tasks(target).filter((state) =>
      action.scope !== "task" || state.tag === tag
    );
    if (action.effect === "query") {
      const found = tasks.length > 0;
      return this.#respond(request, found ? scsiResponse.functionSucceeded : scsiResponse.ok);
    }
    if (action.effect === "reset") this.#host.attention(target);
    if (tasks.length === 0) return this.#respond(request, scsiResponse.ok);
    const fate = action.effect === "reset" ? "reset" : "aborted";
    for (const task of tasks) this.#transport.outstanding.setFate(task.operation, fate);
    const waiting = { ...request, operations: tasks.map((task) => task.operation) };
    this.#requests.push(waiting);
    addHash(this.#sum, hashOf(waiting));
  }

  #tasks(target: number): OutstandingState[] {
    const { outstanding, slot } = this.#transport;
    const { number } = this.#host.disks[target]!;
    return outstanding.ofSlot(slot).filter((state) => {
      const request = outstanding.operations.get(state.operation)!.request;
      return "disk" in request && request.disk === number;
    });
  }

  #respond(request: TaskManagementState, response: number): void {
    scatter(this.#transport.memory, request.response, Uint8Array.of(response));
    this.#transport.give(this.#host.queue, request.head, responseBytes);
  }
}
