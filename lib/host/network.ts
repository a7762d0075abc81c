/**
 * The back of the network device: a socket of a frame switch, of `passt`, or of QEMU. The guest never
 * learns whether anybody is there.
 */
import { addressOf, maximumFrameBytes } from "../board/ethernet.ts";
import { announcement } from "./announcement.ts";
import { FrameClient } from "./frame_client.ts";
import { pause, settledWithin } from "./pause.ts";

/** When an announcement is repeated, milliseconds after the one before: as QEMU does at a migration. */
const REPEAT_MILLISECONDS = [50, 150, 250, 350] as const;

/** How long a machine's last frames may take to leave. */
const FAREWELL_MILLISECONDS = 200;

/** What a live machine's network does with what comes. */
export interface NetworkEvents {
  /** A frame that the machine can take has come. */
  readonly frame: (frame: Uint8Array) => void;
  /** One line for a person. */
  readonly note: (text: string) => void;
}

/** One machine's way to a network. */
export class NetworkSocket {
  readonly #client: FrameClient;
  readonly #announcement: Uint8Array;
  readonly #end = new AbortController();
  /** The connection that stands is the machine's first: there is nothing to announce. */
  #first = false;

  /**
   * Opens nothing yet.
   *
   * @param path Of the socket.
   * @param mac The machine's address.
   */
  constructor(path: string, mac: string) {
    this.#client = new FrameClient(path);
    this.#announcement = announcement(addressOf(mac));
  }

  /**
   * Connects for a machine that boots: nobody knows its address yet, so it announces nothing. A promoted
   * machine goes on with or without a network, and leaves this out.
   *
   * @throws {SocketError} when nobody is there
   */
  async connect(): Promise<void> {
    await this.#client.connect();
    this.#first = true;
  }

  /**
   * From now on frames come. Whenever the machine turns up at another port, by promotion or after its peer
   * was away, it is announced, so that switches find it.
   */
  start({ frame, note }: NetworkEvents): void {
    this.#client.start({
      frame: (bytes) => {
        if (bytes.length <= maximumFrameBytes) frame(bytes);
      },
      connected: () => {
        if (this.#first) this.#first = false;
        else void this.#announce();
      },
      note,
    });
  }

  /** Sends a frame, or drops it. */
  send(frame: Uint8Array): void {
    this.#client.send(frame);
  }

  /** Lets what was sent leave, unless the peer does not take it, and frees the socket. */
  async close(): Promise<void> {
    this.#end.abort();
    await settledWithin(this.#client.sent(), FAREWELL_MILLISECONDS);
    this.#client.close();
  }

  async #announce(): Promise<void> {
    this.send(this.#announcement);
    for (const milliseconds of REPEAT_MILLISECONDS) {
      await pause(milliseconds, this.#end.signal);
      if (this.#end.signal.aborted) return;
      this.send(this.#announcement);
    }
  }
}
