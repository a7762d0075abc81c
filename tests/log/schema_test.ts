import { assertEquals } from "@std/assert";
import { maxRecordBytes, maxRecordDepth, maxRecordItems } from "../../lib/log/limits.ts";
import { maxStateDepth, maxStateItems } from "../../lib/log/limits.ts";
import { schemaTypes } from "../../lib/log/record_table.ts";

const schema = await Deno.readTextFile(new URL("../../lib/log/lockstep.cddl", import.meta.url));

/** The rules of a CDDL text by name, without comments, in one spelling. */
function rulesOf(cddl: string): Map<string, string> {
  const rules = new Map<string, string>();
  const plain = cddl.replaceAll(/;.*$/gm, "").replaceAll(/\s+/g, " ").trim();
  for (const rule of plain.split(/ (?=[a-z0-9-]+ = )/)) {
    const [, name, type] = /^([a-z0-9-]+) = (.*)$/.exec(rule) ?? [];
    rules.set(name ?? rule, spelling(type ?? ""));
  }
  return rules;
}

function spelling(type: string): string {
  return type.replaceAll(/\s*([[\]{},/])\s*/g, "$1");
}

Deno.test("the CDDL schema says of every record what the record table says", () => {
  const rules = rulesOf(schema);
  for (const { cddl, rule } of schemaTypes) {
    assertEquals(rules.get(cddl), spelling(rule ?? "a type without a rule"), cddl);
  }
});

Deno.test("the CDDL schema has no rule that the record table does not know", () => {
  const basic = [
    ["frame", `[checksum: bytes .size 8, record: bytes .size (1..${maxRecordBytes})]`],
    ["plain", "int / bigint / text / bytes / bool / null / [* plain] / { * text => plain }"],
    ["identifier", "bytes .size 16"],
    ["sha256", "bytes .size 32"],
    ["count", `0..${Number.MAX_SAFE_INTEGER}`],
    ["word", "uint .size 8"],
  ] as const;
  const rules = rulesOf(schema);
  for (const [name, type] of basic) assertEquals(rules.get(name), spelling(type));
  const known = new Set([...schemaTypes.map(({ cddl }) => cddl), ...basic.map(([name]) => name)]);
  assertEquals(new Set(rules.keys()), known);
});

Deno.test("the CDDL schema states the bounds that are in no rule", () => {
  for (
    const bound of [
      `${maxRecordItems.toLocaleString("en")} data items`,
      `nested at most ${maxRecordDepth} deep`,
      `${maxStateItems.toLocaleString("en")} data items`,
      `nested at most ${maxStateDepth} deep`,
    ]
  ) {
    assertEquals(schema.replaceAll(/\s*;\s*/g, " ").includes(bound), true, bound);
  }
});
