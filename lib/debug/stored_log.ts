/** A log file that is read at any place, as often as needed. */
import fs from "node:fs";
import type { HeaderRecord } from "../epoch/record.ts";
import { openPositionalFile, type PositionalFile } from "../host/positional_file.ts";
import { checksumBytes } from "../log/checksum_chain.ts";
import { FrameError, lengthOffset, readFrameHead } from "../log/frame.ts";
import { LogError } from "../log/log_error.ts";
import { LogGrammar } from "../log/log_grammar.ts";
import { type LogItem, RecordDecoder, type StreamEnding } from "../log/record_decoder.ts";
import { LogMap, type Place } from "./log_map.ts";

/** Bytes read at once on the way through a whole log. */
const SCAN_BYTES = 1 << 20;
/** Bytes read at once where a replay goes on. */
const CURSOR_BYTES = 1 << 16;
/** Longest head of a frame. */
const FRAME_HEAD_BYTES = lengthOffset + 5;

/** There is nothing to replay in a log, or not what was asked for. */
export class StoredLogError extends Error {
  /** Tells this error from others. */
  override readonly name = "StoredLogError";
}

/** How to open a stored log. */
export interface OpenOptions {
  /** Told now and then which part has been read, from 0 to 1. */
  readonly progress?: (part: number) => void;
  /** A map that may be about this log: what it covers is not read again. */
  readonly saved?: SavedMap | undefined;
  /** The file is nobody else's: its name is removed as soon as it is open, its bytes go when it is closed. */
  readonly removed?: boolean;
  /**
   * Asked as long as no snapshot is whole: answers when there may be more to read, or false when nobody
   * writes any more.
   */
  readonly more?: () => Promise<boolean>;
}

/** A map that was saved, and how to find out whether it is about a log. */
export interface SavedMap {
  /** The map, up to its last epoch. */
  readonly map: LogMap;
  /** Term in force there. */
  readonly term: number;
  /** Checksum of the log's header. */
  readonly log: bigint;
  /** Checksum of the record of the last epoch, which stands for everything before it. */
  readonly record: bigint;
}

/**
 * A log file, all of which has been read and checked once, up to its last whole record. What its writer has
 * appended since counts from the next {@linkcode StoredLog.grow} on.
 */
export class StoredLog {
  /** Its first record. */
  readonly header: HeaderRecord;
  readonly #scan: Scan;

  private constructor(header: HeaderRecord, scan: Scan) {
    this.header = header;
    this.#scan = scan;
  }

