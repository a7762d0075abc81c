/** A log file that is read at any place, as often as needed. */
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
 * A log file as it stood when it was opened: all of it has been read and checked once. What a writer
 * appends later does not count; what it wrote when it was killed counts up to its last whole record.
 */
export class StoredLog {
  private constructor(
    private readonly file: PositionalFile,
    /** Its first record. */
    readonly header: HeaderRecord,
    /** What it holds. */
    readonly map: LogMap,
    /** The term in force at its end. */
    readonly term: number,
    /** How it stops. */
    readonly ending: StreamEnding,
  ) {}

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
      const scan = await startOfScan(file, options.saved);
      const { decoder, grammar, map } = scan;
      const end = file.size();
      for (let at = scan.byteOffset; at < end;) {
        const bytes = new Uint8Array(Math.min(SCAN_BYTES, end - at));
        const count = await file.read(bytes, at);
        // Somebody has cut it meanwhile: it stops there.
        if (count === 0) break;
        at += count;
        for (const item of decoder.push(bytes.subarray(0, count))) {
          grammar.accept(item);
          map.add(item);
        }
        options.progress?.(at / end);
      }
      const ending = decoder.finish();
      const { header, term } = grammar;
      if (header === undefined || map.isEmpty) {
        throw new StoredLogError(
          `The log stops after ${ending.records} whole records, before its first snapshot is whole`,
        );
      }
      return new StoredLog(file, header, map, term, ending);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Reads the records behind the one at `place`, which has been checked before. */
  recordsAfter(place: Place): LogCursor {
    return new LogCursor(this.file, place, this.ending.byteLength);
  }

  /** The checksum of the record at `place`: it stands for all records up to that one. */
  async checksumAt(place: Place): Promise<Uint8Array> {
    return (await frameAt(this.file, place)).checksum;
  }

  /** Frees the file. */
  close(): void {
    this.file.close();
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
    private readonly endByte: number,
  ) {}

  /**
   * The next record; undefined at the log's end.
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
    const bytes = new Uint8Array(Math.min(CURSOR_BYTES, this.endByte - this.#at));
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

/** Where a log is read from, to be opened. */
interface ScanStart {
  readonly decoder: RecordDecoder;
  readonly grammar: LogGrammar;
  readonly map: LogMap;
  readonly byteOffset: number;
}

/** Behind what a saved map covers, if it is about this log; the start otherwise. */
async function startOfScan(file: PositionalFile, saved: SavedMap | undefined): Promise<ScanStart> {
  const header = saved && await readHeader(file);
  if (saved && header && await covers(saved, file)) {
    const { map, term } = saved;
    const { epoch, step: steps } = map.end;
    const time = map.timeBehind(epoch);
    const place = map.placeOf(epoch);
    const { checksum, endOffset: byteOffset } = await frameAt(file, place);
    const start = { checksum, records: place.number + 1, byteLength: byteOffset };
    const grammar = LogGrammar.behind(header, { term, epoch, steps, time });
    return { decoder: new RecordDecoder(start), grammar, map, byteOffset };
  }
  const [decoder, grammar, map] = [new RecordDecoder(), new LogGrammar(), new LogMap()];
  return { decoder, grammar, map, byteOffset: 0 };
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
