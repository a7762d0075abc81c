/** Every page of RAM that changes in an epoch is among the written ones, which the epoch's digest covers. */
import { assert } from "@std/assert";
import type { Machine } from "../../lib/board/machine.ts";
import { Digester } from "../../lib/cpu/digest.ts";
import { Seeded } from "../epoch/seeded.ts";
import { freshOptions, guestCases } from "./guest_cases.ts";
import { play } from "./playing.ts";
import { recordGuest, type RecordingOptions } from "./recording.ts";

const PAGE_BYTES = 4096;

/** Watches the contents of all pages. */
class Watch {
  readonly #digester: Digester;
  readonly #contents: bigint[];
  /** Pages that have changed so far, each as often as it has. */
  changes = 0;

  constructor(private readonly machine: Machine) {
    this.#digester = new Digester(machine.memory);
    this.#contents = this.#look();
  }

  /** Fails when a page has changed in the epoch that has ended and is not among the written ones. */
  check(epoch: number): void {
    const written = new Set(this.machine.memory.writtenPages());
    this.#look().forEach((content, page) => {
      if (content === this.#contents[page]) return;
      this.#contents[page] = content;
      this.changes++;
      assert(
        written.has(page),
        `Page ${page} has changed in epoch ${epoch}, nobody has written it`,
      );
    });
  }

  #look(): bigint[] {
    const pages = this.machine.memory.ramBytes / PAGE_BYTES;
    return Array.from({ length: pages }, (_, page) => this.#digester.pages([page]));
  }
}

const cases: Readonly<Record<string, RecordingOptions>> = {
  // The walker writes to page tables: it sets A and D bits.
  "paging": { bootArguments: "rounds=4", epochSteps: 4000 },
  "reset": { epochSteps: 5000 },
  "teller in a burst": { bootArguments: "burst transfers=30", epochSteps: 20_000 },
};

for (const [name, options] of Object.entries(cases)) {
  Deno.test(`${name}: every page that changes in an epoch counts as written in it`, async () => {
    const which = guestCases[name]!;
    const { log } = await recordGuest(which.guest, freshOptions(which, options));
    let watch: Watch | undefined;
    await play(log, {
      ...{ random: new Seeded(3), sliceSteps: 3000, dropCachesOnceIn: 4 },
      beforeEpoch: (_record, { machine }) => void (watch ??= new Watch(machine)),
      afterEpoch: ({ epoch }) => watch!.check(epoch),
    });
    assert(watch!.changes > 100, `Only ${watch!.changes} changes`);
  });
}
