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
  return {
    ...{ log, removed, opened, lost },
    /** Sends about so many MiB, in epochs. */
    async run(mib: number) {
      for (let index = 0; index < mib * 16; index++) {
        log.send({ kind: "note", text: "x".repeat(4000) });
        for (let more = 0; more < 15; more++) log.send({ kind: "note", text: "x".repeat(4000) });
        log.epochEnded();
        if (log.full) await log.drained();
        await pause(0);
      }
    },
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
