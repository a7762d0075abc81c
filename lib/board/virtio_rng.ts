/**
 * virtio entropy device (virtio 1.2, section 5.4): each buffer comes back with random bytes in it, which
 * the environment answers and the log keeps.
 */
import type { OutstandingState } from "./machine_state.ts";
import type { CompletionStatus, DmaBlock } from "./operation.ts";
import { lengthOf, sliceOf } from "./scatter.ts";
import type { VirtioDevice, VirtioTransport } from "./virtio_device.ts";
import { VirtqueueError } from "./virtqueue.ts";

/** Most bytes put into one buffer; the driver comes back for more. */
export const maximumEntropyBytes = 1024;

const requestQueue = 0;

/** The source of random bytes. */
export class VirtioRng implements VirtioDevice {
  readonly deviceId = 4;
  readonly features = 0;
  readonly queues = 1;
  readonly #transport: VirtioTransport;

  /** Has no state of its own. */
  constructor(transport: VirtioTransport) {
    this.#transport = transport;
  }

  configuration(): Uint8Array {
    return new Uint8Array(0);
  }

  configure(): boolean {
    return true;
  }

  inFlight(): number {
    return this.#transport.outstanding.countOf(this.#transport.slot);
  }

  notified(): void {
    const { outstanding, slot } = this.#transport;
    for (;;) {
      const chain = this.#transport.take(requestQueue);
      if (chain === undefined) return;
      const bytes = Math.min(maximumEntropyBytes, lengthOf(chain.writable));
      // At least one byte has to be written (section 5.4.6.2).
      if (bytes === 0) throw new VirtqueueError("A buffer for random bytes has no room for any");
      outstanding.issue({ kind: "entropy", bytes }, {
        slot,
        head: chain.head,
        response: [],
        data: sliceOf(chain.writable, 0, bytes),
        dataBytes: bytes,
        tag: 0n,
        forceUnitAccess: false,
        fate: "normal",
      });
    }
  }

  completed(
    state: OutstandingState,
    status: CompletionStatus,
    blocks: readonly DmaBlock[],
  ): void {
    // The protocol has no errors, and a buffer without random bytes must not come back.
    if (status !== "done") return this.#transport.fail();
    for (const { address, data } of blocks) this.#transport.memory.write(address, data);
    this.#transport.give(requestQueue, state.head, state.dataBytes);
  }

  /** Nothing ever waits for room. */
  resume(): void {}

  reset(): void {}
}
