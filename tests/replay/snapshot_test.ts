/** Key snapshots: taken again they are the same, and hostile ones are refused (design invariant 7). */
import zlib from "node:zlib";
import { assert, assertEquals, assertInstanceOf, equal } from "@std/assert";
import type { MachineState } from "../../lib/board/machine_state.ts";
import { DivergenceError } from "../../lib/epoch/divergence.ts";
import type { LogRecord, SnapshotCommitRecord } from "../../lib/epoch/record.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { packPages, unpackPages } from "../../lib/log/page_packing.ts";
import { replay } from "../../lib/replica/replaying.ts";
import { SnapshotRestorer } from "../../lib/replica/restore.ts";
import { SnapshotShelf } from "../../lib/replica/snapshot_shelf.ts";
import { SimulatedClock } from "../../lib/host/clock.ts";
import { atOnce } from "../log/at_once.ts";
import { freshOptions, guestCases } from "./guest_cases.ts";
import { logOf, recordsOf } from "./log_editing.ts";
import { streamOf } from "./playing.ts";
import { recordGuest } from "./recording.ts";

/** The key snapshots of a log, each from its begin to its commit. */
function snapshotsOf(records: readonly LogRecord[]): LogRecord[][] {
  const snapshots: LogRecord[][] = [];
  for (const record of records) {
    if (record.kind === "snapshot-begin") snapshots.push([]);
    if (record.kind.startsWith("snapshot-")) snapshots.at(-1)!.push(record);
  }
  return snapshots;
}

for (const [name, which] of Object.entries(guestCases)) {
  Deno.test(`${name}: a snapshot of what a snapshot has restored is the same, to the byte`, async () => {
    const { snapshotEverySteps } = which;
    const { log } = await recordGuest(
      which.guest,
      freshOptions(which, { snapshotEverySteps, epochSteps: snapshotEverySteps }),
    );
    const records = recordsOf(log);
    const header = records[0]!;
    assert(header.kind === "header");
    const snapshots = snapshotsOf(records);
    assert(snapshots.length > 3);
    for (const snapshot of snapshots) {
      const restorer = new SnapshotRestorer(header as Extract<LogRecord, { kind: "header" }>);
      const placed = snapshot.map((record, number) => ({
        ...{ record, number },
        ...{ byteOffset: 0, byteLength: 0 },
      }));
      const replica = placed.map((item) => restorer.accept(item, {})).at(-1)!;
      const shelf = new SnapshotShelf(replica.machine);
      const again = atOnce(shelf.take(replica.epoch, replica.time, new SimulatedClock()));
      assertEquals(logOf([header, ...again]), logOf([header, ...snapshot]));
    }
  });
}

const burst = guestCases["teller in a burst"]!;
const recording = await recordGuest(
  burst.guest,
  freshOptions(burst, { snapshotEverySteps: 20_000, epochSteps: 20_000 }),
);

/** A log that begins with a snapshot of a busy machine: operations are outstanding. */
const busy: readonly LogRecord[] = (() => {
  const records = recordsOf(recording.log);
  const at = records.findIndex((record, index) =>
    record.kind === "snapshot-begin" &&
    records.slice(
        index,
        records.findIndex((later, end) => end > index && later.kind === "snapshot-commit"),
      ).filter(({ kind }) => kind === "snapshot-operation").length > 1
  );
  if (at < 0) throw new Error("No snapshot has outstanding operations");
  const start = records.slice(at).findIndex(({ kind }) => kind === "epoch");
  return [records[0]!, ...records.slice(at, at + start + 60)];
})();
const commitAt = busy.findIndex(({ kind }) => kind === "snapshot-commit");
const commit = busy[commitAt] as SnapshotCommitRecord;

/** Replays an altered log; answers the error and the number of epochs executed. */
async function refusal(records: readonly LogRecord[]): Promise<{ error: unknown; epochs: number }> {
  let epochs = 0;
  try {
    await replay(streamOf(logOf(records)), { epoch: () => void epochs++ });
    return { error: undefined, epochs };
  } catch (error) {
    return { error, epochs };
  }
}

