/** Cables between machines on one stage: byte streams in memory that can be held, cut and hung up. */
import { type ByteStream, TransportError } from "../../../lib/replica/transport.ts";
import type { FileIdentity } from "../../../lib/replica/rules.ts";

/** One direction of a cable. */
export class Wire {
  readonly #queue: Uint8Array[] = [];
  #ended = false;
  #cut = false;
  #held = false;
  #wake: (() => void) | undefined;
  /** Bytes that have been put in so far. */
  sentBytes = 0;
  /** Asked for every piece; what it answers is what travels. For damage. */
  alter: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes;

  /** Nothing is delivered until {@linkcode release}: it is in flight. */
  hold(): void {
    this.#held = true;
  }

  /** Delivers what was held. */
  release(): void {
    this.#held = false;
    this.#wake?.();
  }

  /** What is put in from now on vanishes, and nobody notices. */
  cut(): void {
    this.#cut = true;
  }

  /** The writing end is closed: the reader gets what is in flight, then the end. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The stream that reads from this wire. */
  readonly readable: ReadableStream<Uint8Array> = new ReadableStream({
    pull: async (controller) => {
      for (;;) {
        const next = this.#held ? undefined : this.#queue.shift();
        if (next) return controller.enqueue(next);
        if (this.#ended && !this.#held && this.#queue.length === 0) return controller.close();
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    },
  }, { highWaterMark: 0 });

  /** The stream that writes to this wire. */
  writable(name: string): WritableStream<Uint8Array> {
    return new WritableStream({
      write: (bytes) => {
        if (this.#ended) {
          throw new TransportError("Cannot write to", name, "the other end is gone", {
            gone: true,
          });
        }
        this.sentBytes += bytes.length;
        if (this.#cut) return;
        this.#queue.push(this.alter(bytes.slice()));
        this.#wake?.();
      },
      close: () => this.end(),
    });
  }
}

let cables = 0;

/** A two-way stream, or a one-way pipe with an identity. */
export class Cable {
  /** From the primary to the backup. */
  readonly log = new Wire();
  /** From the backup to the primary. */
  readonly answers = new Wire();
  /** The primary's end. */
  readonly primary: ByteStream;
  /** The backup's end. */
  readonly backup: ByteStream;

  /** @param pipe Given for a one-way pipe: its identity at both ends. */
  constructor(pipe?: FileIdentity) {
    const name = `cable ${++cables}`;
    const close = () => {
      this.hangUp();
      return Promise.resolve();
    };
    const common = {
      name,
      kind: pipe ? "standard" as const : "unix" as const,
      ...(pipe ? { identity: pipe } : {}),
      endAtPresentEnd() {},
      close,
    };
    this.primary = {
      ...common,
      direction: pipe ? "out" : "two-way",
      writable: this.log.writable(name),
      ...(pipe ? {} : { readable: this.answers.readable }),
    };
    this.backup = {
      ...common,
      direction: pipe ? "in" : "two-way",
      readable: this.log.readable,
      ...(pipe ? {} : { writable: this.answers.writable(name) }),
    };
  }

  /** Cuts both directions; nobody notices. */
  cut(): void {
    this.log.cut();
    this.answers.cut();
  }

  /** An end has closed, or its process has died: both sides come to the end of what is in flight. */
  hangUp(): void {
    this.log.end();
    this.answers.end();
  }
}
