/**
 * Our logs against our schema, by a validator that knows nothing but the schema's text and Python's cbor2.
 * (None of the registries at hand has one: Debian packages no CDDL tool, npm's `cddl` parses schemas and
 * validates no data, and does not know the control .cbor.)
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { NetClient } from "../guests/net_client.ts";
import { everyRecord } from "../log/every_record.ts";
import { encodeAll, frameAll, fromHex, joined } from "../log/sample_log.ts";
import { recordGuest } from "../replay/recording.ts";
import { pythonIgnored, pythonReason, runPython } from "./python_peer.ts";

const folder = new URL("../../", import.meta.url).pathname;
const schema = `${folder}lib/log/lockstep.cddl`;
const validator = `${folder}tests/peers/cddl_validator.py`;

/** Rules of the other direction. */
const returnRules = ["return-record", "acknowledge", "executed", "joined", "leave"];

interface Report {
  readonly records: number;
  readonly refused: number;
  readonly met: Readonly<Record<string, number>>;
}

async function validate(log: Uint8Array, ...words: readonly string[]): Promise<Report> {
  const result = await runPython([validator, schema, ...words], log);
  assertEquals(result?.stderr, "");
  return JSON.parse(result!.stdout);
}

Deno.test({
  name:
    `a log with every record obeys every rule of the schema, and no altered record does${pythonReason}`,
  ignore: pythonIgnored,
  async fn() {
    const { records, refused, met } = await validate(joined(encodeAll(everyRecord)), "--alter");
    assertEquals(records, everyRecord.length);
    assert(refused > 10 * records);
    const text = await Deno.readTextFile(schema);
    const rules = [...text.matchAll(/^([a-z][\w-]*) =/gm)].map(([, name]) => name!);
    assertEquals(rules.filter((name) => !(name in met) && !returnRules.includes(name)), []);
  },
});

Deno.test({
  name: `logs of guests with disks, network and random bytes obey the schema${pythonReason}`,
  ignore: pythonIgnored,
  async fn() {
    const disk = () => new Uint8Array(2048 * 512);
    const mixed = await recordGuest("mixed", {
      ...{ disk: disk(), blkDisk: disk(), entropy: true, bootArguments: "rounds=3" },
      snapshotEverySteps: 100_000,
    });
    const net = await recordGuest("net", { client: new NetClient(3) });
    const [first, second] = [await validate(mixed.log), await validate(net.log)];
    assert(first.met["dma-block"]! > 0 && first.met["snapshot-pages"]! > 0);
    assert(second.met["network-configuration"]! > 0 && second.met["epoch"]! > 0);
  },
});

Deno.test({
  name: `the validator says what is wrong with a record${pythonReason}`,
  ignore: pythonIgnored,
  async fn() {
    // { "kind": "note", "text": 1 }
    const log = frameAll([fromHex("a2 646b696e64 646e6f7465 6474657874 01")]);
    const result = await runPython([validator, schema], log);
    assertEquals(result?.success, false);
    assertMatch(result!.stderr, /^invalid: record 0\.text: 1 is not text\n$/);
  },
});

Deno.test({
  name: `the validator says in a line where a log is cut or damaged${pythonReason}`,
  ignore: pythonIgnored,
  async fn() {
    const log = joined(encodeAll(everyRecord));
    const told = async (log: Uint8Array) =>
      (await runPython([validator, schema], log))!.stderr.trimEnd();
    const damaged = log.map((byte, at) => at === log.length - 1 ? byte ^ 1 : byte);
    assertMatch(await told(damaged), /^invalid: frame \d+: the checksum does not match it .*$/);
    assertMatch(
      await told(log.subarray(0, log.length - 1)),
      /^invalid: \d+ bytes of a cut frame follow \d+ whole records$/,
    );
    assertMatch(await told(new TextEncoder().encode("\x7fELF, and more")), /^invalid: [^\n]*$/);
  },
});
