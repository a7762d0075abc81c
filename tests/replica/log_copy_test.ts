/** Logs that a machine keeps beside its members: copies that go on after a promotion, slow disks. */
import { assert, assertEquals } from "@std/assert";
import { BootImage } from "../../lib/board/boot_image.ts";
import { Machine } from "../../lib/board/machine.ts";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { pause } from "../../lib/host/pause.ts";
import { type LogItem, RecordDecoder } from "../../lib/log/record_decoder.ts";
import { LogCopy } from "../../lib/replica/log_copy.ts";
import { record } from "../../lib/replica/recording.ts";
import { replay } from "../../lib/replica/replaying.ts";
import type { ByteStream } from "../../lib/replica/transport.ts";
import { Cable } from "./stage/cable.ts";
import { Stage } from "./stage/stage.ts";

const BOOT = "transfers=30 pace=4";

/** A log in memory. */
class MemoryLog {
  readonly #parts: Uint8Array[] = [];
  /** Writing end. */
  readonly stream: ByteStream = streamTo(
    new WritableStream({ write: (bytes) => void this.#parts.push(bytes.slice()) }),
  );

  /** Everything written. */
  get readable(): ReadableStream<Uint8Array> {
    return ReadableStream.from([...this.#parts]);
  }
}

function streamTo(writable: WritableStream<Uint8Array>): ByteStream {
  return {
    name: "a log",
    kind: "file",
    direction: "out",
    writable,
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };
}

async function receipts(stage: Stage, count: number): Promise<void> {
  await stage.until(() => stage.consoleText().includes(`receipt ${count} `), `receipt ${count}`);
}

function copyTo(log: MemoryLog): LogCopy {
  return new LogCopy(log.stream, (reason) => {
    throw new Error(reason);
  });
}

for (const ending of ["kill", "hand-over"] as const) {
  Deno.test(`a backup's copy of the log goes on through its promotion after a ${ending}, and replays whole`, async () => {
    await using stage = new Stage();
    const cable = new Cable();
    const log = new MemoryLog();
    // The promoted machine has a policy of its own; the copy's header still holds the primary's promise.
    const primary = await stage.primary({
      cables: [cable],
      boot: BOOT,
      policy: { ramDigestSteps: 50_000 },
    });
    const backup = stage.backup(cable, { copy: copyTo(log) });
    await receipts(stage, 5);
    if (ending === "kill") {
      primary.kill();
      primary.freeLock();
    } else primary.live.stop("hand-over");
    const promoted = await backup.promoted;
    assertEquals((await promoted.ended).reason, "power-off");
    const summary = await replay(log.readable);
    assertEquals(summary.terms, [2]);
    assertEquals(summary.end?.reason, "power-off");
    assertEquals(summary.ending.kind, "clean");
  });
}

Deno.test("a copy of a handed-over log that nobody goes on with ends as the log did", async () => {
  const log = new MemoryLog();
  const copy = copyTo(log);
  await copy.add(item({ kind: "note", text: "one" }));
  await copy.add(item({ kind: "end", reason: "hand-over" }));
  await copy.close();
  const decoder = new RecordDecoder();
  const kinds: string[] = [];
  for await (const part of log.readable) {
    kinds.push(...decoder.push(part).map(({ record }) => record.kind));
  }
  assertEquals(kinds, ["note", "end"]);
});

Deno.test("a copy on a slow disk slows the backup, and does not fill its memory", async () => {
  const taken: (() => void)[] = [];
  const copy = new LogCopy(
    streamTo(new WritableStream({ write: () => new Promise((resolve) => taken.push(resolve)) })),
    () => {},
  );
  const pages = Array.from({ length: 64 }, (_, index) => index);
  let waits: Promise<void> | undefined = undefined;
  let records = 0;
  for (; !waits && records < 100; records++) {
    waits = copy.add(
      item({ kind: "snapshot-pages", of: "ram", pages, data: new Uint8Array(64 * 4096) }),
    );
  }
  assert(records < 30, `${records} records are in memory`);
  const going = setInterval(() => taken.shift()?.(), 1);
  await waits;
  clearInterval(going);
});

Deno.test("snapshots for a log that is not written slow the guest, and do not pile up", async () => {
  const configuration = { ramBytes: 8 << 20, disks: [], bills: false, bootArguments: "" };
  const image = BootImage.load(await Deno.readFile(BENCH), configuration);
  const machine = Machine.powerOn(configuration, image);
  let snapshots = 0;
  const save = machine.save.bind(machine);
  machine.save = () => {
    snapshots++;
    return save();
  };
  const open = Promise.withResolvers<void>();
  const stop = new AbortController();
  const ended = record(
    machine,
    new WritableStream({ write: () => open.promise }),
    { snapshotEverySteps: 100_000, policy: { epochSteps: 50_000 }, signal: stop.signal },
  );
  await pause(500);
  const taken = snapshots;
  stop.abort();
  open.resolve();
  await ended;
  assert(taken <= 3, `${taken} snapshots of the whole memory`);
});

function item(record: LogRecord): LogItem {
  return { record, number: 0, byteOffset: 0, byteLength: 0 };
}

const BENCH = new URL("../../fixtures/bench.elf", import.meta.url);
