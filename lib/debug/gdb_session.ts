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
  return await new GdbSession(connection).serve(open);
}

class GdbSession {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** There once the recording is open. */
  #target: GdbTarget | undefined;
  readonly #waiting: GdbEvent[] = [];
  #changed = Promise.withResolvers<void>();
  #isOpen = true;
  readonly #gone = new AbortController();
  #received = 0;
  #answered = 0;
  /** How many had been received when Ctrl-C came. */
  #interruptedUpTo = 0;
  /** How many of them wait for their answer to be sent. */
  #unanswered = 0;
  /** Whether the last answer came so late that gdb may have refused to wait for it. */
  #wasLate = false;
  /** The packet that came last. */
  #asked = "";
  /** When that was, milliseconds. */
  #askedAt = 0;
  #last: Uint8Array = new Uint8Array();

  constructor({ readable, writable }: GdbConnection) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  async serve(open: (gone: AbortSignal) => Promise<GdbTargetParts>): Promise<GdbEnding> {
    const reading = this.#read();
    try {
      const parts = await this.#patiently(() => open(this.#gone.signal));
      const target = new GdbTarget(parts, (text) => this.#print(text));
      this.#target = target;
      if (this.#interruptedUpTo > 0) target.interrupt();
      for (;;) {
        const event = await this.#next();
        if (!event) return "disconnected";
        await this.#take(event, target);
        if (++this.#answered >= this.#interruptedUpTo) target.settle();
        if (target.left) return target.left;
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
        // All of it before any answer: what gdb has sent twice stands here together.
        for (const event of packets.push(value)) this.#receive(event);
        this.#change();
        while (this.#isOpen && this.#waiting.length > WAITING_LIMIT) await this.#changed.promise;
      }
    } catch {
      // The connection is gone, which is all that it says.
    }
    this.#isOpen = false;
    this.#interruptedUpTo = Infinity;
    this.#target?.interrupt();
    this.#gone.abort();
    this.#change();
  }

  #receive(event: GdbEvent): void {
    if (event.kind === "acknowledged") return;
    if (event.kind === "interrupt") return this.#interrupt();
    // Whoever wants acknowledgements asks one thing at a time, and again when the answer is late.
    const isLate = this.#acknowledges && this.#unanswered > 0;
    // It has refused to wait for an answer, which may have met its refusal on the way.
    if (event.kind === "refused" && (isLate || this.#wasLate)) return;
    // At once: what is asked for may take longer than an acknowledgement is waited for.
    if (event.kind === "packet" || event.kind === "oversized") this.#acknowledge();
    if (event.kind === "packet") {
      if (isLate && event.text === this.#asked) return;
      this.#asked = event.text;
      this.#askedAt = performance.now();
    }
    this.#waiting.push(event);
    this.#received++;
    this.#unanswered++;
  }

  /** Ends what has been asked for; when everything has been answered, it comes too late. */
  #interrupt(): void {
    if (this.#answered === this.#received) return;
    this.#interruptedUpTo = this.#received;
    this.#target?.interrupt();
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

  async #take(event: GdbEvent, target: GdbTarget): Promise<void> {
    switch (event.kind) {
      case "packet":
        this.#last = gdbPacket(await this.#patiently(() => answerTo(target, event.text)));
        break;
      case "damaged":
        // Without acknowledgements nobody sends it again.
        if (this.#acknowledges) {
          this.#unanswered--;
          return await this.#write(REFUSED);
        }
        this.#last = gdbPacket(error("The packet is damaged: its checksum is another"));
        break;
      case "oversized":
        this.#last = gdbPacket(error(`The packet is longer than ${packetBytesLimit} bytes`));
    }
    // Who has the answer may ask the same again.
    this.#unanswered--;
    // On a host that is overloaded what keeps gdb waiting is late, too.
    this.#wasLate = performance.now() - this.#askedAt > 2 * PATIENCE_MILLISECONDS;
    if (this.#last.length > 0) await this.#write(this.#last);
  }

  /** Does what may take longer than gdb waits. */
  async #patiently<Result>(action: () => Promise<Result>): Promise<Result> {
    const timer = setInterval(() => void this.#write(PATIENCE), PATIENCE_MILLISECONDS);
    try {
      return await action();
    } finally {
      clearInterval(timer);
    }
  }

  get #acknowledges(): boolean {
    return !this.#target?.withoutAcknowledgements;
  }

  #acknowledge(): void {
    if (this.#acknowledges) void this.#write(ACKNOWLEDGED);
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