  /**
   * Opens a log and reads it to its end, from the start unless a map of it is there.
   *
   * @throws {HostFileError} when the file does not open
   * @throws {LogError} where it is damaged
   * @throws {StoredLogError} when it ends before its first snapshot is whole
   */
  static async open(path: string, options: OpenOptions = {}): Promise<StoredLog> {
    const file = openPositionalFile(path, { access: "read" });
    try {
      if (options.removed) fs.unlinkSync(path);
      const scan = await startOfScan(file, options.saved);
      await scan.readOn(options.progress);
      while (scan.map.isEmpty && await options.more?.()) await scan.readOn();
      scan.decoder.finish();
      const { header } = scan.grammar;
      if (header === undefined || scan.map.isEmpty) {
        const { records } = scan.ending;
        throw new StoredLogError(
          `The log stops after ${records} whole records, before its first snapshot is whole`,
        );
      }
      return new StoredLog(header, scan);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** What it holds. */
  get map(): LogMap {
    return this.#scan.map;
  }

  /** The term in force at its end. */
  get term(): number {
    return this.#scan.grammar.term;
  }

  /** How it stops. */
  get ending(): StreamEnding {
    return this.#scan.ending;
  }

  /**
   * Takes in what has been written since; answers whether that was an epoch, or the log's end.
   *
   * @throws {LogError} where it is damaged
   */
  async grow(): Promise<boolean> {
    const { map } = this.#scan;
    const before = map.end.epoch;
    if (map.endRecord) return false;
    await this.#scan.readOn();
    return map.end.epoch > before || map.endRecord !== undefined;
  }

  /** Reads the records behind the one at `place`, which has been checked before. */
  recordsAfter(place: Place): LogCursor {
    return new LogCursor(this.#scan.file, place, () => this.ending.byteLength);
  }

  /** The checksum of the record at `place`: it stands for all records up to that one. */
  async checksumAt(place: Place): Promise<Uint8Array> {
    return (await frameAt(this.#scan.file, place)).checksum;
  }

  /** Frees the file. */
  close(): void {
    this.#scan.file.close();
  }
}

/** Reads records one after the other from some place of a log. */
export class LogCursor {
  #decoder: RecordDecoder | undefined;
  #items: LogItem[] = [];
  #next = 0;
  #at = 0;

  /** Reads nothing yet. */
  constructor(
    private readonly file: PositionalFile,
    private readonly place: Place,
    private readonly endByte: () => number,
  ) {}

  /**
   * The next record; undefined at the log's end, until it has grown.
   *
   * @throws {LogError} when it is not the one that was there when the log was opened
   */
  async next(): Promise<LogItem | undefined> {
    while (this.#next === this.#items.length) {
      if (!await this.#read()) return undefined;
    }
    return this.#items[this.#next++];
  }

  async #read(): Promise<boolean> {
    const decoder = this.#decoder ??= await this.#start();
    const bytes = new Uint8Array(Math.min(CURSOR_BYTES, this.endByte() - this.#at));
    if (bytes.length === 0) return false;
    const count = await this.file.read(bytes, this.#at);
    if (count === 0) return false;
    this.#at += count;
    this.#items = decoder.push(bytes.subarray(0, count));
    this.#next = 0;
    return true;
  }

  async #start(): Promise<RecordDecoder> {
    const { number } = this.place;
    const { checksum, endOffset } = await frameAt(this.file, this.place);
    this.#at = endOffset;
    return new RecordDecoder({ checksum, records: number + 1, byteLength: endOffset });
  }
}

/** The one way through a log, from its start or from behind a saved map to its present end. */
class Scan {
  constructor(
    readonly file: PositionalFile,
    readonly decoder: RecordDecoder,
    readonly grammar: LogGrammar,
    readonly map: LogMap,
    /** Up to where it has been read. */
    private at: number,
  ) {}

  /** Reads to the present end. */
  async readOn(progress?: OpenOptions["progress"]): Promise<void> {
    const end = this.file.size();
    while (this.at < end) {
      const bytes = new Uint8Array(Math.min(SCAN_BYTES, end - this.at));
      const count = await this.file.read(bytes, this.at);
      // Somebody has cut it meanwhile: it stops there.
      if (count === 0) break;
      this.at += count;
      for (const item of this.decoder.push(bytes.subarray(0, count))) {
        this.grammar.accept(item);
        this.map.add(item);
      }
      progress?.(this.at / end);
    }
    if (this.decoder.failure) throw this.decoder.failure;
  }

  get ending(): StreamEnding {
    const { records, byteLength } = this.decoder;
    return {
      kind: this.map.endRecord ? "clean" : "stalled",
      ...{ records, byteLength, truncatedBytes: this.at - byteLength },
    };
  }
}

/** Behind what a saved map covers, if it is about this log; the start otherwise. */
async function startOfScan(file: PositionalFile, saved: SavedMap | undefined): Promise<Scan> {
  const header = saved && await readHeader(file);
  if (saved && header && await covers(saved, file)) {
    const { map, term } = saved;
    const { epoch, step: steps } = map.end;
    const time = map.timeBehind(epoch);
    const place = map.placeOf(epoch);
    const { checksum, endOffset: byteOffset } = await frameAt(file, place);
    const start = { checksum, records: place.number + 1, byteLength: byteOffset };
    const grammar = LogGrammar.behind(header, { term, epoch, steps, time });
    return new Scan(file, new RecordDecoder(start), grammar, map, byteOffset);
  }
  return new Scan(file, new RecordDecoder(), new LogGrammar(), new LogMap(), 0);
}

/** Whether a map is about this log: the checksum of its last record stands for all before it. */
async function covers({ map, log, record }: SavedMap, file: PositionalFile): Promise<boolean> {
  const last = map.placeOf(map.end.epoch);
  if (last.byteOffset >= file.size()) return false;
  try {
    const header = await frameAt(file, { number: 0, byteOffset: 0 });
    const { checksum, endOffset } = await frameAt(file, last);
    return checksumWord(header.checksum) === log && checksumWord(checksum) === record &&
      endOffset <= file.size();
  } catch (error) {
    // There is no record at that place.
    if (error instanceof LogError) return false;
    throw error;
  }
}

async function readHeader(file: PositionalFile): Promise<HeaderRecord | undefined> {
  const bytes = new Uint8Array(CURSOR_BYTES);
  const count = await file.read(bytes, 0);
  const [first] = new RecordDecoder().push(bytes.subarray(0, count));
  return first?.record.kind === "header" ? first.record : undefined;
}

/** A checksum as a number. */
export function checksumWord(checksum: Uint8Array): bigint {
  return checksum.reduce((word, byte) => word << 8n | BigInt(byte), 0n);
}

/** The checksum that a frame states, and where it ends. */
async function frameAt(
  file: PositionalFile,
  { number, byteOffset }: Place,
): Promise<{ readonly checksum: Uint8Array; readonly endOffset: number }> {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES);
  const count = await file.read(bytes, byteOffset);
  const head = frameHeadIn(bytes.subarray(0, count));
  if (head === undefined) {
    const place = { recordNumber: number, byteOffset };
    throw new LogError("damaged", place, "The record is no longer there");
  }
  const checksum = bytes.slice(lengthOffset - checksumBytes, lengthOffset);
  return { checksum, endOffset: byteOffset + head.headBytes + head.recordBytes };
}

/** The head of a frame, unless something else is there. */
function frameHeadIn(bytes: Uint8Array): ReturnType<typeof readFrameHead> {
  try {
    return readFrameHead(bytes);
  } catch (error) {
    if (error instanceof FrameError) return undefined;
    throw error;
  }
}
