/**
 * The order of records in a log (design section 3):
 *
 *     log      = header, snapshot, *( epoch / snapshot ), ?end
 *     snapshot = snapshot-begin, *( snapshot-pages / snapshot-operation ), snapshot-commit
 *
 * with notes and heartbeats anywhere behind the header. Besides the order it checks what records say
 * about each other: epochs without a gap, time that never goes back, steps that add up, terms that grow
 * by one, pages and sectors inside the machine that the header describes.
 */
import type { TimeBase } from "../board/environment.ts";
import type { OperationRequest } from "../board/operation.ts";
import { slotOf } from "../board/virtio_slots.ts";
import type {
  EpochRecord,
  HeaderRecord,
  LogRecord,
  SnapshotBeginRecord,
  SnapshotCommitRecord,
  SnapshotOperationRecord,
  SnapshotPagesRecord,
} from "../epoch/record.ts";
import { pageBytes } from "./limits.ts";
import { LogError } from "./log_error.ts";

/** A record and its place; a `LogItem` is one. */
export interface PlacedRecord {
  /** The record. */
  readonly record: LogRecord;
  /** 0 for the header. */
  readonly number: number;
  /** Where its frame starts, in bytes from the start of the stream. */
  readonly byteOffset: number;
}

/** A broken rule; becomes a LogError with its place. */
class RuleError extends Error {}

/** Ticks that pass in `steps` steps. Exact: at most 2^28 steps times a rate of at most 2^24. */
function ticks(time: TimeBase, steps: number): number {
  return Math.floor(steps * time.rate / 2 ** 24);
}

/** Checks the records of one log, one after the other. Also guards what we write ourselves. */
export class LogGrammar {
  #header: HeaderRecord | undefined;
  #term = 0;
  #epoch: number | undefined;
  #steps = 0;
  #stepsSinceRamDigest = 0;
  #consolePerformed = 0;
  #time: TimeBase = { base: 0, rate: 1 };
  #open: { readonly epoch: number; lastOperation: number } | undefined;
  #ended = false;

  /**
   * Goes on behind an epoch of a log that was checked up to there before. What earlier records have said of
   * performed output, and how far back the last digest of RAM is, it does not know.
   */
  static behind(
    header: HeaderRecord,
    epoch: {
      readonly term: number;
      readonly epoch: number;
      readonly steps: number;
      readonly time: TimeBase;
    },
  ): LogGrammar {
    const grammar = new LogGrammar();
    grammar.#header = header;
    grammar.#term = epoch.term;
    grammar.#epoch = epoch.epoch;
    grammar.#steps = epoch.steps;
    grammar.#time = epoch.time;
    return grammar;
  }

  /** The header, once it was read. */
  get header(): HeaderRecord | undefined {
    return this.#header;
  }

  /** The term in force: the header's, or that of the last promotion in the log. */
  get term(): number {
    return this.#term;
  }

  /** The last epoch, or that of the first snapshot; undefined before its commit. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** Steps since power-on at the end of that epoch. */
  get steps(): number {
    return this.#steps;
  }

  /** Time base of the epoch that comes next. */
  get time(): TimeBase {
    return this.#time;
  }

  /** Whether a snapshot has begun that is not committed. */
  get inSnapshot(): boolean {
    return this.#open !== undefined;
  }

