import { assertEquals } from "@std/assert";
import { everyRecord } from "../log/every_record.ts";
import { encodeAll, joined } from "../log/sample_log.ts";
import { pythonIgnored, pythonReason, runPython } from "./python_peer.ts";

/**
 * A reader of our logs in another language, written from `lib/log/lockstep.cddl` alone, with Python's
 * standard library and cbor2. Prints what it read as JSON: byte strings as hex, integers beyond 2^53 as
 * decimal strings.
 */
const pythonReader = `
import cbor2, hashlib, io, json, sys

def plain(value):
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"integer": str(value)}
    if isinstance(value, list):
        return [plain(element) for element in value]
    assert isinstance(value, dict), type(value)
    return {key: plain(entry) for key, entry in value.items()}

data = sys.stdin.buffer.read()
stream = io.BytesIO(data)
previous = b"LOCKSTEP"
records = []
while stream.tell() < len(data):
    checksum, encoded = cbor2.load(stream)
    assert hashlib.sha256(previous + encoded).digest()[:8] == checksum, len(records)
    previous = checksum
    record = cbor2.loads(encoded)
    if record["kind"] == "snapshot-commit":
        record["state"] = cbor2.loads(record["state"])
    records.append(plain(record))
json.dump(records, sys.stdout)
`;

/** What the program above makes of a value of ours. */
function asPython(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return { bytes: Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  }
  if (typeof value === "bigint") {
    const small = value > -(2n ** 53n) && value < 2n ** 53n;
    return small ? Number(value) : { integer: `${value}` };
  }
  if (Array.isArray(value)) return value.map(asPython);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, asPython(entry)]));
}

/** The log as the schema, not our code, says it is written. */
function expected(): unknown[] {
  return everyRecord.map((record) => {
    switch (record.kind) {
      case "header": {
        const { run, member, diskDigests, ...others } = record;
        return {
          ...asPython(others) as object,
          run: { bytes: run },
          member: { bytes: member },
          diskDigests: diskDigests?.map((digits) => ({ bytes: digits })),
        };
      }
      case "snapshot-operation": {
        const { number, request } = record.operation;
        const wire = request.kind === "disk-unmap"
          ? { ...request, ranges: request.ranges.map((range) => [range.sector, range.sectors]) }
          : request;
        return asPython({ kind: record.kind, operation: { number, request: wire } });
      }
      case "snapshot-commit":
        return asPython({ ...record, time: [record.time.base, record.time.rate] });
      case "epoch": {
        const {
          reads,
          completions,
          consoleInput,
          consolePerformed,
          frames,
          time,
          digest,
          ...others
        } = record;
        return asPython({
          ...others,
          performed: consolePerformed,
          time: [time.base, time.rate],
          digest: digest.ram === undefined ? [digest.state] : [digest.state, digest.ram],
          ...(reads.length === 0 ? {} : { reads }),
          ...(consoleInput.length === 0 ? {} : { input: consoleInput }),
          ...(frames.length === 0 ? {} : { frames }),
          ...(completions.length === 0 ? {} : {
            completions: completions.map(({ operation, status, blocks }) => [
              operation,
              status,
              ...(blocks.length === 0 ? [] : [blocks.map((block) => [block.address, block.data])]),
            ]),
          }),
        });
      }
      default:
        return asPython(record);
    }
  });
}

Deno.test({
  name: `a reader in Python, written from the schema, reads our log${pythonReason}`,
  ignore: pythonIgnored,
  async fn() {
    const output = await runPython(["-c", pythonReader], joined(encodeAll(everyRecord)));
    assertEquals(output?.stderr, "");
    assertEquals(JSON.parse(output?.stdout ?? "null"), expected());
  },
});