/** Fails unless the log is refused at its snapshot's commit: no epoch is executed. */
async function assertRefused(records: readonly LogRecord[], what: string): Promise<void> {
  const at = records.findIndex(({ kind }) => kind === "snapshot-commit");
  // A few records behind it: were it not refused, they would be executed.
  const { error, epochs } = await refusal(records.slice(0, at + 4));
  if (error instanceof DivergenceError) {
    assertEquals(error.epoch, commit.epoch, what);
  } else {
    assertInstanceOf(error, LogError, `${what}: ${error instanceof Error ? error.stack : error}`);
    const { recordNumber, byteOffset } = error as LogError;
    assert(recordNumber <= at && byteOffset > 0, `${what}: ${error}`);
  }
  assertEquals(epochs, 0, what);
}

const withCommit = (change: Partial<SnapshotCommitRecord>) =>
  busy.with(commitAt, { ...commit, ...change });

Deno.test("the busy snapshot as it is can be entered", async () => {
  const { error, epochs } = await refusal(busy);
  assertEquals(error, undefined);
  assert(epochs > 5);
});

Deno.test("a snapshot without one of its records is refused", async () => {
  for (let index = 1; index < commitAt; index++) {
    // The image is what a reset starts from: no digest is about it, until there has been a reset.
    const record = busy[index]!;
    if (record.kind === "snapshot-pages" && record.of === "image") continue;
    await assertRefused(busy.toSpliced(index, 1), `without ${record.kind} ${index}`);
  }
});

Deno.test("a snapshot with a page that is another, lacking or elsewhere is refused", async () => {
  let pages = 0;
  for (const [index, kept] of busy.slice(0, commitAt).entries()) {
    if (kept.kind !== "snapshot-pages" || kept.of !== "ram") continue;
    const { packed: _packed, ...rest } = kept;
    const record = { ...rest, data: unpackPages(kept)! };
    for (const [at, page] of record.pages.entries()) {
      const data = record.data.slice();
      data[at * 4096 + 7]! ^= 4;
      const altered = { ...record, data };
      await assertRefused(busy.with(index, altered), `page ${page} altered`);
      const lacking = {
        ...record,
        pages: record.pages.toSpliced(at, 1),
        data: Uint8Array.of(
          ...record.data.subarray(0, at * 4096),
          ...record.data.subarray(at * 4096 + 4096),
        ),
      };
      await assertRefused(busy.with(index, lacking), `page ${page} lacking`);
      const moved = record.pages.with(at, 511 - page);
      await assertRefused(busy.with(index, { ...record, pages: moved }), `page ${page} moved`);
      pages++;
    }
    const outside = record.pages.with(0, 512);
    await assertRefused(busy.with(index, { ...record, pages: outside }), "a page outside RAM");
  }
  assert(pages > 10);
});

Deno.test("a snapshot whose packed pages are not what was packed is refused", async () => {
  const index = busy.findIndex((record) =>
    record.kind === "snapshot-pages" && record.of === "ram" && record.packed
  );
  const record = busy[index] as Extract<LogRecord, { kind: "snapshot-pages" }>;
  const all = unpackPages(record)!;
  const zeros = (bytes: number) => ({ ...record, ...packPages(new Uint8Array(bytes)) });
  const wideWindow = zlib.zstdCompressSync(new Uint8Array(2 ** 22), {
    params: { [zlib.constants.ZSTD_c_windowLog]: 22 },
  });
  const cases: Readonly<Record<string, typeof record>> = {
    "no frame": { ...record, data: Uint8Array.of(1, 2, 3) },
    "cut off": { ...record, data: record.data.subarray(0, record.data.length / 2) },
    "fewer pages": { ...record, ...packPages(all.subarray(4096)) },
    "more pages": zeros(all.length + 4096),
    "a bomb": zeros(2 ** 26),
    "a wide window": { ...record, data: new Uint8Array(wideWindow) },
    "other pages": zeros(all.length),
  };
  for (const [what, altered] of Object.entries(cases)) {
    await assertRefused(busy.with(index, altered), what);
  }
});

