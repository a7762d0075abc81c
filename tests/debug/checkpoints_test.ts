/** Checkpoints in memory: bounded, shared page by page, near the present. */
import { assert, assertEquals } from "@std/assert";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { PageStore } from "../../lib/debug/page_store.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { recordGuest } from "../replay/recording.ts";

const PAGES = 600;
const PAGE_BYTES = 4096;

Deno.test("tables of pages give RAM back as it was, and hold what they share once", () => {
  const memory = new GuestMemory(PAGES * PAGE_BYTES);
  const store = new PageStore(memory);
  const random = new Seeded(1);
  const write = (page: number, value: number) =>
    memory.write(
      GuestMemory.ramBase + page * PAGE_BYTES + random.upTo(4000),
      new Uint8Array(64).fill(value),
    );
  const moments: { ram: Uint8Array; table: ReturnType<PageStore["take"]> }[] = [];
  let changed: number[] | undefined;
  for (let moment = 0; moment < 6; moment++) {
    changed = Array.from({ length: 40 }, () => random.upTo(PAGES - 1));
    // Some become zero again.
    for (const page of changed) write(page, page % 3 === 0 ? 0 : moment);
    const table = store.take(moments.at(-1)?.table, changed);
    moments.push({ ram: memory.ram.slice(), table });
  }
  assert(store.bytes < 6 * 41 * PAGE_BYTES + 6 * 3 * 4096, `${store.bytes} bytes`);
  let present = moments.at(-1)!.table;
  for (const index of [0, 5, 2, 3, 1, 4]) {
    const { ram, table } = moments[index]!;
    const wanton = [7, 8, 9];
    for (const page of wanton) write(page, 77);
    store.putBack(table, present, wanton);
    assertEquals(memory.ram.slice(), ram);
    present = table;
    write(11, 99);
    store.putBack(table);
    assertEquals(memory.ram.slice(), ram);
  }
  const again = store.take(undefined);
  store.release(again);
  for (const { table } of moments) store.release(table);
  assertEquals(store.bytes, 0);
});

Deno.test("checkpoints stay within their bound, and are close to where the replay stands", () =>
  withFolder(async (folder) => {
    const { log, machine: { steps } } = await recordGuest("bench", {
      bootArguments: "scale=4",
      epochSteps: 100_000,
    });
    const path = `${folder}/run.log`;
    await Deno.writeFile(path, log);
    for (const checkpointBytes of [1 << 20, 64 << 20]) {
      const timeline = await Timeline.open(path, { checkpointBytes });
      const middle = Math.floor(steps / 2);
      await timeline.seek(timeline.momentAt(steps)!);
      await timeline.seek(timeline.momentAt(middle)!);
      for (let back = 0; back < 20; back++) await timeline.stepBack(300_000);
      const { count, bytes } = timeline.checkpointFigures;
      assert(count >= 1 && (bytes <= checkpointBytes || count === 1), `${count} of ${bytes} bytes`);
      const here = timeline.moment;
      const distance = here.step - timeline.nearestCheckpoint(here)!.step;
      assert(distance <= 6 << 20, `The nearest checkpoint is ${distance} steps away`);
      timeline.close();
    }
  }));

Deno.test("a guest that waits most of the time is gone back in over few epochs, too", () =>
  withFolder(async (folder) => {
    const { log } = await recordGuest("clock", { bootArguments: "ticks=3000 interval=300" });
    const path = `${folder}/run.log`;
    await Deno.writeFile(path, log);
    const timeline = await Timeline.open(path);
    const { epoch, step } = timeline.end;
    assert(epoch > 4000 && step / epoch < 10_000, `${step} steps in ${epoch} epochs`);
    await timeline.seek(timeline.end);
    for (let back = 0; back < 10; back++) {
      await timeline.stepBack(Math.floor(step / 20));
      const here = timeline.moment;
      const distance = here.epoch - timeline.nearestCheckpoint(here)!.epoch;
      assert(distance < 200, `The nearest checkpoint is ${distance} epochs away`);
    }
    timeline.close();
  }));
