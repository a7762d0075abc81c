import { assertEquals, assertMatch } from "@std/assert";
import { decodeItem, encodeItem } from "../../lib/log/cbor_item.ts";
import { formatVersion } from "../../lib/log/record_table.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { lockstep } from "../cli/lockstep_process.ts";
import { decodeAll, encodeAll, faultOf, frameAll, sampleRecords } from "./sample_log.ts";

/** Bytes of a frame before its record, whose length takes two bytes. */
const HEAD_BYTES = 1 + 9 + 3;

/** A log whose header says that it is of another version, and maybe more that we do not know. */
function logOfVersion(version: number, more: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const [frame] = encodeAll(sampleRecords.slice(0, 1));
  const header = decodeItem(frame!.subarray(frame![10]! === 0x58 ? HEAD_BYTES - 1 : HEAD_BYTES));
  return frameAll([encodeItem({ ...header as object, version, ...more }).slice()]);
}

Deno.test("a log of another format version is refused naming its version, whatever else it says", () => {
  const versions = [0, formatVersion + 1, 99, 2 ** 31];
  for (const version of versions) {
    for (const more of [{}, { term: "one" }, { compressionOfPages: "zstd" }]) {
      const error = faultOf(decodeAll([logOfVersion(version, more)]));
      assertEquals([error.reason, error.recordNumber, error.recordKind], [
        "unsupported",
        0,
        "header",
      ]);
      assertMatch(error.message, new RegExp(`format version ${version}, .* reads version 1$`));
    }
  }
  assertEquals(decodeAll([logOfVersion(formatVersion)]).items.length, 1);
});

Deno.test("every command that reads a log says which version it has, and that it is another", () =>
  withFolder(async (folder) => {
    const log = `${folder}/future.log`;
    await Deno.writeFile(log, logOfVersion(2));
    const commands = [["replay"], ["inspect"], ["trace"], ["diff", log], ["replay", "--to", "1"]];
    for (const words of commands) {
      const { code, stdout, stderr } = await lockstep([...words, log]);
      assertEquals([code, stdout], [65, ""], words.join(" "));
      assertEquals(
        stderr,
        "lockstep: Log is unsupported at record 0 (header), byte 0: It has format version 2, " +
          "this program reads version 1\n",
      );
    }
  }));