  /** Takes the next record; throws {@linkcode LogError} (`out-of-order`) if it must not stand there. */
  accept(item: PlacedRecord): void {
    try {
      this.#check(item.record);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      const place = {
        recordNumber: item.number,
        byteOffset: item.byteOffset,
        recordKind: item.record.kind,
      };
      throw new LogError("out-of-order", place, error.message);
    }
  }

  #check(record: LogRecord): void {
    if (this.#ended) throw new RuleError("No record may follow the end");
    if (record.kind === "header") return this.#headerRecord(record);
    if (this.#header === undefined) throw new RuleError("A log must start with a header");
    switch (record.kind) {
      case "snapshot-begin":
        return this.#snapshotBegin(record);
      case "snapshot-pages":
        return this.#snapshotPages(record, this.#header);
      case "snapshot-operation":
        return this.#snapshotOperation(record, this.#header);
      case "snapshot-commit":
        return this.#snapshotCommit(record);
      case "epoch":
        return this.#epochRecord(record, this.#header);
      case "end":
        this.#ended = true;
        return;
      case "note":
      case "heartbeat":
        return;
    }
  }

  #headerRecord(record: HeaderRecord): void {
    if (this.#header !== undefined) throw new RuleError("A log has only one header");
    this.#header = record;
    this.#term = record.term;
  }

  #snapshotBegin({ epoch }: SnapshotBeginRecord): void {
    if (this.#open !== undefined) {
      throw new RuleError(`The snapshot of epoch ${this.#open.epoch} is not committed yet`);
    }
    if (this.#epoch !== undefined && epoch !== this.#epoch) {
      throw new RuleError(`Snapshot of epoch ${epoch} stands after epoch ${this.#epoch}`);
    }
    this.#open = { epoch, lastOperation: -1 };
  }

  #openSnapshot(): { readonly epoch: number; lastOperation: number } {
    if (this.#open === undefined) throw new RuleError("No snapshot has begun");
    return this.#open;
  }

  #snapshotPages({ pages }: SnapshotPagesRecord, { configuration }: HeaderRecord): void {
    this.#openSnapshot();
    const ramPages = configuration.ramBytes / pageBytes;
    const outside = pages.find((page) => page >= ramPages);
    if (outside !== undefined) {
      throw new RuleError(`Page ${outside} is outside RAM of ${ramPages} pages`);
    }
  }

  #snapshotOperation({ operation }: SnapshotOperationRecord, header: HeaderRecord): void {
    const snapshot = this.#openSnapshot();
    if (operation.number <= snapshot.lastOperation) {
      throw new RuleError(
        `Operation ${operation.number} follows ${snapshot.lastOperation}, numbers must grow`,
      );
    }
    snapshot.lastOperation = operation.number;
    checkRequest(operation.request, header);
  }

  #snapshotCommit({ epoch, steps, time }: SnapshotCommitRecord): void {
    const snapshot = this.#openSnapshot();
    if (epoch !== snapshot.epoch) {
      throw new RuleError(`Snapshot begun at epoch ${snapshot.epoch} is committed at ${epoch}`);
    }
    if (this.#epoch !== undefined) {
      if (steps !== this.#steps) {
        throw new RuleError(`Snapshot stands at step ${steps}, the log at ${this.#steps}`);
      }
      if (time.base !== this.#time.base || time.rate !== this.#time.rate) {
        throw new RuleError("Snapshot has another time base than the last epoch gave");
      }
    }
    this.#open = undefined;
    this.#epoch = epoch;
    this.#steps = steps;
    this.#time = time;
    this.#stepsSinceRamDigest = 0;
  }

  #epochRecord(record: EpochRecord, header: HeaderRecord): void {
    if (this.#epoch === undefined) throw new RuleError("An epoch needs a snapshot before it");
    if (this.#open !== undefined) {
      throw new RuleError(`The snapshot of epoch ${this.#open.epoch} is not committed yet`);
    }
    if (record.epoch !== this.#epoch + 1) {
      throw new RuleError(`Epoch ${record.epoch} follows epoch ${this.#epoch}`);
    }
    const earliest = this.#time.base + ticks(this.#time, record.steps);
    if (record.time.base < earliest) {
      throw new RuleError(`Time goes back to ${record.time.base} ticks from ${earliest}`);
    }
    if (record.consolePerformed < this.#consolePerformed) {
      throw new RuleError(
        `Console output performed goes back to byte ${record.consolePerformed} from ` +
          `${this.#consolePerformed}`,
      );
    }
    if (record.term !== undefined && (record.term !== this.#term + 1 || record.steps !== 0)) {
      throw new RuleError(
        `Promotion to term ${record.term} in an epoch of ${record.steps} steps, must be term ` +
          `${this.#term + 1} in one of 0`,
      );
    }
    const steps = this.#steps + record.steps;
    if (!Number.isSafeInteger(steps)) throw new RuleError("Steps since power-on exceed 2^53 - 1");
    const sinceRamDigest = this.#stepsSinceRamDigest + record.steps;
    if (record.digest.ram === undefined && sinceRamDigest >= header.ramDigestSteps) {
      throw new RuleError(
        `Digest of RAM is missing: the last one is ${sinceRamDigest} steps back, the header ` +
          `promises one every ${header.ramDigestSteps}`,
      );
    }
    this.#epoch = record.epoch;
    this.#steps = steps;
    this.#stepsSinceRamDigest = record.digest.ram === undefined ? sinceRamDigest : 0;
    this.#time = record.time;
    this.#consolePerformed = record.consolePerformed;
    this.#term = record.term ?? this.#term;
  }
}

/** An outstanding operation must be one that the header's machine can have issued. */
function checkRequest(request: OperationRequest, { configuration }: HeaderRecord): void {
  if (slotOf(request, configuration) === undefined) {
    throw new RuleError(`The machine has no device for ${request.kind}`);
  }
  if (!("disk" in request)) return;
  const disk = configuration.disks[request.disk];
  if (disk === undefined) throw new RuleError(`There is no disk ${request.disk}`);
  for (const { sector, sectors } of sectorRanges(request)) {
    if (sector + sectors > disk.sectors) {
      throw new RuleError(
        `Sectors ${sector} to ${sector + sectors - 1} are outside disk ${request.disk} of ` +
          `${disk.sectors} sectors`,
      );
    }
  }
}

function sectorRanges(
  request: Extract<OperationRequest, { disk: number }>,
): readonly { readonly sector: number; readonly sectors: number }[] {
  switch (request.kind) {
    case "disk-read":
      return [request];
    case "disk-write":
      return [{ sector: request.sector, sectors: request.data.length / 512 }];
    case "disk-unmap":
      return request.ranges;
    case "disk-flush":
      return [];
  }
}
