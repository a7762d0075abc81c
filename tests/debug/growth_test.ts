/** A log that is still being written while it is debugged: what has come is gone to, what is to come is waited for. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { StoredLogError } from "../../lib/debug/stored_log.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { framesOf, recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";
import { type GdbClient, withGdbAt } from "./gdb_client.ts";
import { straightReplay } from "./straight_replay.ts";

const { log, machine: { steps } } = await recordGuest("clock", {
  epochSteps: (random) => random.upTo(5000),
});
const frames = framesOf(log);
/** What must be there for a machine to stand. */
const startBytes = bytesOf(1 + recordsOf(log).findIndex(({ kind }) => kind === "snapshot-commit"));
/** Everything but the record that ends it. */
const withoutEnd = bytesOf(frames.length - 1);

function bytesOf(records: number): number {
  return frames.slice(0, records).reduce((sum, { length }) => sum + length, 0);
}

const append = (path: string, from: number, to: number) =>
  Deno.writeFile(path, log.subarray(from, to), { append: true });

async function withPart(bytes: number, test: (path: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/run.log`, log.subarray(0, bytes));
    await test(`${folder}/run.log`);
  });
}

const digestAt = async (step: number) =>
  (await straightReplay(log, [step])).get(step)!.digest.toString(16).padStart(16, "0");

Deno.test("a log that grows by pieces of any size has every moment of the whole one", () =>
  withPart(startBytes + 1, async (path) => {
    const timeline = await Timeline.open(path);
    try {
      await timeline.seek(timeline.start);
      const random = new Seeded(1);
      const points = [0];
      for (let at = startBytes + 1; at < log.length;) {
        const to = Math.min(log.length, at + random.upTo(40_000));
        await append(path, at, to);
        at = to;
        await timeline.grow();
        assert(timeline.end.step >= points.at(-1)!);
        await timeline.seek(timeline.end);
        points.push(timeline.end.step);
      }
      assertEquals([timeline.end.step, timeline.endRecord?.reason], [steps, "power-off"]);
      assertEquals(timeline.ending, {
        ...{ kind: "clean", records: frames.length, byteLength: log.length, truncatedBytes: 0 },
      });
      assertEquals(await timeline.grow(), false);
      const straight = await straightReplay(log, points);
      for (const step of points.reverse()) {
        await timeline.seek(timeline.momentAt(step)!);
        assertEquals(timeline.machine.snapshotDigest(), straight.get(step)!.digest, `${step}`);
      }
    } finally {
      timeline.close();
    }
  }));

Deno.test("an opening log is waited for until its snapshot is whole, as long as somebody writes", () =>
  withPart(0, async (path) => {
    let looks = 0;
    const more = async () => {
      const part = Math.ceil(startBytes / 3);
      await append(path, looks * part, Math.min(startBytes, ++looks * part));
      return true;
    };
    const timeline = await Timeline.open(path, { more });
    assertEquals([looks, timeline.end], [3, timeline.start]);
    timeline.close();
    await Deno.writeFile(path, log.subarray(0, startBytes - 1));
    const isOver = () => Promise.resolve(false);
    await assertRejects(() => Timeline.open(path, { more: isOver }), StoredLogError);
  }));

Deno.test("a log that is nobody else's has no name once it is open, and is read all the same", () =>
  withPart(log.length, async (path) => {
    const timeline = await Timeline.open(path, { index: false, removed: true });
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
    await timeline.seek(timeline.end);
    assertEquals(timeline.moment.step, steps);
    timeline.close();
  }));

Deno.test("continue goes on with what has come since, and says why it goes no further", () =>
  withPart(bytesOf(frames.length >> 1), (path) =>
    withGdbAt(path, async (gdb) => {
      const half = await gdb.asked("c");
      assertMatch(half.shown, /^Nothing more has come so far: continue goes on when it has/);
      assertMatch(half.answer, /replaylog:end;/);
      const { step } = gdb.timeline.moment;
      assert(step < steps);
      assertMatch((await gdb.asked("s")).answer, /replaylog:end;/);
      await append(path, bytesOf(frames.length >> 1), log.length);
      assertEquals((await gdb.asked("s")).shown, "");
      assertEquals(gdb.timeline.moment.step, step + 1);
      const whole = await gdb.asked("c");
      assertEquals(whole.shown, "The guest has powered off here, with exit code 0\n");
      assertEquals(await gdb.monitor("digest"), `step ${steps}  digest ${await digestAt(steps)}\n`);
      assertMatch((await gdb.asked("bc")).answer, /replaylog:begin;/);
    })));

Deno.test("seek and follow know of what has come since the log was opened", () =>
  withPart(startBytes, (path) =>
    withGdbAt(path, async (gdb) => {
      assertMatch(await gdb.monitor("follow"), /^The log has steps 0 to 0, epochs 0 to 0/);
      await append(path, startBytes, withoutEnd);
      assertMatch(await gdb.monitor("seek end"), new RegExp(`^step ${steps} `));
      assertMatch(await gdb.monitor("follow"), new RegExp(`^The log has steps 0 to ${steps}, `));
      assertMatch(await gdb.monitor("follow maybe"), /^Say on or off, not "maybe"/);
    })));

/** Goes on with the log while gdb waits for its answer. */
async function written(path: string, gdb: GdbClient, packet: string): Promise<string> {
  const answer = gdb.asked(packet);
  for (let at = startBytes; at < withoutEnd;) {
    const to = Math.min(withoutEnd, at + 50_000);
    await append(path, at, to);
    at = to;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { shown, answer: stop } = await answer;
  return shown + stop;
}

Deno.test("who follows stops at a breakpoint in what is to come", () =>
  withPart(startBytes, (path) =>
    withGdbAt(
      path,
      async (gdb) => {
        assertMatch(await gdb.monitor("follow on"), /waits there for what is still to come\n$/);
        // The trap handler's first instruction, of which the log's start knows nothing.
        const vector = (await straightReplay(log, [steps])).get(steps)!;
        assert(vector);
        assertEquals(await gdb.ask("Z2,80001298,8"), "OK");
        assertMatch(await written(path, gdb, "c"), /^T05.*watch:80001298;/);
        assert(gdb.timeline.moment.step > 0);
      },
      undefined,
      { follows: true },
    )));

Deno.test("who follows is told why nothing more comes", () =>
  withPart(startBytes, (path) => {
    let reason: string | undefined;
    const over = () => reason;
    return withGdbAt(
      path,
      async (gdb) => {
        setTimeout(() => reason = "its writer has left", 200);
        assertMatch(
          await written(path, gdb, "c"),
          /^Nothing more is known: its writer has left\nT05.*replaylog:end;/,
        );
        assertEquals(gdb.timeline.moment.step, steps);
      },
      undefined,
      { follows: true, over },
    );
  }));

Deno.test("Ctrl-C ends waiting, for a step as for continue", () =>
  withPart(withoutEnd, (path) =>
    withGdbAt(
      path,
      async (gdb) => {
        for (const packet of ["c", "s", "vCont;r80000000,80000001"]) {
          const answer = gdb.asked(packet);
          setTimeout(() => void gdb.send("\x03"), 300);
          assertMatch((await answer).answer, /^T02/);
        }
        assertEquals(gdb.timeline.moment.step, steps);
      },
      undefined,
      { follows: true },
    )));

Deno.test("damage behind what was read is told, and what was read stays", () =>
  withPart(withoutEnd, (path) =>
    withGdbAt(
      path,
      async (gdb) => {
        await Deno.writeFile(path, new Uint8Array(100).fill(0x55), { append: true });
        const { shown, answer } = await gdb.asked("c");
        assertMatch(shown, /^Nothing more is known: Log is damaged at record \d+/);
        assertMatch(answer, /replaylog:end;/);
        assertEquals(gdb.timeline.moment.step, steps);
        await assertRejects(() => gdb.timeline.grow(), LogError);
        assertMatch(await gdb.monitor("seek end"), new RegExp(`^step ${steps} `));
        assertMatch((await gdb.asked("bc")).answer, /replaylog:begin;/);
      },
      undefined,
      { follows: true },
    )));
