/** Copies for a debugger: whole from where they begin, bounded, and waited for by nobody. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { SystemClock } from "../../lib/host/clock.ts";
import { hostLoop } from "../../lib/host/event_loop.ts";
import { pause } from "../../lib/host/pause.ts";
import type { PendingRecords } from "../../lib/replica/attachment.ts";
import { DebugCopy, DebugCopyStart } from "../../lib/replica/debug_copy.ts";
import { replay } from "../../lib/replica/replaying.ts";
import { SnapshotShelf } from "../../lib/replica/snapshot_shelf.ts";
import type { ByteStream } from "../../lib/replica/transport.ts";
import { atOnce } from "../log/at_once.ts";
import { sampleRecords } from "../log/sample_log.ts";
import { enter, logOf, recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";
import { Cable } from "./stage/cable.ts";
import { Stage } from "./stage/stage.ts";

const MEBIBYTE = 1 << 20;

function streamTo(write: (bytes: Uint8Array) => Promise<void> | void): ByteStream {
  return {
    name: "a copy",
    kind: "file",
    direction: "out",
    writable: new WritableStream({ write }),
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };
}

const sample = sampleRecords.find((record) => record.kind === "epoch")!;

/** An epoch with so many bytes of input. */
function epoch(number: number, inputBytes: number): LogRecord {
  return { ...sample, epoch: number, consoleInput: new Uint8Array(inputBytes) };
}

const nothing = (): PendingRecords => new Array<LogRecord>().values();

for (const ending of ["kill", "hand-over"] as const) {
  Deno.test(`a copy that begins in the middle of a run replays from there to its end, through a ${ending}`, async () => {
    await using stage = new Stage();
    const cable = new Cable();
    const primary = await stage.primary({ cables: [cable], boot: "transfers=30 pace=4" });
    const parts: Uint8Array[] = [];
    let copy: DebugCopy | undefined;
    let from = 0;
    const staged = stage.backup(cable, {
      copy: {
        add: ({ record }) => void copy?.send(record),
        get log() {
          return copy!;
        },
      },
    });
    await stage.until(() => stage.consoleText().includes("receipt 5 "), "receipt 5");
    staged.backup.atEpochEnd(async (replica, header) => {
      const start = await new DebugCopyStart(replica, hostLoop).take(header, header.term);
      from = replica.epoch;
      copy = new DebugCopy(
        streamTo((bytes) => void parts.push(bytes.slice())),
        start,
        from,
        { limitBytes: 100 * MEBIBYTE, ended: (reason) => assert(false, reason) },
      );
    });
    await stage.until(() => stage.consoleText().includes("receipt 12 "), "receipt 12");
    if (ending === "kill") {
      primary.kill();
      primary.freeLock();
    } else primary.live.stop("hand-over");
    const promoted = await staged.promoted;
    await promoted.ended;
    const summary = await replay(ReadableStream.from(parts));
    assert(from > 0);
    assertEquals(summary.terms, [2]);
    assertEquals([summary.end?.reason, summary.ending.kind], ["power-off", "clean"]);
  });
}

Deno.test("while a copy begins the backup acknowledges, and stays a member", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const primary = await stage.primary({ cables: [cable], boot: "transfers=2000 pace=4" });
  const { backup } = stage.backup(cable);
  await stage.until(() => stage.consoleText().includes("receipt 3 "), "receipt 3");
  const done = Promise.withResolvers<void>();
  let stood = -1;
  backup.atEpochEnd(async (replica) => {
    stood = replica.epoch;
    await done.promise;
    assertEquals(replica.epoch, stood);
  });
  await stage.until(() => stood >= 0, "a visit");
  // Longer than the primary waits for a member that is silent.
  const before = stage.consoleText().split("receipt").length;
  await pause(900);
  const after = stage.consoleText().split("receipt").length;
  assert(after > before + 5, `${after - before} receipts`);
  assertEquals(primary.live.roster.protection, "protected");
  assert(backup.lagRecords > 0);
  done.resolve();
  await stage.until(() => backup.replica!.epoch > stood, "the next epoch");
});

Deno.test("a snapshot in pieces is the one that is taken at once", async () => {
  const { log } = await recordGuest("clock");
  const replica = enter(recordsOf(log));
  for (const record of recordsOf(log)) {
    if (record.kind === "epoch" && record.epoch <= 3) replica.execute(record);
  }
  const { machine, time } = replica;
  const shelf = new SnapshotShelf(machine);
  const before = atOnce(shelf.take(3, time, new SystemClock()));
  await shelf.warm(hostLoop, "used");
  // A second one uses the same buffer again.
  for (let round = 0; round < 2; round++) {
    assertEquals(atOnce(await shelf.takeStanding(3, time, hostLoop)), before);
  }
  assert(logOf(before).length > 0);
});

