/**
 * virtio-console with one port (virtio 1.2, section 5.3) as the bill port: what the guest transmits is
 * appended to the bill file at a position, and each buffer is returned when that is done.
 */
import type { FieldAllocator, Fields } from "./fields.ts";
import type { OutstandingState } from "./machine_state.ts";
import type { CompletionStatus } from "./operation.ts";
import { gather, lengthOf } from "./scatter.ts";
import type { VirtioDevice, VirtioTransport } from "./virtio_device.ts";
import { VirtqueueError } from "./virtqueue.ts";

const fields = {
  /** Bytes transmitted since power-on: the offset of the next bill. */
  position: "count",
  /** Buffers wait until earlier ones are done. */
  deferred: "flag",
} as const;

const queues = { receive: 0, transmit: 1 } as const;

/** Most bytes of data in flight; further buffers stay in the queue. */
const outstandingBytes = 2 ** 20;

/** Most bytes of one buffer. */
export const maximumBillBytes = 2 ** 16;

/** The bill port. */
export class VirtioConsole implements VirtioDevice {
  readonly deviceId = 3;
  readonly features = 0;
  readonly queues = 2;
  readonly #fields: Fields<typeof fields>;
  readonly #transport: VirtioTransport;

  /** Places the fields, at position 0. */
  constructor(allocator: FieldAllocator, transport: VirtioTransport) {
    this.#fields = allocator.place("bill-port", fields);
    this.#transport = transport;
  }

  /** Columns, rows, most ports, emergency write: none of them used without its feature. */
  configuration(): Uint8Array {
    return new Uint8Array(12);
  }

  configure(): boolean {
    return true;
  }

  inFlight(queue: number): number {
    return queue === queues.transmit
      ? this.#transport.outstanding.countOf(this.#transport.slot)
      : 0;
  }

  notified(queue: number): void {
    // The receive queue's buffers stay there: nobody types at the bill port.
    if (queue === queues.transmit) this.#transmit();
  }

  completed(state: OutstandingState, status: CompletionStatus): void {
    // The protocol has no errors. A lost bill must not look paid, so the port breaks instead.
    if (status === "done") this.#transport.give(queues.transmit, state.head, 0);
    else this.#transport.fail();
  }

  resume(): void {
    if (this.#fields.values.deferred !== 0) this.#transmit();
  }

  /** The position goes on counting: the file outside keeps what it has. */
  reset(): void {
    this.#fields.values.deferred = 0;
  }

  #transmit(): void {
    const { values } = this.#fields;
    const { outstanding, memory, slot } = this.#transport;
    values.deferred = 0;
    let bytes = outstanding.bytesOf(slot);
    for (;;) {
      if (bytes >= outstandingBytes) {
        values.deferred = 1;
        return;
      }
      const chain = this.#transport.take(queues.transmit);
      if (chain === undefined) return;
      const length = lengthOf(chain.readable);
      if (length > maximumBillBytes) {
        throw new VirtqueueError(`A bill of ${length} bytes is over ${maximumBillBytes}`);
      }
      if (length === 0) {
        this.#transport.give(queues.transmit, chain.head, 0);
        continue;
      }
      const data = gather(memory, chain.readable);
      bytes += length;
      outstanding.issue(
        { kind: "bill-append", offset: values.position, data },
        {
          slot,
          head: chain.head,
          response: [],
          data: [],
          dataBytes: length,
          tag: 0n,
          forceUnitAccess: false,
          fate: "normal",
        },
      );
      values.position += length;
    }
  }
}
