/**
 * virtio-net (virtio 1.2, section 5.1) without offloads. It has no state of its own:
 *
 * - a frame that is transmitted leaves its buffer at once and goes out with the epoch; nobody tells the
 *   guest what became of it, as on any Ethernet;
 * - a frame is received only into a buffer that the driver has made available; until then it waits
 *   outside ({@linkcode VirtioNet.room}).
 */
import {
  addressOf,
  maximumFrameBytes,
  maximumTransferUnit,
  minimumFrameBytes,
} from "./ethernet.ts";
import { gather, lengthOf, scatter, sliceOf } from "./scatter.ts";
import type { VirtioDevice, VirtioTransport } from "./virtio_device.ts";
import { maximumQueueSize } from "./virtqueue.ts";

const queues = { receive: 0, transmit: 1 } as const;

/** VIRTIO_NET_F_MTU, VIRTIO_NET_F_MAC, VIRTIO_NET_F_STATUS. */
const features = 1 << 3 | 1 << 5 | 1 << 16;

const linkUp = 1;

/** Size of the header before each frame, in both directions. */
const headerBytes = 12;

/** A frame's header without offloads: num_buffers is 1 (section 5.1.6.4.1), the rest 0. */
const receiveHeader = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0);

/** A run ends when so many bytes wait to be taken. */
const epochBytes = 2 ** 16;

/** Room above {@linkcode epochBytes} for one whole queue: only a replica, which sends nothing, gets here. */
const mostBytes: number = epochBytes + maximumQueueSize * maximumFrameBytes;

/** The network device. */
export class VirtioNet implements VirtioDevice {
  readonly deviceId = 1;
  readonly features: number = features;
  readonly queues = 2;
  readonly #transport: VirtioTransport;
  readonly #requestStop: () => void;
  readonly #configuration: Uint8Array;
  #sent: Uint8Array[] = [];
  #sentBytes = 0;

  /** `requestStop` ends the run. */
  constructor(transport: VirtioTransport, address: string, requestStop: () => void) {
    this.#transport = transport;
    this.#requestStop = requestStop;
    // Address, status, number of queue pairs (unused), largest transfer unit (section 5.1.4).
    this.#configuration = new Uint8Array(12);
    this.#configuration.set(addressOf(address));
    const view = new DataView(this.#configuration.buffer);
    view.setUint16(6, linkUp, true);
    view.setUint16(10, maximumTransferUnit, true);
  }

  configuration(): Uint8Array {
    return this.#configuration;
  }

  configure(): boolean {
    return true;
  }

  inFlight(): number {
    return 0;
  }

  notified(queue: number): void {
    if (queue === queues.transmit) this.#transmit();
  }

  /** It issues no operations. */
  completed(): void {}

  resume(): void {}

  reset(): void {}

  /** Whether frames wait to be taken. */
  get hasSent(): boolean {
    return this.#sent.length > 0;
  }

  /** The frames transmitted since the last call, in order. */
  takeSent(): Uint8Array[] {
    const sent = this.#sent;
    this.#sent = [];
    this.#sentBytes = 0;
    return sent;
  }

  /** Number of frames that can be received now; undefined while no driver listens. */
  get room(): number | undefined {
    return this.#transport.available(queues.receive);
  }

  /** Receives a frame. Without a buffer, or with one that is too small, it is dropped. */
  receive(frame: Uint8Array): void {
    this.#transport.guarded(() => {
      const chain = this.#transport.take(queues.receive);
      if (chain === undefined) return;
      const length = headerBytes + frame.length;
      if (lengthOf(chain.writable) < length) {
        this.#transport.give(queues.receive, chain.head, 0);
        return;
      }
      const received = new Uint8Array(length);
      received.set(receiveHeader);
      received.set(frame, headerBytes);
      scatter(this.#transport.memory, chain.writable, received);
      this.#transport.give(queues.receive, chain.head, length);
    });
  }

  #transmit(): void {
    for (;;) {
      const chain = this.#transport.take(queues.transmit);
      if (chain === undefined) break;
      const length = lengthOf(chain.readable) - headerBytes;
      if (length >= minimumFrameBytes && length <= maximumFrameBytes) {
        this.#send(gather(this.#transport.memory, sliceOf(chain.readable, headerBytes, length)));
      }
      this.#transport.give(queues.transmit, chain.head, 0);
    }
    if (this.#sentBytes >= epochBytes) this.#requestStop();
  }

  #send(frame: Uint8Array): void {
    if (this.#sentBytes >= mostBytes) return;
    this.#sent.push(frame);
    this.#sentBytes += frame.length;
  }
}
