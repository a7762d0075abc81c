/**
 * A copy of a machine's log for a debugger: from a snapshot on, as far as its bounds allow. Nobody is promoted
 * from it, and nobody ever waits for it: a copy that cannot keep up, or takes too much room, ends.
 */
import type { EndRecord, HeaderRecord, LogRecord } from "../epoch/record.ts";
import type { HostLoop } from "../epoch/host.ts";
import type { Replica } from "../epoch/replica.ts";
import { settledWithin } from "../host/pause.ts";
import type { SnapshotRecords } from "../log/snapshot_records.ts";
import { Attachment, type PendingRecords } from "./attachment.ts";
import type { MachineLog } from "./machine_log.ts";
import { SnapshotShelf } from "./snapshot_shelf.ts";
import { streamStart } from "./stream_start.ts";
import type { ByteStream } from "./transport.ts";

/** Bytes that may wait for a slow disk, or for the snapshot before them. */
const QUEUE_BYTES = 64 << 20;
/** How long the last of them are waited for. */
const FINISH_MILLISECONDS = 2000;

/** How a copy is bounded, and who hears of it. */
export interface DebugCopyOptions {
  /** Most bytes that it takes. */
  readonly limitBytes: number;
  /** Told once when its snapshot is written: it holds no second memory any more. */
  readonly begun?: () => void;
  /** Told once in a part of a sentence why it ends before its log does. */
  readonly ended: (reason: string) => void;
}

/** A copy, record by record. */
export class DebugCopy implements MachineLog {
  /** Nobody waits for it. */
  readonly full = false;
  readonly #log: Attachment;
  readonly #options: DebugCopyOptions;
  #handedOver: EndRecord | undefined;
  #hasBegun = false;
  #isOver = false;
  #finishing: Promise<void> | undefined;

  /**
   * Starts writing.
   *
   * @param stream Where it goes.
   * @param start Its header and snapshot.
   * @param epoch The epoch behind which the snapshot stands.
   */
  constructor(
    stream: ByteStream,
    start: PendingRecords,
    epoch: number,
    options: DebugCopyOptions,
  ) {
    this.#options = options;
    this.#log = new Attachment(undefined, stream, start, epoch, {
      progressed: () => this.#progressed(),
      joined: () => {},
      lost: (_log, reason) => this.#end(`the copy of the log cannot be written: ${reason}`),
    });
  }

  /** Bytes handed to the kernel so far. */
  get sentBytes(): number {
    return this.#log.sentBytes;
  }

  /** Takes a record of the machine's log. */
  send(record: LogRecord): void {
    if (
      this.#isOver || this.#finishing || record.kind === "heartbeat" ||
      record.kind.startsWith("snapshot-")
    ) return;
    // Nothing may follow an end, and this machine may be the one that goes on.
    if (record.kind === "end" && record.reason === "hand-over") this.#handedOver = record;
    else this.#log.send(record);
    this.#checkBounds();
  }

  /** It has its own; a debugger keeps what else it needs. */
  sendSnapshot(): void {}

  /** There is always room. */
  drained(): Promise<void> {
    return Promise.resolve();
  }

  /** Nothing more comes; what is left is written without anybody waiting for it. */
  finish(): Promise<void> {
    this.#finishing ??= this.#finish();
    return Promise.resolve();
  }

  /** Whoever wrote it has left; what is left is still written. */
  close(): void {
    void this.finish();
  }

  /** Resolves when everything is written, or that takes too long. */
  async settled(): Promise<void> {
    await this.finish();
    await this.#finishing;
  }

  /** Lets go of it at once. */
  discard(): void {
    this.#isOver = true;
    this.#log.close();
  }

  async #finish(): Promise<void> {
    if (this.#isOver) return;
    if (this.#handedOver) this.#log.send(this.#handedOver);
    await settledWithin(this.#log.finish(), FINISH_MILLISECONDS);
    this.discard();
  }

  #progressed(): void {
    this.#checkBounds();
    if (this.#hasBegun || this.#log.acknowledgedEpoch < this.#log.epoch) return;
    this.#hasBegun = true;
    this.#options.begun?.();
  }

  #checkBounds(): void {
    const { limitBytes } = this.#options;
    if (this.#log.sentBytes + this.#log.queuedBytes > limitBytes) {
      this.#end(`the copy of the log has reached its limit of ${sizeText(limitBytes)}`);
    } else if (this.#log.queuedBytes > QUEUE_BYTES) {
      this.#end("the disk on which the copy of the log is cannot keep up");
    }
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.discard();
    this.#options.ended(reason);
  }
}

/** What a copy takes over from the header of the stream that is followed. */
export type FollowedHeader = Pick<
  HeaderRecord,
  "run" | "ramDigestSteps" | "consoleBase" | "billBase"
>;

/** Beginnings of copies of a replica. */
export class DebugCopyStart {
  readonly #shelf: SnapshotShelf;

  /** Takes nothing yet. */
  constructor(private readonly replica: Replica, private readonly loop: HostLoop) {
    this.#shelf = new SnapshotShelf(replica.machine);
  }

  /** Makes memory ready while the replica goes on, so that it need not stand long. */
  async prepare(): Promise<void> {
    await this.#shelf.warm(this.loop, "used");
  }

  /**
   * Header and snapshot. The replica stands at an epoch's end, and must do so until the promise is fulfilled.
   *
   * @param header Of the stream that it follows.
   * @param term The term in force.
   */
  async take(header: FollowedHeader, term: number): Promise<SnapshotRecords> {
    const { machine: { configuration }, epoch, time } = this.replica;
    const { run, ramDigestSteps, consoleBase, billBase } = header;
    const start = {
      ...{ identity: { run, term }, member: undefined, acknowledged: false },
      ...{ configuration, ramDigestSteps, outputs: { consoleBase, billBase }, epoch },
    };
    return streamStart(start, await this.#shelf.takeStanding(epoch, time, this.loop));
  }
}

/** A size as the option takes it. */
function sizeText(bytes: number): string {
  const units = [["G", 2 ** 30], ["M", 2 ** 20], ["K", 2 ** 10], ["", 1]] as const;
  const [unit, size] = units.find(([, size]) => bytes % size === 0)!;
  return `${bytes / size}${unit}`;
}
