/**
 * Ethernet frames over a byte stream, as QEMU's `-netdev stream` and `passt` speak them: the length in
 * 32 bits, big-endian, then the frame.
 */
import { minimumFrameBytes } from "../board/ethernet.ts";
import { errorText, isGone } from "./fault.ts";

/** Longest frame on a stream: QEMU's own limit. Machines take much shorter ones. */
export const longestStreamFrameBytes: number = 4096 + 65536;

/** Bytes that wait for a slow reader; what comes when there are so many is dropped. */
const WAITING_BYTES = 2 ** 18;

const READ_BYTES = 2 ** 16;
const LENGTH_BYTES = 4;

/** A peer has announced a frame of a length that none can have. */
export class FramingError extends Error {
  /** Tells this error from others. */
  override readonly name = "FramingError";
}

/** Bytes to frames. */
export class FrameDecoder {
  readonly #length = new DataView(new ArrayBuffer(LENGTH_BYTES));
  #frame: Uint8Array | undefined;
  #filled = 0;

  /**
   * The frames completed by the next bytes of the stream.
   *
   * @throws {FramingError} at a length that no frame has; nothing can be read after that
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length) {
      const target = this.#frame ?? new Uint8Array(this.#length.buffer);
      const part = chunk.subarray(at, at + target.length - this.#filled);
      target.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < target.length) break;
      this.#filled = 0;
      if (this.#frame === undefined) {
        this.#frame = new Uint8Array(checkedLength(this.#length.getUint32(0)));
      } else {
        frames.push(this.#frame);
        this.#frame = undefined;
      }
    }
    return frames;
  }
}

function checkedLength(length: number): number {
  if (length >= minimumFrameBytes && length <= longestStreamFrameBytes) return length;
  throw new FramingError(
    `A frame of ${length} bytes, must have ${minimumFrameBytes} to ${longestStreamFrameBytes}`,
  );
}

/** Frames as the bytes of a stream. */
export function encodeFrames(frames: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const frame of frames) {
    view.setUint32(at, frame.length);
    bytes.set(frame, at + LENGTH_BYTES);
    at += LENGTH_BYTES + frame.length;
  }
  return bytes;
}

/** The part of a connected socket that is used here. */
export interface FrameSocket {
  /** Reads some bytes; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of `data`, answers how many bytes. */
  write(data: Uint8Array): Promise<number>;
  /** Frees it; reads and writes under way fail. */
  close(): void;
}

/** A connected peer that takes and gives frames. A slow one loses frames and slows nobody. */
export class FrameConnection {
  readonly #socket: FrameSocket;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #closed = false;
  /** Frames dropped because the peer read too slowly. */
  dropped = 0;

  /** Owns `socket` from now on. */
  constructor(socket: FrameSocket) {
    this.#socket = socket;
  }

  /** Sends a frame, or drops it. */
  send(frame: Uint8Array): void {
    if (this.#closed || this.#waitingBytes + frame.length > WAITING_BYTES) {
      this.dropped++;
      return;
    }
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    this.#writing ??= this.#write();
  }

  /** Resolves when the kernel has everything that was to be sent. */
  async sent(): Promise<void> {
    await this.#writing;
  }

  /**
   * Hands every frame that comes to `deliver`, until the peer or {@linkcode close} ends it.
   *
   * @returns Why it ended, in words.
   */
  async receive(deliver: (frame: Uint8Array) => void): Promise<string> {
    const decoder = new FrameDecoder();
    const into = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        const count = await this.#socket.read(into);
        if (count === null || this.#closed) return "it has gone away";
        for (const frame of decoder.push(into.subarray(0, count))) deliver(frame);
      }
    } catch (error) {
      return this.#closed || isGone(error) ? "it has gone away" : errorText(error);
    } finally {
      this.close();
    }
  }

  /** Lets go at once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    this.#socket.close();
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const bytes = encodeFrames(this.#waiting);
        const taken = this.#waitingBytes;
        this.#waiting = [];
        for (let done = 0; done < bytes.length;) {
          done += await this.#socket.write(bytes.subarray(done));
        }
        this.#waitingBytes -= taken;
      }
    } catch {
      // The reader of this connection learns why.
      this.close();
    }
    this.#writing = undefined;
  }
}
