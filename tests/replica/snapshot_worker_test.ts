/** The thread that packs and digests snapshots: what it makes is what is made here. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { Digester } from "../../lib/cpu/digest.ts";
import { type Page, snapshotRecords } from "../../lib/log/snapshot_records.ts";
import { SnapshotWorker } from "../../lib/replica/snapshot_worker.ts";
import { atOnce, inTime } from "../log/at_once.ts";
import { sampleState } from "../log/sample_log.ts";

const PAGES = 2000;

async function readyWorker(): Promise<SnapshotWorker> {
  const worker = new SnapshotWorker();
  worker.start();
  const memory = new GuestMemory(4096);
  await worker.digest(memory);
  return worker;
}

/** Some pages that shrink and some that do not, a few of them as they were at power-on. */
function memory(): { readonly memory: GuestMemory; readonly image: Page[] } {
  const memory = new GuestMemory(PAGES * 4096);
  for (let page = 0; page < PAGES; page += 2) {
    const bytes = memory.ram.subarray(page * 4096, (page + 1) * 4096);
    if (page % 1024 < 512) bytes.set(crypto.getRandomValues(new Uint8Array(4096)));
    else bytes.fill(page);
  }
  const image = [0, 6, 7, 900].map((page): Page => [
    page,
    page === 6 ? new Uint8Array(4096).fill(1) : memory.ram.slice(page * 4096, (page + 1) * 4096),
  ]);
  return { memory, image };
}

Deno.test("a snapshot is the same, packed and digested by the thread or here", async () => {
  using worker = await readyWorker();
  const { memory: { ram, memory: shared, ramBytes }, image } = memory();
  const pages = function* (): Generator<Page> {
    for (let page = 0; page < PAGES; page++) {
      yield [page, ram.subarray(page * 4096, (page + 1) * 4096)];
    }
  };
  const parts = {
    ...{
      epoch: 1,
      steps: 2,
      time: { base: 3, rate: 4 },
      operations: [],
      state: sampleState,
      image,
    },
    digest: 5n,
  };
  const pack = (data: Uint8Array<ArrayBuffer>) => worker.pack(data);
  assert(pack(new Uint8Array(4096)) instanceof Promise);
  assertEquals(
    await inTime(snapshotRecords({ ...parts, ram: pages(), pack })),
    atOnce(snapshotRecords({ ...parts, ram: pages() })),
  );
  const digested = { memory: shared, ramBytes };
  assertEquals(await worker.digest(digested), new Digester(digested).ram());
});

Deno.test("what is asked for while the thread starts is answered, and without a thread all is done here", async () => {
  const data = () => new Uint8Array(4096).fill(7);
  const memory = new GuestMemory(4096);
  using worker = new SnapshotWorker();
  const here = worker.pack(data());
  assert(!(here instanceof Promise));
  assertEquals(worker.digest(memory), undefined);
  worker.start();
  assertEquals(await Promise.all([worker.pack(data()), worker.digest(memory)]), [
    here,
    new Digester(memory).ram(),
  ]);
  worker.close();
  assert(!(worker.pack(data()) instanceof Promise));
});

Deno.test("what a machine has asked for that ends is not answered", async () => {
  const worker = await readyWorker();
  const asked = worker.pack(new Uint8Array(4096)) as Promise<unknown>;
  // Nobody looks at this one.
  void worker.pack(new Uint8Array(4096));
  worker.close();
  await assertRejects(() => asked, Error, "has ended");
});

Deno.test("a thread whose source may not be read is not started", {
  permissions: { read: false },
}, () => {
  using worker = new SnapshotWorker();
  worker.start();
  assert(!(worker.pack(new Uint8Array(4096)) instanceof Promise));
});

Deno.test("a thread that fails at its start leaves its work here", async () => {
  const failing = new URL("data:application/javascript,throw new Error('Failed')");
  using worker = new SnapshotWorker(failing);
  const here = worker.pack(new Uint8Array(4096));
  worker.start();
  assertEquals(await worker.pack(new Uint8Array(4096)), here);
  assert(!(worker.pack(new Uint8Array(4096)) instanceof Promise));
});
