/** How disks take requests from their queue: as long as there is room for the data in flight. */
import type { VirtioTransport } from "./virtio_device.ts";
import type { Chain } from "./virtqueue.ts";

/** Most bytes of data in flight; further requests stay in the queue. */
const outstandingBytes = 16 * 2 ** 20;

/**
 * Takes requests until the queue is empty or too much data is in flight.
 *
 * @param state Its `deferred` becomes 1 when requests may have stayed in the queue for want of room.
 */
export function serveRequests(
  transport: VirtioTransport,
  queue: number,
  state: { deferred: number },
  request: (chain: Chain) => void,
): void {
  const { outstanding, slot } = transport;
  state.deferred = 0;
  for (;;) {
    if (outstanding.bytesOf(slot) >= outstandingBytes) {
      state.deferred = 1;
      return;
    }
    const chain = transport.take(queue);
    if (chain === undefined) return;
    request(chain);
  }
}
