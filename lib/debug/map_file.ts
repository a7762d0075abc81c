/**
 * The map of a log in a file of its index, so that a long log need not be read whole each time it is opened.
 * Its numbers are checked when it is read, and again by every epoch that is executed.
 */
import fs from "node:fs";
import zlib from "node:zlib";
import { list, record, tuple, union } from "../log/container_type.ts";
import { type FieldType, required } from "../log/field_type.ts";
import { SequenceDecoder } from "../log/record_decoder.ts";
import { SequenceEncoder } from "../log/record_encoder.ts";
import { bytes, choice, count, word } from "../log/scalar_type.ts";
import { IndexError, readRecords, writeRecords } from "./index_file.ts";
import { indexProblem } from "./index_folder.ts";
import { indexVersion } from "./index_records.ts";
import { type KeySnapshot, LogMap, mapColumns } from "./log_map.ts";
import { checksumWord, type SavedMap, type StoredLog } from "./stored_log.ts";

/** Entries in one record. */
const MOST_ENTRIES = 1 << 16;
const MOST_SNAPSHOTS = 1 << 14;
const BYTES_OF_NUMBER = 8;
const LARGEST_RATE = 2 ** 24;

interface OpeningRecord {
  readonly kind: "map";
  readonly version: number;
  readonly log: bigint;
  readonly record: bigint;
  readonly term: number;
  readonly first: number;
  readonly entries: number;
}

interface SnapshotsRecord {
  readonly kind: "snapshots";
  readonly snapshots: readonly SavedSnapshot[];
}

interface SavedSnapshot {
  readonly epoch: number;
  readonly step: number;
  readonly number: number;
  readonly byteOffset: number;
}

/** The differences of the next numbers of a column from the ones before, packed by Zstandard. */
interface ColumnRecord {
  readonly kind: "column";
  readonly column: typeof mapColumns[number];
  readonly entries: number;
  readonly packed: Uint8Array;
}

type MapRecord = OpeningRecord | SnapshotsRecord | ColumnRecord | { readonly kind: "end" };

const savedSnapshot: FieldType<SavedSnapshot> = tuple([
  required("epoch", count()),
  required("step", count()),
  required("number", count()),
  required("byteOffset", count()),
]);

const mapRecord: FieldType<MapRecord> = union<MapRecord>({
  "map": record([
    required("kind", choice("map")),
    required("version", count(1)),
    required("log", word),
    required("record", word),
    required("term", count(1)),
    required("first", count()),
    required("entries", count(1)),
  ]),
  "snapshots": record([
    required("kind", choice("snapshots")),
    required("snapshots", list(savedSnapshot, 1, MOST_SNAPSHOTS)),
  ]),
  "column": record([
    required("kind", choice("column")),
    required("column", choice(...mapColumns)),
    required("entries", count(1, MOST_ENTRIES)),
    required("packed", bytes(1, 2 * MOST_ENTRIES * BYTES_OF_NUMBER)),
  ]),
  "end": record([required("kind", choice("end"))]),
});

const seed = new TextEncoder().encode("LOCKMAP\0");

/** Where the map is in an index. */
function mapPath(folder: string): string {
  return `${folder}/map`;
}

