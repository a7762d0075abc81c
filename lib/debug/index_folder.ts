/** An index beside its log: snapshots at even distances, each a file, most of them of changed pages only. */
import fs from "node:fs";
import { errorCode, errorText, HostFileError } from "../host/fault.ts";
import { LogError } from "../log/log_error.ts";
import { IndexError, readRecords, removeFile, writeRecords } from "./index_file.ts";
import {
  type IndexConsoleRecord,
  IndexDecoder,
  IndexEncoder,
  type IndexRecord,
  type IndexSnapshotRecord,
  indexVersion,
} from "./index_records.ts";
import type { Moment } from "./moment.ts";
import { checksumWord, type StoredLog } from "./stored_log.ts";

/** What the files of snapshots are called: the steps since power-on, and this. */
const SUFFIX = ".snapshot";

/** A snapshot of an index. */
export interface IndexSnapshot extends Moment {
  /** Its file. */
  readonly path: string;
  /** Size of its file. */
  readonly bytes: number;
  /** The step of the snapshot that it has pages from besides its own; undefined when all are its own. */
  readonly base: number | undefined;
}

/** Where the index of a log is. */
export function indexPath(logPath: string): string {
  return `${logPath}.index`;
}

/** What a snapshot's file is called. */
function snapshotPath(folder: string, step: number): string {
  return `${folder}/${String(step).padStart(16, "0")}${SUFFIX}`;
}

/** The files of an index that belong to a log, and are whole as far as their names and first records say. */
export class IndexFolder {
  /** In order. */
  #snapshots: IndexSnapshot[] = [];
  /** Steps of those that are of no use. */
  readonly #ignored = new Set<number>();
  /** Whether there are files that belong to another log. */
  isForeign = false;

  private constructor(
    /** Its path. */
    readonly path: string,
    private readonly note: (text: string) => void,
  ) {}

  /**
   * Looks at the index of a log. One that is not there has no snapshots.
   *
   * @param note Told in one line of what cannot be used, and why.
   */
  static async open(
    path: string,
    log: StoredLog,
    note: (text: string) => void,
  ): Promise<IndexFolder> {
    const folder = new IndexFolder(path, note);
    for (const name of namesIn(path, note)) {
      if (name.endsWith(SUFFIX)) await folder.#look(`${path}/${name}`, log);
    }
    if (folder.isForeign) note(`Index ${path} is ignored: it belongs to another log`);
    return folder;
  }

  /** The snapshots that can be gone to, in order. */
  get snapshots(): readonly IndexSnapshot[] {
    return this.#snapshots;
  }

  /** Bytes of all files that are used. */
  get bytes(): number {
    return this.#snapshots.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** A snapshot and those that it is based on, newest first. */
  chainOf(snapshot: IndexSnapshot): readonly IndexSnapshot[] {
    const chain = [snapshot];
    for (let { base } = snapshot; base !== undefined;) {
      const next = this.#snapshots.find(({ step }) => step === base);
      if (!next || next.step >= chain.at(-1)!.step) throw new Error(`Snapshot ${base} is missing`);
      chain.push(next);
      base = next.base;
    }
    return chain;
  }

  /**
   * The console output of each snapshot's file, from the first on, as far as files can be read.
   */
  async *console(): AsyncGenerator<
    { readonly snapshot: IndexSnapshot; readonly records: readonly IndexConsoleRecord[] },
    void,
    undefined
  > {
    for (const snapshot of this.#snapshots) {
      try {
        yield { snapshot, records: await consoleOf(snapshot.path) };
      } catch (error) {
        indexProblem(error);
        return;
      }
    }
  }

  /**
   * Writes a snapshot, in place of the one at its step if there is one.
   *
   * @param records What follows its first record, to the commit.
   * @throws {HostFileError} when that fails; the index is as it was
   */
  async write(first: IndexSnapshotRecord, records: Iterable<IndexRecord>): Promise<void> {
    const { epoch, steps: step, base } = first;
    const path = snapshotPath(this.path, step);
    const encoder = new IndexEncoder();
    function* all(): Generator<IndexRecord> {
      yield first;
      yield* records;
    }
    await writeRecords(path, encoder, all());
    this.#put({ epoch, step, path, bytes: encoder.byteLength, base });
  }

  /** Removes one that nothing is based on. */
  remove(snapshot: IndexSnapshot): void {
    removeFile(snapshot.path);
    this.#snapshots = this.#snapshots.filter((other) => other !== snapshot);
  }

  #put(snapshot: IndexSnapshot): void {
    const others = this.#snapshots.filter(({ step }) => step !== snapshot.step);
    this.#snapshots = [...others, snapshot].toSorted((a, b) => a.step - b.step);
  }

