/**
 * Takes a log stream into memory: decodes, checks and acknowledges, apart from executing (design section
 * 6: a record is acknowledged when it is whole, checked and in memory).
 */
import type { HeaderRecord, ReturnRecord } from "../epoch/record.ts";
import type { HostClock } from "../epoch/host.ts";
import { LogGrammar } from "../log/log_grammar.ts";
import { type LogItem, RecordDecoder } from "../log/record_decoder.ts";
import { ReturnEncoder } from "../log/record_encoder.ts";
import type { ByteStream } from "./transport.ts";

/** Bytes of records kept in memory for a replica that lags; beyond it the writer is slowed. */
const BACKLOG_BYTES = 64 << 20;

/** A record in memory, and when it came. */
interface Arrived {
  readonly item: LogItem;
  readonly ticks: number;
}

/** One log stream on its way into memory. */
export class Intake {
  readonly #decoder = new RecordDecoder();
  readonly #grammar = new LogGrammar();
  #queue: Arrived[] = [];
  #takenTicks = 0;
  #next = 0;
  #backlogBytes = 0;
  #heardTicks: number;
  /** Size of a file that is followed when it was opened. */
  readonly #bytesAtFirst: number | undefined;
  #grewAfterEnd = false;
  #over = false;
  #failure: Error | undefined;
  #returns: { encoder: ReturnEncoder; writer: WritableStreamDefaultWriter<Uint8Array> } | undefined;
  #wake: (() => void) | undefined;
  #room: (() => void) | undefined;

  /** Starts reading at once. */
  constructor(readonly stream: ByteStream, private readonly clock: HostClock) {
    this.#heardTicks = clock.monotonicTicks();
    this.#bytesAtFirst = stream.presentBytes?.();
    void this.#read();
  }

  /** The stream's header, once it has come. */
  get header(): HeaderRecord | undefined {
    return this.#grammar.header;
  }

  /** When something last came, in ticks of the host's clock. */
  get heardTicks(): number {
    return this.#heardTicks;
  }

  /** Whether it is a file that is followed, which never ends by itself. */
  get followsFile(): boolean {
    return this.#bytesAtFirst !== undefined;
  }

  /** Whether a record has come from behind the end that the file had when it was opened (rule 7). */
  get grewAfterEnd(): boolean {
    return this.#grewAfterEnd;
  }

  /** Whether nothing more will come: end of stream, an `end` record, or damage. */
  get over(): boolean {
    return this.#over;
  }

  /** What is wrong with the stream behind the records taken, if anything is. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether every record in memory has been taken. */
  get empty(): boolean {
    return this.#next === this.#queue.length;
  }

  /** Records in memory that wait to be taken. */
  get waiting(): number {
    return this.#queue.length - this.#next;
  }

  /** The next record, if one is in memory. */
  take(): LogItem | undefined {
    const arrived = this.#queue[this.#next];
    if (!arrived) return undefined;
    const { item } = arrived;
    this.#takenTicks = arrived.ticks;
    this.#next++;
    this.#backlogBytes -= item.byteLength;
    if (this.#next === this.#queue.length || this.#next > 4096) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    if (this.#backlogBytes < BACKLOG_BYTES) this.#room?.();
    return item;
  }

  /** When the record that was taken last came, in ticks of the host's clock. */
  get takenTicks(): number {
    return this.#takenTicks;
  }

  /** Resolves when something has come, or nothing more will. */
  arrival(): Promise<void> {
    if (!this.empty || this.#over) return Promise.resolve();
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Sends a record back, where the stream goes both ways. */
  answer(record: ReturnRecord): void {
    if (!this.#returns) return;
    const { encoder, writer } = this.#returns;
    // The end of the stream tells its fate; an answer that does not arrive changes nothing here.
    writer.write(encoder.encode(record)).catch(() => {});
  }

  /** Takes nothing more in, and so acknowledges nothing more: what is in memory is all there is. */
  stop(): void {
    this.#over = true;
    this.#room?.();
    this.#wakeUp();
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    this.stop();
    await this.stream.close();
  }

  async #read(): Promise<void> {
    try {
      if (!this.stream.readable) throw new Error(`${this.stream.name} cannot be read from`);
      for await (const chunk of this.stream.readable) {
        if (this.#over) return;
        this.#heardTicks = this.clock.monotonicTicks();
        this.#accept(this.#decoder.push(chunk));
        if (this.#decoder.failure) throw this.#decoder.failure;
        if (this.#over) return;
        if (this.#backlogBytes >= BACKLOG_BYTES) {
          await new Promise<void>((resolve) => this.#room = resolve);
          this.#room = undefined;
        }
      }
      this.#decoder.finish();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#over = true;
      this.#wakeUp();
    }
  }

  #accept(items: readonly LogItem[]): void {
    let accepted = 0;
    try {
      for (const item of items) {
        this.#grammar.accept(item);
        if (item.record.kind === "header") this.#openReturns(item.record);
        if (item.record.kind === "end") this.#over = true;
        this.#queue.push({ item, ticks: this.#heardTicks });
        this.#backlogBytes += item.byteLength;
        accepted++;
      }
    } finally {
      if (accepted > 0) {
        const { number, byteOffset, byteLength } = items[accepted - 1]!;
        this.#grewAfterEnd ||= this.#bytesAtFirst !== undefined &&
          byteOffset + byteLength > this.#bytesAtFirst;
        if (this.header?.acknowledged) this.answer({ kind: "acknowledge", record: number });
        this.#wakeUp();
      }
    }
  }

  #openReturns({ member, acknowledged }: HeaderRecord): void {
    const { writable } = this.stream;
    if (!acknowledged || member === undefined || !writable) return;
    this.#returns = { encoder: new ReturnEncoder(member), writer: writable.getWriter() };
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
