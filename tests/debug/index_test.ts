/** An index changes how fast a point is reached, and nothing else, whatever has become of its files. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { indexPath } from "../../lib/debug/index_folder.ts";
import { IndexingError, type IndexingOptions, makeIndex } from "../../lib/debug/indexing.ts";
import { type KeySnapshot, LogMap, type MapParts, type Place } from "../../lib/debug/log_map.ts";
import { writeMap } from "../../lib/debug/map_file.ts";
import { PositionError } from "../../lib/debug/position.ts";
import { momentOf } from "../../lib/debug/position_moment.ts";
import { StoredLog } from "../../lib/debug/stored_log.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { HostFileError } from "../../lib/host/fault.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { RecordDecoder } from "../../lib/log/record_decoder.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { freshOptions, guestCases } from "../replay/guest_cases.ts";
import { recordGuest } from "../replay/recording.ts";
import { promotedLog } from "./promoted_log.ts";
import { type Standing, straightReplay } from "./straight_replay.ts";

const GUESTS = ["paging", "reset", "teller in a burst", "net"] as const;

async function recorded(name: string, seed = 5): Promise<{ log: Uint8Array; steps: number }> {
  const which = guestCases[name]!;
  const { log, machine } = await recordGuest(
    which.guest,
    freshOptions(which, { seed, epochSteps: (random) => random.upTo(20_000) }),
  );
  return { log, steps: machine.steps };
}

function options(more: Partial<IndexingOptions> = {}): IndexingOptions {
  const note = (text: string) => {
    throw new Error(text);
  };
  return { everySteps: 30_000, epochSteps: 0, limitBytes: 1 << 30, note, progress() {}, ...more };
}

/** Seeks to each point from nowhere, and tells what was noted about the index. */
async function assertExact(
  path: string,
  straight: ReadonlyMap<number, Standing>,
): Promise<string[]> {
  const notes = new Set<string>();
  for (const [step, expected] of straight) {
    const timeline = await Timeline.open(path, { note: (text) => notes.add(text) });
    try {
      await timeline.seek(timeline.momentAt(step)!);
      const { machine, moment } = timeline;
      const { retired, time } = machine;
      assertEquals({ ...moment, retired, time, digest: machine.snapshotDigest() }, expected);
    } finally {
      timeline.close();
    }
  }
  return [...notes];
}

async function filesOf(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(indexPath(path))) {
    if (name.endsWith(".snapshot")) names.push(`${indexPath(path)}/${name}`);
  }
  return names.toSorted();
}