  /** Forgets a snapshot that turned out to be of no use, and what is based on it. */
  reject(snapshot: IndexSnapshot, reason: string): void {
    this.note(`Index file ${snapshot.path} is ignored: ${reason}`);
    this.#snapshots = this.#snapshots.filter((other) => !this.chainOf(other).includes(snapshot));
  }

  async #look(path: string, log: StoredLog): Promise<void> {
    try {
      const first = await firstRecord(path);
      const { epoch, steps, base } = first;
      if (path !== snapshotPath(this.path, steps)) {
        throw new IndexError(`it is about step ${steps}, and not named so`);
      }
      this.#ignored.add(steps);
      if (first.log !== checksumWord(await log.checksumAt({ number: 0, byteOffset: 0 }))) {
        this.isForeign = true;
        return;
      }
      if (epoch > log.map.end.epoch) throw new IndexError("the log ends before that moment");
      const isOnItsWay = log.map.atEpoch(epoch)?.step === steps &&
        first.record === checksumWord(await log.checksumAt(log.map.placeOf(epoch)));
      if (!isOnItsWay) {
        this.isForeign = true;
        return;
      }
      if (base !== undefined && !this.#snapshots.some(({ step }) => step === base)) {
        // Of what is based on one that is ignored, nobody wants to hear.
        if (this.#ignored.has(base)) return;
        throw new IndexError(`its base at step ${base} is missing`);
      }
      this.#ignored.delete(steps);
      const { size: bytes } = fs.statSync(path);
      this.#snapshots.push({ epoch, step: steps, path, bytes, base });
    } catch (error) {
      this.note(`Index file ${path} is ignored: ${indexProblem(error)}`);
    }
  }
}

/** What is wrong with a file of an index, as the rest of a sentence; throws what is wrong with us. */
export function indexProblem(error: unknown): string {
  if (error instanceof LogError) {
    return `record ${error.recordNumber} at byte ${error.byteOffset} is ${error.reason}: ${error.problem}`;
  }
  if (error instanceof IndexError || error instanceof HostFileError) return error.message;
  if (errorCode(error) !== undefined) return errorText(error);
  throw error;
}

async function firstRecord(path: string): Promise<IndexSnapshotRecord> {
  for await (const { record } of readRecords(path, new IndexDecoder())) {
    if (record.kind !== "index-snapshot") break;
    if (record.version === indexVersion) return record;
    throw new IndexError(`it has version ${record.version}, not ${indexVersion}`);
  }
  throw new IndexError("it does not start as a file of an index");
}

async function consoleOf(path: string): Promise<IndexConsoleRecord[]> {
  const records: IndexConsoleRecord[] = [];
  let expected = 0;
  for await (const { record } of readRecords(path, new IndexDecoder())) {
    if (record.kind === "index-snapshot") expected = record.consoleRecords ?? 0;
    else if (record.kind === "console") records.push(record);
    else break;
    if (records.length === expected) break;
  }
  return records;
}

/** What is in a folder, in order; nothing, with a note, in what is none. */
function namesIn(folder: string, note: (text: string) => void): readonly string[] {
  try {
    return fs.readdirSync(folder).toSorted();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    if (errorCode(error) !== "ENOENT") note(`Index ${folder} is ignored: ${errorText(error)}`);
    return [];
  }
}