/** Size of the map in an index; 0 when it has none. */
export function mapBytes(folder: string): number {
  return fs.statSync(mapPath(folder), { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Writes the map of a log into its index.
 *
 * @throws {HostFileError} when that fails
 */
export async function writeMap(folder: string, log: StoredLog): Promise<void> {
  const { map } = log;
  const { first, snapshots, columns } = map.saved();
  const opening: OpeningRecord = {
    ...{ kind: "map", version: indexVersion, term: log.term, first },
    log: checksumWord(await log.checksumAt({ number: 0, byteOffset: 0 })),
    record: checksumWord(await log.checksumAt(map.placeOf(map.end.epoch))),
    entries: columns.steps.length,
  };
  function* records(): Generator<MapRecord> {
    yield opening;
    for (let at = 0; at < snapshots.length; at += MOST_SNAPSHOTS) {
      const part = snapshots.slice(at, at + MOST_SNAPSHOTS);
      yield {
        kind: "snapshots",
        snapshots: part.map(({ epoch, step, before }) => ({ epoch, step, ...before })),
      };
    }
    for (const column of mapColumns) {
      for (let at = 0; at < opening.entries; at += MOST_ENTRIES) {
        const part = columns[column].subarray(at, at + MOST_ENTRIES);
        yield { kind: "column", column, entries: part.length, packed: packed(part) };
      }
    }
    yield { kind: "end" };
  }
  await writeRecords(mapPath(folder), new SequenceEncoder(mapRecord, seed), records());
}

/** The map of an index, if there is one that can be read; `note` is told in one line of one that cannot. */
export async function savedMap(
  folder: string,
  note: (text: string) => void,
): Promise<SavedMap | undefined> {
  if (!isThere(mapPath(folder))) return undefined;
  try {
    return await readMap(folder);
  } catch (error) {
    note(`Index file ${mapPath(folder)} is ignored: ${indexProblem(error)}`);
    return undefined;
  }
}

function isThere(path: string): boolean {
  try {
    return fs.existsSync(path);
  } catch {
    // Beside a log in `/dev` and the like nobody may look; the log itself will be told of.
    return false;
  }
}

/**
 * Reads the map of an index; whether it is about a log, {@linkcode SavedMap} tells.
 *
 * @throws {IndexError} or {LogError} when it is damaged or of another version, {HostFileError} when there is
 *   none
 */
async function readMap(folder: string): Promise<SavedMap> {
  const start = { checksum: seed, records: 0, byteLength: 0 };
  const decoder = new SequenceDecoder(mapRecord, "end", start);
  let opening: OpeningRecord | undefined;
  const snapshots: KeySnapshot[] = [];
  const parts = new Map<string, Float64Array[]>(mapColumns.map((column) => [column, []]));
  for await (const { record } of readRecords(mapPath(folder), decoder)) {
    if (record.kind === "map") {
      if (record.version !== indexVersion) {
        throw new IndexError(`it has version ${record.version}, not ${indexVersion}`);
      }
      opening = record;
    } else if (record.kind === "snapshots") {
      snapshots.push(
        ...record.snapshots.map(({ epoch, step, number, byteOffset }) => ({
          ...{ epoch, step },
          before: { number, byteOffset },
        })),
      );
    } else if (record.kind === "column") {
      parts.get(record.column)!.push(unpacked(record));
    }
  }
  if (!opening || snapshots.length === 0) throw new IndexError("it is no map");
  const { first, entries, term, log, record } = opening;
  const column = (name: typeof mapColumns[number], least: number, most: number) =>
    checkedColumn(parts.get(name)!, entries, least, most);
  const columns = {
    numbers: column("numbers", 1, Infinity),
    offsets: column("offsets", 1, Infinity),
    steps: column("steps", 0, Infinity),
    bases: column("bases", 0, Infinity),
    rates: column("rates", -Infinity, Infinity),
  };
  if (columns.rates.some((rate) => rate < 1 || rate > LARGEST_RATE)) {
    throw new IndexError("it has impossible clock rates");
  }
  checkSnapshots(snapshots, first, columns.steps);
  return { map: LogMap.restored({ first, snapshots, columns }), term, log, record };
}

function packed(numbers: Float64Array): Uint8Array {
  const differences = numbers.map((value, index) => value - (numbers[index - 1] ?? 0));
  const { buffer, byteOffset, length } = zlib.zstdCompressSync(new Uint8Array(differences.buffer));
  return new Uint8Array(buffer, byteOffset, length);
}

function unpacked({ packed, entries }: ColumnRecord): Float64Array {
  const length = entries * BYTES_OF_NUMBER;
  try {
    const bytes = zlib.zstdDecompressSync(packed, { maxOutputLength: length });
    if (bytes.length === length) {
      const numbers = new Float64Array(new Uint8Array(bytes).buffer);
      for (let index = 1; index < entries; index++) numbers[index]! += numbers[index - 1]!;
      return numbers;
    }
  } catch {
    // It says so below.
  }
  throw new IndexError("numbers cannot be unpacked");
}

/** The parts of a column in one, once every number is a count that is not too near or far from the last. */
function checkedColumn(
  parts: readonly Float64Array[],
  entries: number,
  least: number,
  most: number,
): Float64Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length !== entries) throw new IndexError(`it has ${length} of ${entries} numbers`);
  const column = new Float64Array(length);
  let at = 0;
  for (const part of parts) {
    column.set(part, at);
    at += part.length;
  }
  column.forEach((value, index) => {
    const difference = index === 0 ? least : value - column[index - 1]!;
    if (!Number.isSafeInteger(value) || value < 0 || !(difference >= least && difference <= most)) {
      throw new IndexError(`number ${index} of a column cannot be ${value}`);
    }
  });
  return column;
}

/** Snapshots stand at the ends of epochs, in order, the first one before all. */
function checkSnapshots(
  snapshots: readonly KeySnapshot[],
  first: number,
  steps: Float64Array,
): void {
  snapshots.forEach(({ epoch, step }, index) => {
    const least = snapshots[index - 1]?.epoch ?? first;
    const isHere = epoch >= least && step === steps[epoch - first];
    if (!isHere || (index === 0 && epoch !== first)) {
      throw new IndexError(`it has an impossible snapshot of epoch ${epoch}`);
    }
  });
}