for (const name of GUESTS) {
  Deno.test(`${name}: points reached by an index, also a thinned one, are those of a straight replay`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/run.log`;
      const { log, steps } = await recorded(name);
      await Deno.writeFile(path, log);
      const random = new Seeded(2);
      const everySteps = Math.floor(steps / 25);
      const points = Array.from({ length: 8 }, () => random.upTo(steps));
      const straight = await straightReplay(log, [...points, 0, steps]);
      const made = await makeIndex(path, options({ everySteps }));
      assert(made.snapshots > 15 && made.step === steps, `Only ${made.snapshots} snapshots`);
      assertEquals((await filesOf(path)).length, made.snapshots);
      assertEquals(await assertExact(path, straight), []);

      await Deno.remove(indexPath(path), { recursive: true });
      const notes: string[] = [];
      const limitBytes = Math.floor(made.bytes / 2);
      const small = await makeIndex(
        path,
        options({ everySteps, limitBytes, note: (text) => notes.push(text) }),
      );
      assert(notes.length > 0 && small.bytes <= limitBytes && small.snapshots < made.snapshots);
      assertMatch(notes[0]!, /^The limit is reached: from now on a snapshot every \d+ steps$/);
      assertEquals(await assertExact(path, straight), []);

      const lower = { everySteps: steps, limitBytes: Math.floor(small.bytes * 0.8), note() {} };
      const smaller = await makeIndex(path, options(lower));
      assert(smaller.bytes <= lower.limitBytes && smaller.snapshots < small.snapshots);
      assertEquals(await assertExact(path, straight), []);
    }));
}

Deno.test("an index that was interrupted anywhere is gone on with, and ends as if it had not been", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log, steps } = await recorded("teller in a burst");
    await Deno.writeFile(path, log);
    await makeIndex(path, options({ everySteps: 100_000 }));
    const whole = await Promise.all((await filesOf(path)).map((file) => Deno.readFile(file)));
    const files = await filesOf(path);
    const random = new Seeded(9);
    for (const kept of [0, 3, files.length - 1]) {
      // What a killed process leaves: the file that it was writing is cut off and not in its place yet.
      for (const file of files.slice(kept)) await Deno.remove(file);
      const cut = whole[kept]!.subarray(0, random.upTo(whole[kept]!.length));
      await Deno.writeFile(`${files[kept]!}.part`, cut);
      const made = await makeIndex(path, options({ everySteps: 100_000 }));
      assertEquals([made.snapshots, made.step], [files.length, steps]);
      const again = await Promise.all((await filesOf(path)).map((file) => Deno.readFile(file)));
      assertEquals(again, whole);
    }
  }));

Deno.test("damaged, missing and foreign files of an index are told in a line, and seeking stays exact", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log, steps } = await recorded("paging");
    await Deno.writeFile(path, log);
    const straight = await straightReplay(log, [steps - 10, Math.floor(steps / 2), 1000]);
    const everySteps = Math.floor(steps / 12);
    const fresh = async () => {
      await Deno.remove(indexPath(path), { recursive: true }).catch(() => {});
      await makeIndex(path, options({ everySteps }));
      return await filesOf(path);
    };
    const last = (await fresh()).at(-1)!;
    const bytes = await Deno.readFile(last);
    for (
      const [what, damaged] of [
        ["cut off", bytes.subarray(0, bytes.length - 5)],
        ["empty", bytes.subarray(0, 0)],
        ["a bit flipped", bytes.map((byte, at) => at === bytes.length >> 1 ? byte ^ 4 : byte)],
        ["no index at all", new TextEncoder().encode("hello, world".repeat(1000))],
        ["a log", log],
      ] as const
    ) {
      await Deno.writeFile(last, damaged);
      const notes = await assertExact(path, straight);
      assertEquals(notes.length, 1, what);
      assertMatch(notes[0]!, /^Index file .* is ignored: .*$/);
    }
    // Making it again mends it.
    const made = await makeIndex(path, options({ everySteps, note() {} }));
    assertEquals((await filesOf(path)).length, made.snapshots);
    assertEquals(await assertExact(path, straight), []);

    const [first] = await fresh();
    await Deno.remove(first!);
    const missing = await assertExact(path, straight);
    assert(
      missing.length > 0 && missing.every((note) => note.includes("its base at step")),
      `${missing}`,
    );

    await Deno.writeFile(path, (await recorded("paging", 6)).log);
    const timelineNotes: string[] = [];
    const timeline = await Timeline.open(path, { note: (text) => timelineNotes.push(text) });
    timeline.close();
    const foreign = `Index ${indexPath(path)} is ignored: it belongs to another log`;
    assertEquals(timelineNotes, [foreign]);
    await assertRejects(() => makeIndex(path, options({ note() {} })), IndexingError, "remove it");
  }));

Deno.test("a damaged file that is met when an index is thinned out is told, and made again", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log, steps } = await recorded("paging");
    await Deno.writeFile(path, log);
    const straight = await straightReplay(log, [steps - 10, Math.floor(steps / 2), 1000]);
    const everySteps = Math.floor(steps / 20);
    const limitBytes = Math.ceil((await makeIndex(path, options({ everySteps }))).bytes * 0.7);
    for (const which of [1, 2, 5, -1]) {
      await Deno.remove(indexPath(path), { recursive: true });
      await makeIndex(path, options({ everySteps }));
      const damaged = (await filesOf(path)).at(which)!;
      const bytes = await Deno.readFile(damaged);
      bytes[bytes.length - 200]! ^= 1;
      await Deno.writeFile(damaged, bytes);
      const notes: string[] = [];
      const note = (text: string) => void notes.push(text);
      const made = await makeIndex(path, options({ everySteps, limitBytes, note }));
      const told = notes.some((text) => text.startsWith(`Index file ${damaged} is ignored: `));
      // The last one is needed only where it is gone on from.
      assert(told || which === -1, notes.join("\n"));
      assert(made.bytes <= limitBytes, `${made.bytes} bytes`);
      assertEquals((await filesOf(path)).length, made.snapshots);
      const later = await assertExact(path, straight);
      assert(later.length === 0 || which === -1, later.join("\n"));
    }
  }));

Deno.test("an index that was made with fewer snapshots than are asked for stays so, and says it", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log, steps } = await recorded("paging");
    await Deno.writeFile(path, log);
    await makeIndex(path, options({ everySteps: Math.floor(steps / 3) }));
    const notes: string[] = [];
    const note = (text: string) => void notes.push(text);
    await makeIndex(path, options({ everySteps: Math.floor(steps / 20), note }));
    assertEquals(notes.length, 1);
    assertMatch(notes[0]!, /^Up to step \d+ the index stays as it was made before, .*: remove /);
  }));

Deno.test("folders where files of an index are to be removed are told in a line", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log } = await recorded("paging");
    await Deno.writeFile(path, log);
    for (const name of ["map.part", "other.part", `${"1".padStart(16, "0")}.snapshot`]) {
      await Deno.mkdir(`${indexPath(path)}/${name}`, { recursive: true });
      const making = () => makeIndex(path, options({ note() {} }));
      await assertRejects(making, HostFileError, `Cannot remove ${indexPath(path)}/${name}: `);
      await Deno.remove(indexPath(path), { recursive: true });
    }
  }));

Deno.test("pipes, folders and files under other names in an index are told in a line", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log, steps } = await recorded("paging");
    await Deno.writeFile(path, log);
    const straight = await straightReplay(log, [steps - 10, 1000]);
    await makeIndex(path, options({ everySteps: Math.floor(steps / 4) }));
    const [first, ...others] = await filesOf(path);
    const strange = `${indexPath(path)}/${"1".padStart(16, "0")}.snapshot`;
    await Deno.copyFile(others.at(-1)!, strange);
    const misnamed = await assertExact(path, straight);
    assertEquals(misnamed.length, 1);
    assertMatch(
      misnamed[0]!,
      /^Index file .*0001\.snapshot is ignored: it is about step \d+, and not named so$/,
    );
    await Deno.remove(strange);
    const lock = `${indexPath(path)}/lock`;
    await Deno.remove(lock);
    await new Deno.Command("mkfifo", { args: [lock] }).output();
    await makeIndex(path, options({ everySteps: Math.floor(steps / 4) }));
    await Deno.remove(lock);
    const map = `${indexPath(path)}/map`;
    for (const name of [map, first!]) {
      await Deno.rename(name, `${folder}/kept`);
      await new Deno.Command("mkfifo", { args: [name] }).output();
      const [note] = await assertExact(path, straight);
      assertMatch(note!, /^Index file .* is ignored: .* it is not a regular file$/);
      await Deno.remove(name);
      await Deno.rename(`${folder}/kept`, name);
    }
    await Deno.remove(indexPath(path), { recursive: true });
    await Deno.writeTextFile(indexPath(path), "This is no folder\n");
    const [note, ...more] = await assertExact(path, straight);
    assertMatch(note!, /^Index .* is ignored: ENOTDIR/);
    assertEquals(more, []);
  }));

Deno.test("an index of a log that has grown, or was cut, still serves, and can be gone on with", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log, steps } = await recorded("paging");
    const everySteps = Math.floor(steps / 12);
    await Deno.writeFile(path, log);
    const stored = await StoredLog.open(path);
    const { map } = stored;
    stored.close();
    const middle = map.placeOf(Math.floor(map.end.epoch / 2));
    const cut = log.subarray(0, middle.byteOffset + 7);
    await Deno.writeFile(path, cut);
    const half = await makeIndex(path, options({ everySteps }));
    assert(half.snapshots > 2 && half.end < steps);
    await Deno.writeFile(path, log);
    const straight = await straightReplay(log, [steps, steps - 1, half.end, 5]);
    assertEquals(await assertExact(path, straight), []);
    const whole = await makeIndex(path, options({ everySteps }));
    assert(whole.snapshots > half.snapshots && whole.end === steps);
    assertEquals(await assertExact(path, straight), []);
    await Deno.writeFile(path, cut);
    const notes = await assertExact(path, await straightReplay(log, [half.end, 77]));
    assert(
      notes.length > 0 && notes.every((note) => note.includes("the log ends before that moment")),
      `${notes}`,
    );
  }));

Deno.test("a limit below two snapshots is refused with what is needed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    await Deno.writeFile(path, (await recorded("paging")).log);
    const making = () => makeIndex(path, options({ limitBytes: 5000, note() {} }));
    await assertRejects(making, IndexingError, "the limit is 5000: raise it");
  }));

Deno.test("a map that is damaged, foreign or wrong is not believed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const map = `${indexPath(path)}/map`;
    const { log, steps } = await recorded("reset");
    await Deno.writeFile(path, log);
    await makeIndex(path, options({ everySteps: Math.floor(steps / 9) }));
    const straight = await straightReplay(log, [steps, 1000]);
    assertEquals(await assertExact(path, straight), []);
    const good = await Deno.readFile(map);
    for (const bytes of [good.subarray(0, good.length - 3), good.map((byte) => byte ^ 1), log]) {
      await Deno.writeFile(map, bytes);
      const notes = await assertExact(path, straight);
      assertEquals(notes.length, 1);
      assertMatch(notes[0]!, /^Index file .*\/map is ignored: /);
    }
    await Deno.remove(map);
    assertEquals(await assertExact(path, straight), []);

    // Another log's map says nothing, and is not mentioned beside what belongs to this log.
    const other = `${folder}/other.log`;
    await Deno.writeFile(other, (await recorded("reset", 6)).log);
    await makeIndex(other, options({ everySteps: 1e9 }));
    await Deno.copyFile(`${indexPath(other)}/map`, map);
    assertEquals(await assertExact(path, straight), []);
  }));

Deno.test("a map with a right checksum and wrong snapshots or places is told, and nothing is shown for it", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log, steps } = await recorded("reset");
    await Deno.writeFile(path, log);
    await makeIndex(path, options({ everySteps: 1e9 }));
    const straight = await straightReplay(log, [Math.floor(steps / 2)]);
    const stored = await StoredLog.open(path);
    /** Writes a map of these parts that says it is about this log. */
    const write = async (parts: MapParts) => {
      const checksumAt = ({ number }: Place) =>
        stored.checksumAt(number === 0 ? beginning : stored.map.placeOf(stored.map.end.epoch));
      const altered = { map: LogMap.restored(parts), term: stored.term, checksumAt };
      await writeMap(indexPath(path), altered as unknown as StoredLog);
    };
    const beginning = { number: 0, byteOffset: 0 };
    try {
      const saved = stored.map.saved();
      const [first] = saved.snapshots;
      const wrong: (readonly KeySnapshot[])[] = [
        [{ ...first!, step: first!.step + 12 }],
        [{ ...first!, epoch: first!.epoch + 1 }],
        [first!, { ...first!, epoch: first!.epoch + 3, step: 5 }],
      ];
      for (const snapshots of wrong) {
        await write({ ...saved, snapshots });
        const [note, ...more] = await assertExact(path, straight);
        assertMatch(note!, /\/map is ignored: it has an impossible snapshot of epoch \d+$/);
        assertEquals(more, []);
      }
      const before = { ...first!.before, byteOffset: first!.before.byteOffset + 7 };
      await write({ ...saved, snapshots: [{ ...first!, before }] });
      await assertRejects(() => assertExact(path, straight), LogError, "no longer there");
    } finally {
      stored.close();
    }
  }));

Deno.test("what has been appended to a log is read behind its map", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const log = await promotedLog(58);
    await Deno.writeFile(path, log);
    const stored = await StoredLog.open(path);
    const { map } = stored;
    stored.close();
    for (const epoch of [20, 57, 58, 59, map.end.epoch - 1]) {
      await Deno.writeFile(path, log.subarray(0, map.placeOf(epoch + 1).byteOffset + 9));
      const half = await makeIndex(path, options({ everySteps: 1e9 }));
      assertEquals(half.end, map.atEpoch(epoch)!.step);
      await Deno.writeFile(path, log);
      const timeline = await Timeline.open(path);
      assertEquals([timeline.start, timeline.end], [map.start, map.end]);
      assertEquals(timeline.ending, { kind: "clean", ...endOf(log), truncatedBytes: 0 });
      for (const between of [0, epoch - 1, epoch, epoch + 1, map.end.epoch]) {
        assertEquals(timeline.epochEnd(between), map.atEpoch(between));
      }
      timeline.close();
    }
  }));

function endOf(log: Uint8Array): { records: number; byteLength: number } {
  return { records: new RecordDecoder().push(log).length, byteLength: log.length };
}

Deno.test("a text on the console is found by an index where it is found without", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const { log, steps } = await recorded("teller in a burst");
    await Deno.writeFile(path, log);
    const texts = [
      "teller: f",
      "journal of",
      "receipt 7 ",
      ...["receipt 60 ", "receipt 120 client", "closed at transfer 200", "no such text"],
    ];
    const find = async (index: boolean) => {
      const found: unknown[] = [];
      for (const text of texts) {
        const timeline = await Timeline.open(path, { index });
        try {
          const moment = await momentOf(timeline, { kind: "console", text });
          assertEquals(moment, timeline.moment);
          found.push({ ...moment, position: timeline.machine.consolePosition });
        } catch (error) {
          if (!(error instanceof PositionError)) throw error;
          found.push(error.message);
        } finally {
          timeline.close();
        }
      }
      return found;
    };
    const alone = await find(false);
    assertEquals(alone.filter((found) => typeof found === "object").length, texts.length - 1);
    await makeIndex(path, options({ everySteps: Math.floor(steps / 12) }));
    assertEquals(await find(true), alone);
    // A thinned one, one that was cut, and one with a hole know less, and say nothing else.
    const index = await filesOf(path);
    await Deno.remove(index.at(-1)!);
    assertEquals(await find(true), alone);
    await Deno.remove(index[8]!);
    assertEquals(await find(true), alone);
    await Deno.remove(indexPath(path), { recursive: true });
    const sizes = { everySteps: Math.floor(steps / 12), limitBytes: 150_000, note() {} };
    const { snapshots } = await makeIndex(path, options(sizes));
    assert(snapshots < 10, `${snapshots} snapshots have not been thinned`);
    assertEquals(await find(true), alone);
  }));
