/** A connection to a frame socket that is made again whenever the peer goes away. */
import { FrameConnection } from "./frame_stream.ts";
import { pause } from "./pause.ts";
import { connectSocket } from "./unix_socket.ts";

/** First and longest wait before a lost peer is looked for again, milliseconds. */
const RETRY_MILLISECONDS = { first: 50, longest: 2000 } as const;

/** What a client tells. */
export interface FrameClientEvents {
  /** A frame has come. */
  readonly frame: (frame: Uint8Array) => void;
  /** The connection stands, for the first time or again. */
  readonly connected?: () => void;
  /** One line for a person. */
  readonly note: (text: string) => void;
}

/** A peer by the path of its socket. While it is away, frames are dropped. */
export class FrameClient {
  readonly #path: string;
  readonly #end = new AbortController();
  #connection: FrameConnection | undefined;

  /** Nothing is opened yet. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Connects at once: for those who must know whether anybody is there.
   *
   * @throws {SocketError}
   */
  async connect(): Promise<void> {
    this.#connection = new FrameConnection(await connectSocket(this.#path));
  }

  /** From now on frames go both ways, and a peer that is away is looked for. */
  start(events: FrameClientEvents): void {
    void this.#run(events);
  }

  /** Sends a frame, or drops it. */
  send(frame: Uint8Array): void {
    this.#connection?.send(frame);
  }

  /** Resolves when the kernel has everything that was to be sent. */
  async sent(): Promise<void> {
    await this.#connection?.sent();
  }

  /** Lets go at once. */
  close(): void {
    this.#end.abort();
    this.#connection?.close();
  }

  async #run({ frame, connected, note }: FrameClientEvents): Promise<void> {
    const { signal } = this.#end;
    let wait: number = RETRY_MILLISECONDS.first;
    let missed = false;
    while (!signal.aborted) {
      try {
        if (this.#connection === undefined) await this.connect();
      } catch (error) {
        if (!missed) note(`${(error as Error).message}; trying again and again`);
        missed = true;
        await pause(wait, signal);
        wait = Math.min(wait * 2, RETRY_MILLISECONDS.longest);
        continue;
      }
      if (signal.aborted) return this.#connection?.close();
      if (missed) note(`Connected to unix:${this.#path}`);
      missed = false;
      wait = RETRY_MILLISECONDS.first;
      connected?.();
      const why = await this.#connection!.receive(frame);
      this.#connection = undefined;
      if (signal.aborted) return;
      note(`Lost the network at unix:${this.#path}: ${why}`);
      missed = true;
      await pause(wait, signal);
    }
  }
}
