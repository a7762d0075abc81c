import { assertEquals, assertMatch } from "@std/assert";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { pause } from "../../lib/host/pause.ts";
import { Attachment } from "../../lib/replica/attachment.ts";
import { LogSeries } from "../../lib/replica/log_series.ts";
import type { ByteStream } from "../../lib/replica/transport.ts";
import { sampleRecords } from "../log/sample_log.ts";

const MEBIBYTE = 2 ** 20;

/** A series over files that are only counted, of a machine whose snapshots take so many MiB. */
function series(limitMib: number) {
  const removed: number[] = [];
  const opened: number[] = [];
  const lost: string[] = [];
  let snapshotMib = 1;
  const [header, begin] = sampleRecords as [LogRecord, LogRecord];
  const commit = sampleRecords.find((record) => record.kind === "snapshot-commit")!;
  function* records(): Generator<LogRecord> {
    yield header;
    yield begin;
    const pages = Array.from({ length: 256 }, (_, page) => page);
    for (let index = 0; index < snapshotMib; index++) {
      yield { kind: "snapshot-pages", of: "ram", pages, data: new Uint8Array(MEBIBYTE) };
    }
    yield commit;
  }
  const log = new LogSeries({
    files: {
      open(number) {
        opened.push(number);
        return stream(`log.${number}`);
      },
      remove: (number) => void removed.push(number),
    },
    limitBytes: limitMib * MEBIBYTE,
    begin: (stream, events) => new Attachment(undefined, stream, records(), 0, events),
    snapshotBytes: () => snapshotMib * MEBIBYTE,
    lost: (reason) => void lost.push(reason),
  });
  async function runEpochs(epochs: number): Promise<void> {
    for (let index = 0; index < epochs; index++) {
      for (let note = 0; note < 16; note++) log.send({ kind: "note", text: "x".repeat(4000) });
      log.epochEnded();
      if (log.full) await log.drained();
      await pause(0);
    }
  }
  return {
    ...{ log, removed, opened, lost },
    /** Sends about so many MiB, in epochs. */
    run: (mib: number) => runEpochs(mib * 16),
    runEpochs,
    grow: (mib: number) => void (snapshotMib = mib),
  };
}

function stream(name: string): ByteStream {
  return {
    ...{ name, kind: "file", direction: "out" },
    writable: new WritableStream({ write: () => pause(0) }),
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };
}

Deno.test("files follow each other, and the oldest are removed", async () => {
  const { log, removed, opened, lost, run } = series(40);
  await run(60);
  assertEquals(lost, []);
  assertEquals(opened, opened.map((_, index) => index + 1));
  assertEquals(removed, removed.map((_, index) => index + 1));
  assertEquals(opened.length - removed.length >= 2, true, `${opened} ${removed}`);
  log.close();
});

Deno.test("a log that ends while a file is being ended, or one is begun, ends without a loss", async () => {
  // Wherever between two turns the end comes.
  for (let epochs = 146; epochs < 154; epochs++) {
    const { log, lost, runEpochs } = series(40);
    await runEpochs(epochs);
    log.send({ kind: "end", reason: "detach" });
    await log.finish();
    assertEquals(lost, [], `after ${epochs} epochs`);
    log.close();
  }
});

Deno.test("a guest whose snapshots outgrow the limit loses its log, and is told the limit it needs", async () => {
  const { log, lost, run, grow } = series(20);
  grow(50);
  await run(30);
  assertEquals(lost.length, 1);
  assertMatch(
    lost[0]!,
    /a snapshot of this guest takes up to 50M: the limit must be at least 116M/,
  );
  log.close();
});