Deno.test("a snapshot for a debugger has what was written since the one before, which nobody told of", async () => {
  const { log } = await recordGuest("clock");
  const replica = enter(recordsOf(log));
  const shelf = new SnapshotShelf(replica.machine);
  await shelf.warm(hostLoop, "used");
  for (const record of recordsOf(log)) {
    if (record.kind !== "epoch" || record.epoch > 4) continue;
    replica.execute(record);
    const { machine, time } = replica;
    const fresh = new SnapshotShelf(machine).take(record.epoch, time, new SystemClock());
    const standing = await shelf.takeStanding(record.epoch, time, hostLoop);
    assertEquals(atOnce(standing), atOnce(fresh), `after epoch ${record.epoch}`);
  }
});

Deno.test("a copy on a disk that does not keep up ends, and takes no more memory", () => {
  const reasons: string[] = [];
  const copy = new DebugCopy(
    streamTo(() => new Promise(() => {})),
    nothing(),
    0,
    { limitBytes: 1000 * MEBIBYTE, ended: (reason) => void reasons.push(reason) },
  );
  let records = 0;
  while (reasons.length === 0 && records < 1000) copy.send(epoch(++records, MEBIBYTE));
  assertEquals(reasons, ["the disk on which the copy of the log is cannot keep up"]);
  assert(records < 70, `${records} MiB`);
  copy.send(epoch(records, MEBIBYTE));
  assertEquals([copy.full, reasons.length], [false, 1]);
});

Deno.test("a copy ends at its limit, and before it does not", async () => {
  const reasons: string[] = [];
  let bytes = 0;
  const copy = new DebugCopy(
    streamTo((part) => void (bytes += part.length)),
    nothing(),
    0,
    { limitBytes: 2 * MEBIBYTE, ended: (reason) => void reasons.push(reason) },
  );
  let records = 0;
  for (; reasons.length === 0 && records < 1000; records++) {
    copy.send(epoch(1 + records, 50_000));
    await pause(0);
  }
  assertEquals(reasons, ["the copy of the log has reached its limit of 2M"]);
  assert(records > 30 && bytes <= 2 * MEBIBYTE, `${records} records, ${bytes} bytes`);
});

Deno.test("a machine that ends does not wait for a copy that nobody writes", async () => {
  const copy = new DebugCopy(
    streamTo(() => new Promise(() => {})),
    nothing(),
    0,
    { limitBytes: MEBIBYTE, ended: () => {} },
  );
  copy.send(epoch(1, 10));
  await copy.finish();
  copy.close();
  let isSettled = false;
  const settled = copy.settled().then(() => isSettled = true);
  await pause(100);
  assertEquals(isSettled, false);
  // Who wants to know whether it is whole waits for a while.
  await settled;
});

Deno.test("a copy says when its snapshot is written, and is whole although its writer has left", async () => {
  const parts: Uint8Array[] = [];
  const { log } = await recordGuest("hello");
  const records = recordsOf(log);
  const commit = records.findIndex(({ kind }) => kind === "snapshot-commit");
  let begun = 0;
  const copy = new DebugCopy(
    streamTo(async (part) => {
      await pause(1);
      parts.push(part.slice());
    }),
    records.slice(0, commit + 1).values(),
    0,
    { limitBytes: MEBIBYTE, ended: (reason) => assert(false, reason), begun: () => void begun++ },
  );
  for (const record of records.slice(commit + 1)) copy.send(record);
  assertEquals(begun, 0);
  await copy.finish();
  copy.close();
  copy.send(epoch(99, 10));
  await copy.settled();
  assertEquals(begun, 1);
  const summary = await replay(ReadableStream.from(parts));
  assertEquals([summary.end?.reason, summary.ending.byteLength], ["power-off", log.length]);
});

Deno.test("a copy whose stream fails is told of once", async () => {
  const reasons: string[] = [];
  const copy = new DebugCopy(
    streamTo(() => Promise.reject(new Error("No space left"))),
    nothing(),
    0,
    { limitBytes: MEBIBYTE, ended: (reason) => void reasons.push(reason) },
  );
  for (let number = 1; number < 4; number++) {
    copy.send(epoch(number, 10));
    await pause(5);
  }
  assertEquals(reasons.length, 1);
  assertMatch(reasons[0]!, /^the copy of the log cannot be written: No space left/);
});