Deno.test("a snapshot with another commit is refused", async () => {
  const { epoch, steps, digest } = commit;
  const changes: Readonly<Record<string, Partial<SnapshotCommitRecord>>> = {
    "another digest": { digest: digest ^ 1n },
    "another epoch": { epoch: epoch + 1 },
    "more steps": { steps: steps + 1 },
    "fewer steps": { steps: steps - 1 },
    "nothing as state": { state: null as unknown as MachineState },
    "no state": { state: {} as MachineState },
    "no map as state": { state: [] as unknown as MachineState },
  };
  for (const [what, change] of Object.entries(changes)) {
    await assertRefused(withCommit(change), what);
  }
});

Deno.test("a snapshot with operations that are not the machine's is refused", async () => {
  const at = busy.findIndex(({ kind }) => kind === "snapshot-operation");
  const record = busy[at] as Extract<LogRecord, { kind: "snapshot-operation" }>;
  const { operation } = record;
  const altered = (change: Partial<typeof operation>) =>
    busy.with(at, { ...record, operation: { ...operation, ...change } });
  await assertRefused(altered({ number: operation.number + 1000 }), "another number");
  await assertRefused(altered({ request: { kind: "disk-flush", disk: 0 } }), "another request");
  await assertRefused(altered({ request: { kind: "disk-flush", disk: 9 } }), "another disk");
  await assertRefused(
    altered({ request: { kind: "disk-read", disk: 0, sector: 4000, sectors: 200 } }),
    "sectors outside the disk",
  );
  await assertRefused(busy.with(at, busy[at + 1]!).with(at + 1, record), "operations exchanged");
});

/** Every value of a state with its path. */
function paths(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [path];
  return [path, ...Object.entries(value).flatMap(([key, child]) => paths(child, [...path, key]))];
}

/** Values for any place: of the wrong type, and out of any range. */
const garbage: readonly unknown[] = [-1, 2 ** 53 - 1, 1n << 63n, "x", [], {}, new Uint8Array(3)];

Deno.test("a snapshot with anything out of place in its state is refused, whatever it is", async () => {
  const places = paths(commit.state).filter((path) => path.length > 0);
  assert(places.length > 300);
  let kinds = 0;
  // Each place once, with one kind of garbage after the other.
  for (const path of places) {
    const state = structuredClone(commit.state) as unknown as Record<string, unknown>;
    let node = state;
    for (const key of path.slice(0, -1)) node = node[key] as Record<string, unknown>;
    const last = path.at(-1)!;
    // An empty list in the place of an empty list is no garbage.
    if (equal(node[last], garbage[kinds % garbage.length])) kinds++;
    node[last] = garbage[kinds++ % garbage.length];
    await assertRefused(withCommit({ state: state as unknown as MachineState }), path.join("."));
  }
});

Deno.test("a snapshot for a machine with other devices or another memory is refused", async () => {
  const header = busy[0] as Extract<LogRecord, { kind: "header" }>;
  const { configuration } = header;
  const others = {
    "more RAM": { ...configuration, ramBytes: configuration.ramBytes + 4096 },
    "less RAM": { ...configuration, ramBytes: 2 ** 21, bills: false },
    "no bill port": { ...configuration, bills: false },
    "no disk": { ...configuration, disks: [] },
    "a smaller disk": { ...configuration, disks: [{ id: "SIMULATED", sectors: 1 }] },
  };
  for (const [what, other] of Object.entries(others)) {
    await assertRefused([{ ...header, configuration: other }, ...busy.slice(1)], what);
  }
});

Deno.test("a time base before the machine's own time is a divergence of the first epoch", async () => {
  const { base, rate } = commit.time;
  const { error, epochs } = await refusal(withCommit({ time: { base: base - 1, rate } }));
  assertInstanceOf(error, DivergenceError);
  assertEquals([(error as DivergenceError).epoch, epochs], [commit.epoch + 1, 0]);
});
