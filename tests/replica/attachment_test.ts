import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { Attachment } from "../../lib/replica/attachment.ts";
import type { ByteStream } from "../../lib/replica/transport.ts";
import { sampleRecords } from "../log/sample_log.ts";

const PIECES = 100;

/** A stream that takes everything at once, as memory does. */
function eager(): ByteStream {
  return {
    ...{ name: "eager", kind: "standard", direction: "out" },
    writable: new WritableStream({ write: () => {} }),
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };
}

for (const [what, made] of [["records", true], ["pauses"]] as const) {
  Deno.test(`others have their turn between the ${what} of a snapshot, however fast its stream is`, async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const atPiece: number[] = [];
    function* snapshot(): Generator<LogRecord | undefined> {
      yield sampleRecords[0]!;
      for (let piece = 0; piece < PIECES; piece++) {
        atPiece.push(turns);
        // A piece takes some milliseconds to make.
        const end = performance.now() + 2;
        while (performance.now() < end);
        yield made ? { kind: "note", text: `${piece}` } : undefined;
      }
    }
    const attachment = new Attachment(undefined, eager(), snapshot(), 0, {
      progressed() {},
      joined() {},
      lost() {},
    });
    await attachment.drained();
    clearInterval(timer);
    assertEquals(atPiece.length, PIECES);
    assert(new Set(atPiece).size > PIECES / 4, `${atPiece}`);
    attachment.close();
  });
}
