/**
 * One reader of a live machine's log: its stream, what is queued for it, and what it has acknowledged.
 *
 * A two-way member acknowledges each record when it is whole, checked and in memory. A one-way stream
 * cannot: there a record counts as acknowledged when the kernel has taken it (design section 6).
 */
import type { LogRecord, ReturnRecord } from "../epoch/record.ts";
import { hostLoop } from "../host/event_loop.ts";
import { errorText } from "../host/fault.ts";
import type { LogStatistics } from "../log/log_statistics.ts";
import { ReturnDecoder } from "../log/record_decoder.ts";
import { RecordEncoder } from "../log/record_encoder.ts";
import type { Wait } from "../log/snapshot_records.ts";
import type { ByteStream } from "./transport.ts";

/** Bytes queued for one member beyond which the guest is slowed down. */
export const SEND_BUFFER_BYTES = 4 << 20;
/** Records are gathered into writes of about this size. */
const WRITE_BYTES = 256 << 10;

/** Records that are made as the stream takes them, and what to do before the next. */
export type PendingRecords = Iterator<LogRecord | Wait>;

/** What an attachment tells about itself as it happens. */
export interface AttachmentEvents {
  /** It has acknowledged, or its queue has shrunk. */
  progressed(attachment: Attachment): void;
  /** It has its snapshot, verified. `sharedDisk`: it sees our lock and record on its disk. */
  joined(attachment: Attachment, sharedDisk: boolean): void;
  /** Its stream has ended or failed. */
  lost(attachment: Attachment, reason: string): void;
}

/** One attached reader. */
export class Attachment {
  readonly #encoder = new RecordEncoder();
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #idle = false;
  #queue: (LogRecord | PendingRecords)[] = [];
  #queuedBytes = 0;
  /** Snapshots queued or on their way; each holds a whole memory. */
  #snapshots = 0;
  #unacknowledged: { record: number; epoch: number }[] = [];
  #acknowledgedEpoch: number;
  #executedEpoch: number;
  #sentBytes = 0;
  #lost = false;
  #ended = false;
  #wake: (() => void) | undefined;
  #drained: (() => void)[] = [];

  /**
   * Starts writing at once.
   *
   * @param id Fresh random id of this attachment; undefined for a log that nobody is promoted from.
   * @param stream Where its log goes.
   * @param snapshot Header and key snapshot, produced as the stream takes them.
   * @param epoch The epoch at which the snapshot stands.
   * @param statistics Counts what is sent.
   */
  constructor(
    readonly id: string | undefined,
    readonly stream: ByteStream,
    snapshot: PendingRecords,
    readonly epoch: number,
    private readonly events: AttachmentEvents,
    private readonly statistics?: LogStatistics,
  ) {
    if (!stream.writable) throw new Error(`${stream.name} cannot be written to`);
    this.#writer = stream.writable.getWriter();
    this.#acknowledgedEpoch = epoch - 1;
    this.#executedEpoch = epoch - 1;
    this.#pushSnapshot(snapshot);
    void this.#pump();
    if (id !== undefined && this.twoWay) void this.#listen(id);
  }

  /** Whether it can acknowledge. */
  get twoWay(): boolean {
    return this.stream.direction === "two-way";
  }

  /** Every record up to and including this epoch's is acknowledged. */
  get acknowledgedEpoch(): number {
    return this.#acknowledgedEpoch;
  }

  /** The oldest epoch whose record is on its way and not acknowledged, if any. */
  get unacknowledgedEpoch(): number | undefined {
    return this.#unacknowledged[0]?.epoch;
  }

  /** The last epoch that it says it has executed; for a one-way stream, unknown and never reported. */
  get executedEpoch(): number {
    return this.#executedEpoch;
  }

  /** Bytes handed to its stream so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Bytes that wait to be handed to it, about; without those of snapshots, which are made as they are taken. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether its queue is longer than a well-behaved reader's. */
  get full(): boolean {
    return !this.#lost && (this.#queuedBytes > SEND_BUFFER_BYTES || this.#snapshots > 1);
  }

  /** Whether its stream has ended or failed. */
  get gone(): boolean {
    return this.#lost;
  }

