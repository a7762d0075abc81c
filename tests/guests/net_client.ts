/** The other end of a conversation with the guest `net`: a client that knows what each reply must say. */
import { addressOf } from "../../lib/board/ethernet.ts";
import { Seeded } from "../epoch/seeded.ts";

/** A station of the guest: its IP address ends in the last byte of its MAC address. */
export const guestMac = "02:00:00:00:00:0a";

const clientMac = "02:00:00:00:00:63";
const port = 7000;
const headerBytes = 14 + 20 + 8;

/** How a client reaches the network. */
export interface Wire {
  send(frame: Uint8Array): void;
  after(milliseconds: number, action: () => void): void;
}

/** The internet checksum (RFC 1071). */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  bytes.forEach((byte, index) => sum += index % 2 === 0 ? byte << 8 : byte);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The checksum that the guest keeps over the contents of all messages. */
function checksumAfter(checksum: bigint, contents: Uint8Array): bigint {
  for (const byte of contents) checksum = BigInt.asUintN(64, checksum * 31n + BigInt(byte));
  return checksum;
}

/** An IPv4 datagram of the client to a station of the guest. */
export function datagramTo(mac: string, payload: Uint8Array): Uint8Array {
  const server = addressOf(mac);
  const client = addressOf(clientMac);
  const frame = new Uint8Array(Math.max(60, headerBytes + payload.length));
  const view = new DataView(frame.buffer);
  frame.set(server);
  frame.set(client, 6);
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint16(16, 28 + payload.length);
  frame.set([64, 17], 22);
  frame.set([10, 77, 0, client[5]!, 10, 77, 0, server[5]!], 26);
  view.setUint16(24, internetChecksum(frame.subarray(14, 34)));
  view.setUint16(34, port);
  view.setUint16(36, port);
  view.setUint16(38, 8 + payload.length);
  frame.set(payload, headerBytes);
  return frame;
}

/** What a datagram carries. */
export function payloadOf(datagram: Uint8Array): Uint8Array {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  return datagram.subarray(headerBytes, headerBytes + view.getUint16(38) - 8);
}

/** Sends numbered messages, each until it is answered, and then ends the guest. */
export class NetClient {
  readonly #count: number;
  readonly #mac: string;
  readonly #random = new Seeded(23);
  #number = 0;
  #checksum = 0n;
  #frame: Uint8Array | undefined;
  #wire: Wire | undefined;
  #allowed = Infinity;
  /** The message sent last is answered, and the next one is not allowed yet. */
  #waits = false;
  /** Why a reply was not what it must be. */
  wrong: string | undefined;
  /** Messages that were sent again. */
  repeated = 0;

  /** @param count Messages to send. */
  constructor(count: number, mac: string = guestMac) {
    this.#count = count;
    this.#mac = mac;
  }

  /** Messages answered rightly. */
  get answered(): number {
    if (this.#frame === undefined) return 0;
    return this.#waits ? this.#number : this.#number - 1;
  }

  /** Whether all have been answered rightly. */
  get finished(): boolean {
    return this.#number > this.#count;
  }

  /** The checksum over all messages sent, as the guest prints it. */
  get checksum(): string {
    return this.#checksum.toString(16).padStart(16, "0");
  }

  /** Begins to talk. */
  begin(wire: Wire): void {
    this.#wire = wire;
    this.#next();
  }

  /** Message `count` is repeated until more are allowed. */
  allow(count: number): void {
    this.#allowed = count;
    if (!this.#waits) return;
    this.#waits = false;
    this.#next();
  }

  /** Takes a frame from the network. */
  receive(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    if (frame.length < headerBytes + 16 || view.getUint16(12) !== 0x0800 || frame[23] !== 17) {
      return;
    }
    if (this.finished || view.getBigUint64(headerBytes) !== BigInt(this.#number)) return;
    const checksum = view.getBigUint64(headerBytes + 8);
    if (internetChecksum(frame.subarray(14, 34)) !== 0) this.wrong = "A header's checksum is wrong";
    if (checksum !== this.#checksum) {
      this.wrong = `The reply to message ${this.#number} has checksum ${checksum.toString(16)}`;
    }
    if (this.#number === this.#allowed && this.#number < this.#count) this.#waits = true;
    else this.#next();
  }

  #next(): void {
    const number = ++this.#number;
    const finished = this.finished;
    const contents = finished
      ? new Uint8Array(0)
      : Uint8Array.from({ length: this.#random.between(1, 1464) }, () =>
        this.#random.between(0, 255));
    this.#checksum = checksumAfter(this.#checksum, contents);
    const payload = new Uint8Array(8 + contents.length);
    new DataView(payload.buffer).setBigUint64(0, BigInt(finished ? 0 : number));
    payload.set(contents, 8);
    this.#frame = datagramTo(this.#mac, payload);
    this.#send(number, false);
  }

  #send(number: number, again: boolean): void {
    if (number !== this.#number) return;
    if (again) this.repeated++;
    this.#wire!.send(this.#frame!);
    this.#wire!.after(30, () => this.#send(number, true));
  }
}
