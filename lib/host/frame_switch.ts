/**
 * A learning Ethernet switch (IEEE 802.1D, 7.7 to 7.9, without spanning tree): a frame goes to the port
 * behind which its destination was last seen, or to all others.
 */
import { addressBytes, isGroup } from "../board/ethernet.ts";

/** How long an address is remembered that is not heard of, milliseconds. */
const AGEING_MILLISECONDS = 300_000;

/** Most addresses remembered; a further one takes the place of the one not heard of for longest. */
const MOST_ADDRESSES = 4096;

/** What is plugged in. */
export interface SwitchPort {
  /** Takes a frame, or drops it; never waits. */
  send(frame: Uint8Array): void;
}

interface Learned {
  readonly port: SwitchPort;
  readonly milliseconds: number;
}

/** The switch, as a thing of its own: its ports are anything that takes frames. */
export class FrameSwitch {
  readonly #ports = new Set<SwitchPort>();
  /** By address, the one heard of most recently last. */
  readonly #learned = new Map<number, Learned>();
  readonly #now: () => number;

  /** `now` tells the time in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Number of ports. */
  get ports(): number {
    return this.#ports.size;
  }

  /** Number of addresses remembered. */
  get addresses(): number {
    return this.#learned.size;
  }

  /** Plugs a port in. */
  attach(port: SwitchPort): void {
    this.#ports.add(port);
  }

  /** Pulls a port out, and forgets whoever was behind it. */
  detach(port: SwitchPort): void {
    this.#ports.delete(port);
    for (const [address, learned] of this.#learned) {
      if (learned.port === port) this.#learned.delete(address);
    }
  }

  /** Forwards a frame that has come in at a port. */
  receive(from: SwitchPort, frame: Uint8Array): void {
    const source = frame.subarray(addressBytes, 2 * addressBytes);
    // A group sends nothing.
    if (isGroup(source)) return;
    this.#learn(numberOf(source), from);
    const destination = frame.subarray(0, addressBytes);
    const to = isGroup(destination) ? undefined : this.#lookUp(numberOf(destination));
    if (to === from) return;
    if (to !== undefined) return to.send(frame);
    for (const port of this.#ports) if (port !== from) port.send(frame);
  }

  #learn(address: number, port: SwitchPort): void {
    this.#learned.delete(address);
    if (this.#learned.size >= MOST_ADDRESSES) {
      const [oldest] = this.#learned.keys();
      this.#learned.delete(oldest!);
    }
    this.#learned.set(address, { port, milliseconds: this.#now() });
  }

  #lookUp(address: number): SwitchPort | undefined {
    const learned = this.#learned.get(address);
    if (learned === undefined) return undefined;
    if (this.#now() - learned.milliseconds < AGEING_MILLISECONDS) return learned.port;
    this.#learned.delete(address);
    return undefined;
  }
}

/** A MAC address as a number of 48 bits. */
function numberOf(address: Uint8Array): number {
  let number = 0;
  for (const byte of address) number = number * 256 + byte;
  return number;
}