  /** Queues a record. */
  send(record: LogRecord): void {
    if (this.#lost || this.#ended) return;
    if (record.kind === "end") this.#ended = true;
    this.#queue.push(record);
    this.#queuedBytes += dataBytes(record);
    this.#wake?.();
  }

  /** Queues a key snapshot: its records, from begin to commit. */
  sendSnapshot(snapshot: PendingRecords): void {
    if (this.#lost || this.#ended) return;
    this.#pushSnapshot(snapshot);
    this.#wake?.();
  }

  /** Resolves when everything queued has been taken by the stream, or the stream is lost. */
  drained(): Promise<void> {
    if (this.#lost || (this.#idle && this.#queue.length === 0)) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Tells the reader that nothing more comes, once everything queued has been taken. */
  async finish(): Promise<void> {
    await this.drained();
    if (this.#lost) return;
    await this.#writer.close().catch((error: Error) => this.#fail(error.message));
  }

  /** Lets go of the stream; what is queued is lost. */
  close(): void {
    this.#letGo();
    void this.stream.close();
  }

  /** Writes what is queued, in order. A snapshot's records are made as the stream takes them. */
  async #pump(): Promise<void> {
    while (!this.#lost) {
      try {
        const bytes = this.#nextBytes();
        if (bytes === undefined) {
          await this.#more();
          continue;
        }
        if (bytes === "turn") {
          await hostLoop.turn("callers");
          continue;
        }
        if (bytes instanceof Promise) {
          await bytes;
          continue;
        }
        await this.#writer.write(bytes);
        this.#sentBytes += bytes.length;
        if (!this.twoWay) this.#acknowledge(this.#encoder.records - 1);
      } catch (error) {
        return this.#fail(errorText(error));
      }
      // Not within `try`: what this throws is a broken invariant and not a broken stream.
      this.events.progressed(this);
      // A stream that takes everything at once must not keep the guest from its turn meanwhile.
      if (this.#snapshots > 0) await hostLoop.turn("callers");
    }
  }

  /** The next piece to write, or what is to happen first; undefined when nothing is queued. */
  #nextBytes(): Uint8Array | "turn" | Promise<unknown> | undefined {
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined) return undefined;
      if (!("next" in first)) return this.#gather();
      const { value, done } = first.next();
      if (!done) {
        if (value instanceof Promise) return value;
        return value === undefined ? "turn" : this.#encode(value);
      }
      this.#queue.shift();
      this.#snapshots--;
    }
  }

  #pushSnapshot(snapshot: PendingRecords): void {
    this.#queue.push(snapshot);
    this.#snapshots++;
  }

  #encode(record: LogRecord): Uint8Array {
    if (record.kind === "epoch" || record.kind === "snapshot-commit") {
      this.#unacknowledged.push({ record: this.#encoder.records, epoch: record.epoch });
    }
    const bytes = this.#encoder.encode(record);
    this.statistics?.add(record, bytes.length);
    return bytes;
  }

  /** Encodes queued records for one write. */
  #gather(): Uint8Array {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && bytes < WRITE_BYTES) {
      const record = this.#queue[count]!;
      if ("next" in record) break;
      count++;
      this.#queuedBytes -= dataBytes(record);
      const encoded = this.#encode(record);
      parts.push(encoded);
      bytes += encoded.length;
    }
    this.#queue.splice(0, count);
    return parts.length === 1 ? parts[0]! : concatenate(parts, bytes);
  }

  async #more(): Promise<void> {
    this.#resolveDrained();
    this.#idle = true;
    await new Promise<void>((resolve) => this.#wake = resolve);
    this.#idle = false;
    this.#wake = undefined;
  }

  /** Reads acknowledgements until the stream ends. */
  async #listen(id: string): Promise<void> {
    const reader = this.stream.readable?.getReader();
    if (!reader) return this.#fail(`${this.stream.name} cannot be read from`);
    const decoder = new ReturnDecoder(id);
    while (!this.#lost) {
      let answers;
      try {
        const { value, done } = await reader.read();
        if (done) return this.#fail("its stream has ended");
        answers = decoder.push(value);
      } catch (error) {
        return this.#fail(errorText(error));
      }
      for (const { record } of answers) this.#answer(record);
    }
  }

  #answer(record: ReturnRecord): void {
    switch (record.kind) {
      case "acknowledge":
        if (record.record >= this.#encoder.records) {
          return this.#fail(`it acknowledges record ${record.record}, which has not been sent`);
        }
        this.#acknowledge(record.record);
        return this.events.progressed(this);
      case "executed":
        this.#executedEpoch = Math.max(this.#executedEpoch, record.epoch);
        return;
      case "joined":
        return this.events.joined(this, record.sharedDisk);
      case "leave":
        return this.#fail(`it leaves: ${record.reason}`);
    }
  }

  #acknowledge(record: number): void {
    let count = 0;
    while (
      count < this.#unacknowledged.length && this.#unacknowledged[count]!.record <= record
    ) {
      this.#acknowledgedEpoch = this.#unacknowledged[count]!.epoch;
      count++;
    }
    if (count > 0) this.#unacknowledged.splice(0, count);
  }

  #fail(reason: string): void {
    if (this.#lost) return;
    this.#letGo();
    this.events.lost(this, reason);
  }

  #letGo(): void {
    this.#lost = true;
    // A snapshot on its way holds a whole memory.
    this.#queue = [];
    this.#wake?.();
    this.#resolveDrained();
  }

  #resolveDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

/** About how many bytes a record will take: its payload, and a little. */
function dataBytes(record: LogRecord): number {
  switch (record.kind) {
    case "epoch": {
      let bytes = 128 + record.consoleInput.length;
      for (const { blocks } of record.completions) {
        for (const block of blocks) bytes += block.data.length;
      }
      return bytes;
    }
    case "snapshot-pages":
      return 64 + record.data.length;
    case "snapshot-operation": {
      const { request } = record.operation;
      return 64 + ("data" in request ? request.data.length : 0);
    }
    default:
      return 64;
  }
}

function concatenate(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
