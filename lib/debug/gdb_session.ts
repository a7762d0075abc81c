/** One conversation with gdb: packets in, answers out, and Ctrl-C while the recording moves. */
import { answerTo, error } from "./gdb_packets.ts";
import {
  type GdbEvent,
  gdbPacket,
  GdbPacketReader,
  hexText,
  packetBytesLimit,
} from "./gdb_packet.ts";
import { GdbTarget, type GdbTargetParts } from "./gdb_target.ts";

/** Packets that wait to be answered; whoever sends more of them is not read meanwhile. */
const WAITING_LIMIT = 64;
/** Characters of console output for one packet. */
const PRINTED_CHARACTERS = 2000;

/**
 * gdb takes a side that says nothing for two seconds for a dead one, and asks again. It skips what stands
 * between packets, and goes on waiting.
 */
const PATIENCE_MILLISECONDS = 500;
const PATIENCE = Uint8Array.of(0x0a);

const ACKNOWLEDGED = Uint8Array.of(0x2b);
const REFUSED = Uint8Array.of(0x2d);

/** A stream of bytes, both ways. */
export interface GdbConnection {
  /** What gdb sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What it receives. */
  readonly writable: WritableStream<Uint8Array>;
}

/** How a conversation has ended. */
export type GdbEnding = "detached" | "killed" | "disconnected";

/**
 * Answers gdb until it leaves. When it just disappears, so does the motion that is under way.
 *
 * @param open Opens the recording, which may take its time; it is left where it stands. It is told when gdb
 *   has not waited for it.
 */
export async function serveGdb(
  connection: GdbConnection,
  open: (gone: AbortSignal) => Promise<GdbTargetParts>,
): Promise<GdbEnding> {
  const writer = connection.writable.getWriter();
  const parts = await patiently(writer, open);
  return await new GdbSession(connection.readable, writer, parts).serve();
}

/** Does what may take longer than gdb waits. */
async function patiently<Result>(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  action: (gone: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const gone = new AbortController();
  const timer = setInterval(
    () => void writer.write(PATIENCE).catch(() => gone.abort()),
    PATIENCE_MILLISECONDS,
  );
  try {
    return await action(gone.signal);
  } finally {
    clearInterval(timer);
  }
}

class GdbSession {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #target: GdbTarget;
  readonly #waiting: GdbEvent[] = [];
  #changed = Promise.withResolvers<void>();
  #isOpen = true;
  #received = 0;
  #answered = 0;
  /** How many had been received when Ctrl-C came. */
  #interruptedUpTo = 0;
  #last: Uint8Array = new Uint8Array();

  constructor(
    readable: ReadableStream<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    parts: GdbTargetParts,
  ) {
    this.#reader = readable.getReader();
    this.#writer = writer;
    this.#target = new GdbTarget(parts, (text) => this.#print(text));
  }

  async serve(): Promise<GdbEnding> {
    const reading = this.#read();
    try {
      for (;;) {
        const event = await this.#next();
        if (!event) return "disconnected";
        await this.#take(event);
        if (++this.#answered >= this.#interruptedUpTo) this.#target.settle();
        if (this.#target.left) return this.#target.left;
      }
    } finally {
      this.#isOpen = false;
      this.#change();
      await this.#reader.cancel().catch(() => {});
      await reading;
      await this.#writer.close().catch(() => {});
    }
  }

  /** Takes what comes; a Ctrl-C at once, the rest in turn. */
  async #read(): Promise<void> {
    const packets = new GdbPacketReader();
    try {
      for (;;) {
        const { value, done } = await this.#reader.read();
        if (done) break;
        for (const event of packets.push(value)) {
          if (event.kind === "interrupt") this.#interrupt();
          else if (event.kind !== "acknowledged") {
            this.#waiting.push(event);
            this.#received++;
          }
        }
        this.#change();
        while (this.#isOpen && this.#waiting.length > WAITING_LIMIT) await this.#changed.promise;
      }
    } catch {
      // The connection is gone, which is all that it says.
    }
    this.#isOpen = false;
    this.#interruptedUpTo = Infinity;
    this.#target.interrupt();
    this.#change();
  }

  /** Ends what has been asked for; when everything has been answered, it comes too late. */
  #interrupt(): void {
    if (this.#answered === this.#received) return;
    this.#interruptedUpTo = this.#received;
    this.#target.interrupt();
  }

  async #next(): Promise<GdbEvent | undefined> {
    while (this.#waiting.length === 0) {
      if (!this.#isOpen) return undefined;
      await this.#changed.promise;
    }
    const event = this.#waiting.shift();
    this.#change();
    return event;
  }

  async #take(event: GdbEvent): Promise<void> {
    switch (event.kind) {
      case "packet":
        await this.#acknowledge(ACKNOWLEDGED);
        await this.#send(
          await patiently(this.#writer, () => answerTo(this.#target, event.text)),
        );
        return;
      case "damaged":
        // Without acknowledgements nobody sends it again.
        if (this.#target.withoutAcknowledgements) {
          await this.#send(error("The packet is damaged: its checksum is another"));
        } else await this.#write(REFUSED);
        return;
      case "oversized":
        await this.#acknowledge(ACKNOWLEDGED);
        await this.#send(error(`The packet is longer than ${packetBytesLimit} bytes`));
        return;
      case "refused":
        if (this.#last.length > 0) await this.#write(this.#last);
    }
  }

  async #acknowledge(byte: Uint8Array): Promise<void> {
    if (!this.#target.withoutAcknowledgements) await this.#write(byte);
  }

  async #print(text: string): Promise<void> {
    for (let at = 0; at < text.length; at += PRINTED_CHARACTERS) {
      await this.#send(`O${hexText(text.slice(at, at + PRINTED_CHARACTERS))}`);
    }
  }

  async #send(text: string): Promise<void> {
    this.#last = gdbPacket(text);
    await this.#write(this.#last);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#writer.write(bytes);
    } catch {
      // It has gone: reading ends as well, and with it the conversation.
    }
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
