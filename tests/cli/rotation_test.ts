/** `record --limit`: a long recording in files that stay below a size. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LogReader } from "../../lib/log/log_reader.ts";
import { pause } from "../../lib/host/pause.ts";
import { until } from "../campaign/until.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { Lockstep, lockstep } from "./lockstep_process.ts";

const LIMIT_BYTES = 20 * 2 ** 20;
const STALLED = 67;
const REFUSED = 65;

/** A guest with much to record: a snapshot every few hundred microseconds. */
const RECORD = ["record", "bench", "--ram", "8", "--snapshot-every", "100k"]
  .concat("--epoch-steps", "100000", "--limit", "20M");

/** Numbers of the files of a log in ascending order. */
function partsOf(folder: string): readonly number[] {
  return [...Deno.readDirSync(folder)]
    .map(({ name }) => /^log\.(\d+)$/.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .map(Number).sort((a, b) => a - b);
}

function bytesOf(folder: string): number {
  let bytes = 0;
  for (const { name } of Deno.readDirSync(folder)) {
    try {
      bytes += Deno.statSync(`${folder}/${name}`).size;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // It was the oldest.
    }
  }
  return bytes;
}

/** First and last epoch of a file, and how it ends. */
async function contentOf(path: string) {
  const reader = new LogReader((await Deno.open(path)).readable);
  let [first, last]: (number | undefined)[] = [];
  let end: string | undefined;
  for await (const { record } of reader) {
    if (record.kind === "snapshot-commit") first ??= record.epoch;
    if (record.kind === "epoch") last = record.epoch;
    if (record.kind === "end") end = record.reason;
  }
  return { first, last: last ?? first, end };
}

Deno.test("a long recording stays below its limit, and each file that is left replays by itself", () =>
  withFolder(async (folder) => {
    await using process = new Lockstep([...RECORD, "--append", "scale=5", "-o", `${folder}/log`]);
    let largest = 0;
    const watching = process.end();
    let over = false;
    void watching.then(() => over = true);
    while (!over) {
      largest = Math.max(largest, bytesOf(folder));
      await pause(5);
    }
    const recorded = await watching;
    assertEquals(recorded.code, 0, recorded.stderr);
    assert(largest > LIMIT_BYTES / 3 && largest < LIMIT_BYTES, `${largest}`);
    const parts = partsOf(folder);
    assert(parts.length > 1 && parts[0]! > 5, `${parts}`);
    const newest = `${folder}/log.${parts.at(-1)}`;
    let before: number | undefined;
    for (const part of parts) {
      const { first, last, end } = await contentOf(`${folder}/log.${part}`);
      // The guest may power off while both of the last two get the records.
      const ends = part === parts.at(-1) ? ["power-off"] : ["continued", "power-off"];
      assert(ends.includes(end!) && part >= parts.at(end === "power-off" ? -2 : 0)!, `${end}`);
      if (end === "power-off") assertEquals(last, (await contentOf(newest)).last);
      // Each begins where the one before has not ended yet.
      if (before !== undefined) assert(first! <= before, `file ${part}: ${first} after ${before}`);
      before = last;
      const replayed = await lockstep(["replay", `${folder}/log.${part}`]);
      assertEquals(replayed.code, 0, replayed.stderr);
      assertMatch(replayed.stderr, /all agree/);
      assert(recorded.stdout.includes(replayed.stdout));
    }
    const refused = await lockstep([...RECORD, "-o", `${folder}/log`]);
    assertEquals(refused.code, 69);
    assertMatch(refused.stderr, /log\.\d+ is there already; remove the files of the older log/);
  }));

for (const milliseconds of [350, 411, 473, 542]) {
  Deno.test(`a recording that is killed after ${milliseconds} ms has lost nothing between its files`, () =>
    withFolder(async (folder) => {
      await using process = new Lockstep([...RECORD, "-o", `${folder}/log`]);
      await pause(milliseconds);
      await until(() => partsOf(folder).length >= 2, () => `a second file\n${process.said}`);
      process.kill("SIGKILL");
      await process.end();
      let before: number | undefined;
      for (const part of partsOf(folder)) {
        const path = `${folder}/log.${part}`;
        const { first, last, end } = await contentOf(path);
        const { code, stderr } = await lockstep(["replay", path]);
        if (first === undefined) {
          // Killed before its snapshot was whole: the file before it has not ended.
          assertEquals(code, REFUSED, stderr);
          continue;
        }
        assertEquals(code, end === undefined ? STALLED : 0, stderr);
        assertMatch(stderr, /all agree/);
        if (before !== undefined) assert(first <= before, `file ${part}: ${first} after ${before}`);
        before = last;
      }
      assert(before !== undefined);
    }));
}

Deno.test("a limit that cannot hold two snapshots is refused, and named", () =>
  withFolder(async (folder) => {
    const refused = await lockstep(["record", "hello", "-o", `${folder}/log`, "--limit", "2M"]);
    assertEquals(refused.code, 64);
    assertMatch(
      refused.stderr,
      /^lockstep: --limit must be at least \d+M for this guest: two snapshots and their epochs\n$/,
    );
    assertEquals(partsOf(folder), []);
    const pipe = await lockstep(["record", "hello", "-o", "-", "--limit", "2M"]);
    assertEquals(pipe.code, 64);
    assertMatch(pipe.stderr, /--limit needs -o FILE/);
  }));
