/**
 * A log that stays below a size: it goes on in one file after the other, each of which begins with a header
 * and a key snapshot and so is whole by itself, and the oldest are removed.
 *
 * A file ends only when the next one's snapshot is on the disk, so whenever this process is killed, the
 * files hold everything up to the last whole record, as one file would. Until then both get the records.
 */
import type { EndRecord, LogRecord } from "../epoch/record.ts";
import { errorText } from "../host/fault.ts";
import type { Attachment, AttachmentEvents, PendingRecords } from "./attachment.ts";
import type { LogFiles } from "./log_files.ts";
import type { MachineLog } from "./machine_log.ts";
import type { ByteStream } from "./transport.ts";

/** Room for what is on its way when the limit is looked at: the largest record and a write. */
const MARGIN_BYTES = 5 << 20;
/** How far a file may grow beyond its share while the next one's snapshot is written. */
const OVERLAP_BYTES = 4 << 20;
/** What a series needs besides two snapshots. */
const WORKING_BYTES = 16 << 20;

/** A limit must be at least this for snapshots of up to `snapshotBytes`. */
export function leastLimitBytes(snapshotBytes: number): number {
  return 2 * snapshotBytes + WORKING_BYTES;
}

/** What a series is made of. */
export interface LogSeriesOptions {
  /** Where it goes. */
  readonly files: Pick<LogFiles, "open" | "remove">;
  /** All files together stay below this. */
  readonly limitBytes: number;
  /** Begins a log at the present epoch's end: header and key snapshot. */
  readonly begin: (stream: ByteStream, events: AttachmentEvents) => Attachment;
  /** Bytes that the last snapshot takes at most. */
  readonly snapshotBytes: () => number;
  /** Told why, when the log cannot be written any more. */
  readonly lost: (reason: string) => void;
}

/** A file of the series that has been begun. */
interface Part {
  readonly number: number;
  readonly log: Attachment;
  /** What its header and snapshot took, once they are on the disk. */
  startBytes?: number;
}

/** A log in files. */
export class LogSeries implements MachineLog {
  readonly #options: LogSeriesOptions;
  readonly #events: AttachmentEvents;
  #current: Part;
  #successor: Part | undefined;
  /** Parts with an end on its way, and when it is there. */
  readonly #ending = new Map<Part, Promise<void>>();
  /** Whole files, oldest first. */
  readonly #whole: { readonly number: number; readonly bytes: number }[] = [];
  #removedBytes = 0;
  #lost = false;
  #ended = false;

  /** Begins the first file; the machine stands at an epoch's end. */
  constructor(options: LogSeriesOptions) {
    this.#options = options;
    this.#events = {
      progressed: () => this.#progressed(),
      joined: () => {},
      lost: (_log, reason) => this.#fail(reason),
    };
    this.#current = this.#begin(1);
  }

  get sentBytes(): number {
    return this.#removedBytes + this.#keptBytes;
  }

  get full(): boolean {
    if (this.#lost) return false;
    const { log } = this.#current;
    return log.full || this.#overlapsTooLong || (this.#successor?.log.full ?? false);
  }

  send(record: LogRecord): void {
    if (record.kind === "end") this.#ended = true;
    this.#current.log.send(record);
    this.#successor?.log.send(record);
  }

  sendSnapshot(snapshot: PendingRecords): void {
    // The successor begins with one of its own.
    this.#current.log.sendSnapshot(snapshot);
  }

  async drained(): Promise<void> {
    await Promise.all([this.#current.log.drained(), this.#successor?.log.drained()]);
  }

  epochEnded(): void {
    if (this.#lost || this.#successor || this.#current.startBytes === undefined) return;
    if (this.#current.log.sentBytes < this.#shareBytes(this.#current.startBytes)) return;
    try {
      this.#successor = this.#begin(this.#current.number + 1);
    } catch (error) {
      this.#fail(errorText(error));
    }
  }

  async finish(): Promise<void> {
    const last = [this.#current, ...this.#successor ? [this.#successor] : []];
    await Promise.all([...this.#ending.values(), ...last.map(({ log }) => log.finish())]);
  }

  close(): void {
    for (const { log } of this.#begun) log.close();
  }

  get #begun(): readonly Part[] {
    const successor = this.#successor ? [this.#successor] : [];
    return [...this.#ending.keys(), this.#current, ...successor];
  }

  get #keptBytes(): number {
    const whole = this.#whole.reduce((sum, { bytes }) => sum + bytes, 0);
    return this.#begun.reduce((sum, { log }) => sum + log.sentBytes, whole);
  }

  /** Bytes at which a file whose snapshot took `startBytes` is to be followed by the next one. */
  #shareBytes(startBytes: number): number {
    const { limitBytes } = this.#options;
    const most = limitBytes / 2 - WORKING_BYTES / 2;
    return Math.max(
      startBytes + OVERLAP_BYTES,
      Math.min(most, Math.max(limitBytes / 4, 2 * startBytes)),
    );
  }

  get #overlapsTooLong(): boolean {
    const { log, startBytes } = this.#current;
    if (!this.#successor || startBytes === undefined) return false;
    return log.sentBytes > this.#shareBytes(startBytes) + OVERLAP_BYTES;
  }

  #begin(number: number): Part {
    const stream = this.#options.files.open(number);
    return { number, log: this.#options.begin(stream, this.#events) };
  }

  #progressed(): void {
    if (this.#lost) return;
    for (const part of this.#begun) {
      const { log } = part;
      if (log.acknowledgedEpoch >= log.epoch) part.startBytes ??= log.sentBytes;
    }
    // Behind the log's own end nobody goes on.
    if (this.#successor?.startBytes !== undefined && !this.#ended) this.#goOn(this.#successor);
    this.#keepBelowLimit();
  }

  /** The successor is whole by itself: the file before it may end. */
  #goOn(successor: Part): void {
    const ending = this.#current;
    this.#current = successor;
    this.#successor = undefined;
    const end: EndRecord = { kind: "end", reason: "continued" };
    ending.log.send(end);
    const finished = ending.log.finish().then(() => {
      ending.log.close();
      this.#ending.delete(ending);
      this.#whole.push({ number: ending.number, bytes: ending.log.sentBytes });
      this.#keepBelowLimit();
    });
    this.#ending.set(ending, finished);
  }

  #keepBelowLimit(): void {
    const { limitBytes, files, snapshotBytes } = this.#options;
    while (!this.#lost && this.#keptBytes + MARGIN_BYTES > limitBytes) {
      const oldest = this.#whole.shift();
      if (oldest) {
        this.#removedBytes += oldest.bytes;
        try {
          files.remove(oldest.number);
        } catch (error) {
          this.#fail(errorText(error));
        }
        continue;
      }
      if (this.#ending.size > 0) return;
      return this.#fail(
        `a snapshot of this guest takes up to ${megabytes(snapshotBytes())}: ` +
          `the limit must be at least ${megabytes(leastLimitBytes(snapshotBytes()))}`,
      );
    }
  }

  #fail(reason: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#options.lost(reason);
  }
}

/** A size as the option takes it. */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)}M`;
}
