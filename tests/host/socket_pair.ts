/** Two connected sockets in memory: what one writes, the other reads. */
import { setImmediate } from "node:timers";
import type { FrameSocket } from "../../lib/host/frame_stream.ts";

class Pipe {
  #bytes = new Uint8Array(0);
  #changed = Promise.withResolvers<void>();
  ended = false;

  constructor(private readonly capacity: number) {}

  async write(data: Uint8Array): Promise<number> {
    while (!this.ended && this.#bytes.length >= this.capacity) await this.#changed.promise;
    if (this.ended) throw new Deno.errors.BrokenPipe("The other end is closed");
    const taken = data.slice(0, this.capacity - this.#bytes.length);
    this.#set(Uint8Array.of(...this.#bytes, ...taken));
    return taken.length;
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (!this.ended && this.#bytes.length === 0) await this.#changed.promise;
    if (this.#bytes.length === 0) return null;
    const taken = this.#bytes.subarray(0, into.length);
    into.set(taken);
    this.#set(this.#bytes.slice(taken.length));
    return taken.length;
  }

  end(): void {
    this.ended = true;
    this.#set(this.#bytes);
  }

  #set(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** The pair. */
export class SocketPair {
  readonly #there: Pipe;
  readonly #back: Pipe;
  readonly left: FrameSocket;
  readonly right: FrameSocket;

  /** @param capacity Bytes that are taken before anybody reads. */
  constructor(capacity = 65_536) {
    const there = this.#there = new Pipe(capacity);
    const back = this.#back = new Pipe(capacity);
    const close = () => {
      there.end();
      back.end();
    };
    this.left = { read: (into) => back.read(into), write: (data) => there.write(data), close };
    this.right = { read: (into) => there.read(into), write: (data) => back.write(data), close };
  }

  /** Whether either end was closed. */
  get closed(): boolean {
    return this.#there.ended || this.#back.ended;
  }

  /** Everything that can travel has travelled. */
  async idle(): Promise<void> {
    for (let turn = 0; turn < 2000; turn++) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }
}
