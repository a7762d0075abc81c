/** A damaged log, read as `lockstep replay` and a backup read it: nothing behind the damage is executed. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type { LogRecord } from "../../lib/epoch/record.ts";
import { LogError } from "../../lib/log/log_error.ts";
import type { ByteStream } from "../../lib/replica/transport.ts";
import { Follower } from "../../lib/replica/follower.ts";
import { Intake } from "../../lib/replica/intake.ts";
import { replay, ReplayError, type ReplaySummary } from "../../lib/replica/replaying.ts";
import { Seeded } from "../epoch/seeded.ts";
import { SimulatedLoop } from "../epoch/simulated_loop.ts";
import { SteppingClock } from "../epoch/stepping_clock.ts";
import { framesOf, recordsOf } from "./log_editing.ts";
import { streamOf } from "./playing.ts";
import { recordGuest } from "./recording.ts";

const { log } = await recordGuest("hello", { bootArguments: "exit=7", epochSteps: 200 });
const records = recordsOf(log);
const frames = framesOf(log);
/** Where each frame starts. */
const starts = frames.map((_, index) =>
  frames.slice(0, index).reduce((sum, { length }) => sum + length, 0)
);
const commit = records.findIndex(({ kind }) => kind === "snapshot-commit");

/** Epochs among the first `count` records. */
function epochsIn(count: number): number {
  return records.slice(0, count).filter(({ kind }) => kind === "epoch").length;
}

/** What became of a log. */
interface Outcome {
  readonly error: unknown;
  readonly summary: ReplaySummary | undefined;
  readonly executed: number;
}

/** As the command does it. */
async function replayed(bytes: Uint8Array, random?: Seeded): Promise<Outcome> {
  let executed = 0;
  const epoch = () => void executed++;
  try {
    const summary = await replay(streamOf(bytes, random), { epoch });
    return { error: undefined, summary, executed };
  } catch (error) {
    return { error, summary: undefined, executed };
  }
}

/** As a backup does it. */
async function followed(bytes: Uint8Array, random: Seeded): Promise<Outcome> {
  let executed = 0;
  const clock = new SteppingClock({ steps: 0 });
  const loop = new SimulatedLoop(clock);
  const stream: ByteStream = {
    name: "of this test",
    kind: "standard",
    direction: "in",
    readable: streamOf(bytes, random),
    endAtPresentEnd() {},
    close: () => Promise.resolve(),
  };
  const intake = new Intake(stream, clock);
  const record = ({ record }: { readonly record: LogRecord }) => {
    if (record.kind === "epoch") executed++;
    return undefined;
  };
  const follower = new Follower(intake, clock, loop, { record });
  try {
    while (!intake.over || !intake.empty) {
      await follower.executeAvailable();
      await intake.arrival();
    }
    return { error: intake.failure, summary: undefined, executed };
  } catch (error) {
    return { error, summary: undefined, executed };
  }
}

/** Fails unless the damage is found in record `number`, and only what is before it was executed. */
function assertDamage({ error, executed }: Outcome, number: number, what: string): void {
  assertInstanceOf(error, LogError, `${what}: ${error instanceof Error ? error.stack : error}`);
  const { recordNumber, byteOffset, message } = error as LogError;
  assertEquals([recordNumber, byteOffset], [number, starts[number]], `${what}: ${message}`);
  assertEquals(executed, epochsIn(number), what);
}

/** Every byte that is not in the middle of a page. */
function cuts(): number[] {
  const found: number[] = [];
  for (let at = 0; at <= log.length; at++) {
    const frame = starts.findLastIndex((start) => start <= at);
    const within = at - starts[frame]!;
    const left = frames[frame]!.length - within;
    const inPages = records[frame]!.kind === "snapshot-pages" && within > 80 && left > 40;
    if (!inPages || within % 97 === 0) found.push(at);
  }
  return found;
}

Deno.test("the log is a short one, with epochs", async () => {
  const { summary } = await replayed(log);
  assertEquals(summary?.end?.exitCode, 7);
  assert(log.length < 40_000 && (summary?.epochs ?? 0) > 5);
});

Deno.test("a log that is cut off anywhere is replayed up to its last whole record, and has stalled", async () => {
  for (const at of cuts()) {
    const { error, summary, executed } = await replayed(log.subarray(0, at));
    const whole = starts.filter((start, index) => start + frames[index]!.length <= at).length;
    const what = `cut at ${at}`;
    if (whole <= commit) {
      assertInstanceOf(error, ReplayError, what);
      assertEquals(executed, 0, what);
      continue;
    }
    assertEquals(error, undefined, what);
    assertEquals(executed, epochsIn(whole), what);
    const byteLength = starts[whole] ?? log.length;
    assertEquals(summary?.ending, {
      kind: whole === records.length ? "clean" : "stalled",
      records: whole,
      byteLength,
      truncatedBytes: at - byteLength,
    }, what);
  }
});

