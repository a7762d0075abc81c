/** From the files of an index to a replica. */
import { BootImage } from "../board/boot_image.ts";
import { ImageError, StateError } from "../board/errors.ts";
import { Machine } from "../board/machine.ts";
import { checkBoot, record } from "../board/state_check.ts";
import { HartStateError } from "../cpu/hart.ts";
import { GuestMemory } from "../cpu/memory.ts";
import { Replica } from "../epoch/replica.ts";
import { pageBytes } from "../log/limits.ts";
import { LogGrammar, type PlacedRecord } from "../log/log_grammar.ts";
import { type AssembledSnapshot, SnapshotAssembler } from "../log/snapshot_assembler.ts";
import { IndexError, readRecords } from "./index_file.ts";
import type { IndexFolder, IndexSnapshot } from "./index_folder.ts";
import { IndexDecoder } from "./index_records.ts";
import type { Playhead } from "./playhead.ts";
import type { StoredLog } from "./stored_log.ts";

/**
 * Puts a playhead at a snapshot of an index. The newest file that has a page counts.
 *
 * @throws What {@linkcode indexProblem} explains; the playhead stands nowhere then.
 */
export async function enterIndexed(
  playhead: Playhead,
  index: IndexFolder,
  snapshot: IndexSnapshot,
): Promise<void> {
  const { memory, log } = playhead;
  const image = playhead.lastMachine?.image ?? await readBootImage(log);
  playhead.leave();
  playhead.blankMemory();
  const isThere = new Uint8Array(memory.ramBytes / pageBytes);
  let assembled: AssembledSnapshot | undefined;
  for (const file of index.chainOf(snapshot)) {
    const found = await readPages(file, log, (page, data) => {
      if (isThere[page] !== 0) return;
      isThere[page] = 1;
      memory.write(GuestMemory.ramBase + page * pageBytes, data);
    }, isThere);
    assembled ??= found;
  }
  const { epoch, steps, time, state, operations, digest } = assembled!;
  if (epoch !== snapshot.epoch || steps !== snapshot.step) {
    throw new IndexError("it is of another moment than it says");
  }
  const { configuration } = log.header;
  const machine = orRefused(() =>
    Machine.restore({ configuration, image, state, operations, memory })
  );
  if (machine.steps !== steps || machine.snapshotDigest() !== digest) {
    throw new IndexError("the digest of what it describes is another");
  }
  playhead.put(new Replica(machine, epoch, time, playhead.events));
}

/** Reads a file; pages of records in which all are there already are not unpacked. */
async function readPages(
  { path, epoch }: IndexSnapshot,
  { header }: StoredLog,
  take: (page: number, data: Uint8Array) => void,
  isThere: Uint8Array,
): Promise<AssembledSnapshot> {
  const assembler = new SnapshotAssembler({ ram: take, image() {} });
  const grammar = new LogGrammar();
  const place = { number: 0, byteOffset: 0 };
  grammar.accept({ ...place, record: header });
  for await (const { record, number, byteOffset } of readRecords(path, new IndexDecoder())) {
    if (record.kind === "index-snapshot") {
      grammar.accept({ ...place, record: { kind: "snapshot-begin", epoch } });
      continue;
    }
    if (record.kind === "console") continue;
    const item: PlacedRecord = { record, number, byteOffset };
    grammar.accept(item);
    if (record.kind === "snapshot-pages" && record.pages.every((page) => isThere[page] !== 0)) {
      continue;
    }
    const found = assembler.accept(item);
    if (found) return found;
  }
  throw new IndexError("it is cut off");
}

/** What the machine starts from at a reset, from the log's first snapshot. */
async function readBootImage(log: StoredLog): Promise<BootImage> {
  const pages = new Map<number, Uint8Array>();
  const assembler = new SnapshotAssembler({
    ram() {},
    image: (page, data) => void pages.set(page, data),
  });
  const cursor = log.recordsAfter(log.map.snapshots[0]!.before);
  for (;;) {
    const item = await cursor.next();
    if (!item) throw new IndexError("the log's first snapshot is no longer there");
    const found = assembler.accept(item);
    if (!found) continue;
    return orRefused(() => {
      const boot = checkBoot(record(found.state, "the machine's state")["boot"]);
      return BootImage.fromPages(pages, boot, log.header.configuration);
    });
  }
}

function orRefused<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    const isRefusal = error instanceof StateError || error instanceof HartStateError ||
      error instanceof ImageError;
    throw isRefusal ? new IndexError(`no machine is in this state: ${error.message}`) : error;
  }
}
