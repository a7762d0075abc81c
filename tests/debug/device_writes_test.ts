/** What a device writes to memory pulls a watchpoint, in both directions, and it is told what it was. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Trigger } from "../../lib/cpu/triggers.ts";
import { Debugger } from "../../lib/debug/debugger.ts";
import { hitText } from "../../lib/debug/hit_text.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { freshOptions, guestCases } from "../replay/guest_cases.ts";
import { recordGuest } from "../replay/recording.ts";
import { withGdbAt } from "./gdb_client.ts";

/** Looked at of each recording. */
const MOST = 12;

/** Where something has been delivered. */
interface Delivered {
  readonly operation: number;
  readonly epoch: number;
  readonly address: number;
  readonly length: number;
}

async function deliveries(timeline: Timeline): Promise<readonly Delivered[]> {
  const all: Delivered[] = [];
  for await (const { epoch, completions } of timeline.epochs(1, timeline.end.epoch)) {
    for (const { operation, blocks } of completions) {
      for (const { address, data: { length } } of blocks) {
        if (length > 0) all.push({ operation, epoch, address, length });
      }
    }
  }
  return all;
}

async function withRecording(name: string, test: (path: string) => Promise<void>): Promise<void> {
  const which = guestCases[name]!;
  const { log } = await recordGuest(which.guest, freshOptions(which, { seed: 11 }));
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/run.log`, log);
    await test(`${folder}/run.log`);
  });
}

for (const name of ["mixed", "teller", "teller on virtio-blk"]) {
  Deno.test(`${name}: a device's writes are found backwards and forwards, with their operation`, () =>
    withRecording(name, async (path) => {
      const random = new Seeded(31);
      const timeline = await Timeline.open(path);
      try {
        await timeline.seek(timeline.start);
        const all = await deliveries(timeline);
        assert(all.length > 0);
        const moving = new Debugger(timeline);
        for (const { operation, epoch, address, length } of all.slice(-MOST)) {
          const end = timeline.epochEnd(epoch)!;
          const within = random.upTo(length - 1);
          const trigger: Trigger = {
            ...{ kind: "store", address: BigInt(address + within) },
            length: 1 + random.upTo(7),
          };
          moving.triggers = [trigger];
          await moving.seek(end);
          const stop = { kind: "trigger", trigger } as const;
          assertEquals(await moving.continueBack(), stop);
          assertEquals([timeline.moment.step, moving.hit?.by], [end.step - 1, "device"]);
          const text = await hitText(timeline, moving.hit!);
          assertMatch(
            text!,
            new RegExp(`by a device \\(DMA\\): operation ${operation} .*end of epoch ${epoch}\n`),
          );
          assertEquals(await moving.continueForward(), stop);
          assertEquals(timeline.moment, timeline.momentAt(end.step));
          // Nothing is left of it in the machine.
          assertEquals(await timeline.runForward({ until: () => false }), "limit");
        }
      } finally {
        timeline.close();
      }
    }));
}

Deno.test("net: what frames from the network change is found, too", () =>
  withRecording("net", async (path) => {
    const timeline = await Timeline.open(path);
    try {
      await timeline.seek(timeline.start);
      const moving = new Debugger(timeline);
      let found = 0;
      for await (const { epoch, frames } of timeline.epochs(1, timeline.end.epoch)) {
        if (frames.length === 0 || found === 5) continue;
        found++;
        const end = timeline.epochEnd(epoch)!;
        await timeline.seek(timeline.momentAt(end.step - 1)!);
        const before = timeline.machine.memory.ram.slice();
        await timeline.seek(end);
        const { ram } = timeline.machine.memory;
        // Frames begin at the first of many bytes that change.
        const at = ram.findIndex((byte, index) =>
          byte !== before[index] && ram[index + 1] !== before[index + 1] &&
          ram[index + 4] !== before[index + 4]
        );
        assert(at >= 0);
        const address = BigInt(0x8000_0000 + at);
        moving.triggers = [{ kind: "store", address, length: 1 }];
        assertEquals((await moving.continueBack()).kind, "trigger");
        assertEquals([timeline.moment.step, moving.hit?.by], [end.step - 1, "device"]);
        assertMatch(
          (await hitText(timeline, moving.hit!))!,
          new RegExp(`by a device, .*end of epoch ${epoch}: .*\\d network frames`),
        );
      }
      assertEquals(found, 5);
    } finally {
      timeline.close();
    }
  }));

Deno.test("gdb is told who has written where it stops", () =>
  withRecording("teller", async (path) => {
    await withGdbAt(path, async (gdb) => {
      const { timeline } = gdb;
      const { address, epoch } = (await deliveries(timeline)).at(-1)!;
      await timeline.seek(timeline.epochEnd(epoch)!);
      await gdb.ask(`Z2,${address.toString(16)},8`);
      const { shown, answer } = await gdb.asked("bc");
      assertMatch(answer, new RegExp(`^T05.*watch:${address.toString(16)};`));
      assertMatch(shown, /^Written at 0x[0-9a-f]+ by a device \(DMA\): operation \d+/);
    });
  }));