Deno.test("a flipped bit is found in its record, by a replay and by a backup", async () => {
  const random = new Seeded(8);
  for (let count = 0; count < 600; count++) {
    const number = count < 2 * frames.length
      ? Math.floor(count / 2)
      : random.between(0, frames.length - 1);
    // As often in the frame's head as behind it.
    const within = random.once(2)
      ? random.between(0, 14)
      : random.between(0, frames[number]!.length - 1);
    const bit = random.between(0, 7);
    const damaged = log.slice();
    damaged[starts[number]! + within]! ^= 1 << bit;
    const what = `bit ${bit} of byte ${within} of record ${number} (${records[number]!.kind})`;
    assertDamage(await replayed(damaged, random), number, what);
    if (count % 3 === 0) assertDamage(await followed(damaged, random), number, what);
  }
});

Deno.test("bytes put in or left out are found in their record", async () => {
  const random = new Seeded(9);
  const spliced = (at: number, left: number, put: readonly number[]) =>
    Uint8Array.of(...log.subarray(0, at), ...put, ...log.subarray(at + left));
  for (let number = 0; number < frames.length; number++) {
    for (let count = 0; count < 6; count++) {
      const within = random.between(0, frames[number]!.length - 1);
      const at = starts[number]! + within;
      const what = `at byte ${within} of record ${number}`;
      const put = random.between(0, 255);
      // The same byte once more may be a whole record and a stranger behind it.
      if (put !== log[at]) assertDamage(await replayed(spliced(at, 0, [put])), number, what);
      if (log[at + 1] === undefined || log[at + 1] === log[at]) continue;
      const shorter = await replayed(spliced(at, 1, []));
      if (number < frames.length - 1) {
        assertDamage(shorter, number, what);
      } else {
        // The last record with a byte missing cannot be told from one that has not come whole.
        assertEquals(
          shorter.summary?.ending.kind ?? "damaged",
          shorter.error ? "damaged" : "stalled",
        );
        assertEquals(shorter.executed, epochsIn(number), what);
      }
    }
  }
});

Deno.test("records that are exchanged, left out or repeated are found at the first that is out of place", async () => {
  const random = new Seeded(10);
  const logOf = (parts: readonly Uint8Array[]) => {
    const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  };
  for (let number = 0; number < frames.length; number++) {
    const frame = frames[number]!;
    const other = random.between(0, frames.length - 1);
    const earlier = Math.min(number, other);
    if (earlier !== Math.max(number, other)) {
      const swapped = frames.with(number, frames[other]!).with(other, frame);
      assertDamage(await replayed(logOf(swapped)), earlier, `${number} and ${other} exchanged`);
      assertDamage(await followed(logOf(swapped), random), earlier, `${number} and ${other}`);
    }
    if (number < frames.length - 1) {
      const without = logOf(frames.toSpliced(number, 1));
      assertDamage(await replayed(without), number, `${number} left out`);
    }
    const twice = await replayed(logOf(frames.toSpliced(number, 0, frame)));
    assertInstanceOf(twice.error, LogError);
    assertEquals((twice.error as LogError).recordNumber, number + 1);
    assertEquals(twice.executed, epochsIn(number + 1));
  }
});

Deno.test("bytes behind the end are not passed over", async () => {
  for (const more of [Uint8Array.of(0), log, frames.at(-1)!, new Uint8Array(100)]) {
    const { error, executed } = await replayed(Uint8Array.of(...log, ...more));
    assertInstanceOf(error, LogError);
    assertEquals((error as LogError).recordNumber, records.length);
    assertEquals(executed, epochsIn(records.length));
  }
});

Deno.test("what is no log at all is refused at once", async () => {
  for (
    const bytes of [
      new Uint8Array(0),
      new Uint8Array(10_000),
      new TextEncoder().encode("#!/bin/sh\necho no log\n"),
      Uint8Array.from({ length: 5000 }, (_, at) => at * 7),
    ]
  ) {
    const { error, executed } = await replayed(bytes);
    assertInstanceOf(error, bytes.length === 0 ? ReplayError : LogError);
    assertEquals(executed, 0);
  }
});
