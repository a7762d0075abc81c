import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  MembershipFile,
  membershipPath,
  MembershipWriteError,
  readMembership,
} from "../../lib/replica/membership.ts";
import {
  decodeSlot,
  encodeSlot,
  MembershipSizeError,
  SLOT_BYTES,
} from "../../lib/replica/membership_slot.ts";
import type { MembershipRecord, RecordFound } from "../../lib/replica/rules.ts";
import { systemError } from "../host/faulty_file.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { ChildScript } from "./child_script.ts";
import { CrashingStorage } from "./crashing_storage.ts";

const PATH = "disk.img.lockstep";
const RUN = "0123456789abcdef0123456789abcdef";
const id = (number: number) => number.toString(16).padStart(32, "0");

/** Records of different lengths, so that a torn write leaves a mixture. */
function record(term: number): MembershipRecord {
  const members = Array.from(
    { length: (term * 5) % 8 },
    (_, i) =>
      i % 2 === 0
        ? { id: id(term * 100 + i) }
        : { id: id(term * 100 + i), oneWay: { device: 15, inode: 8000 + i } },
  );
  return { run: RUN, term, members };
}

const found = (term: number): RecordFound => ({ found: "record", record: record(term) });

async function written(terms: number): Promise<CrashingStorage> {
  const storage = new CrashingStorage();
  const file = await MembershipFile.open(PATH, storage);
  for (let term = 1; term <= terms; term++) await file.write(record(term));
  await file.close();
  return storage;
}

Deno.test("a record is read back by whoever looks, and the file has two slots and mode 0600", () =>
  withFolder(async (folder) => {
    const path = membershipPath(`${folder}/disk.img`);
    assertEquals(path, `${folder}/disk.img.lockstep`);
    assertEquals(await readMembership(path), { found: "nothing" });
    const file = await MembershipFile.open(path);
    assertEquals(file.found, { found: "nothing" });
    for (let term = 1; term <= 5; term++) {
      await file.write(record(term));
      assertEquals(await readMembership(path), found(term));
    }
    await file.close();
    const again = await MembershipFile.open(path);
    assertEquals(again.found, found(5));
    await again.write(record(6));
    await again.close();
    assertEquals(await readMembership(path), found(6));
    const { mode, size } = Deno.statSync(path);
    assertEquals([mode! & 0o777, size], [0o600, 2 * SLOT_BYTES]);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["disk.img.lockstep"]);
  }));

Deno.test("a writer killed at every byte leaves the old record or the new one", async () => {
  const whole = await stoppedAfter(Infinity);
  assertEquals(whole.completed, 3);
  let stops = 0;
  for (let budget = 0;; budget++) {
    const { storage, completed } = await stoppedAfter(budget);
    if (completed === 3) break;
    stops++;
    await assertOldOrNew(storage.afterKill(), completed, `Killed after ${budget} bytes`);
  }
  assert(stops > 2 * SLOT_BYTES, `${stops} places to stop`);
});

Deno.test("after a power loss at any moment, whatever sectors are lost, a record is there", () =>
  fc.assert(
    fc.asyncProperty(
      fc.nat(4 * SLOT_BYTES),
      fc.infiniteStream(fc.boolean()),
      async (budget, coin) => {
        const { storage, completed } = await stoppedAfter(budget);
        const after = storage.afterPowerLoss(() => coin.next().value!);
        await assertOldOrNew(after, completed, `Power lost after ${budget} bytes`);
      },
    ),
    { numRuns: 300 },
  ));

Deno.test("a record found after a kill is brought to the medium before its other slot is touched", async () => {
  const storage = await written(2);
  storage.syncError = systemError("EIO");
  const first = await MembershipFile.open(PATH, storage).catch(() => undefined);
  assertEquals(first, undefined, "What cannot be synced must not be built upon");
  storage.syncError = undefined;
  // Record 3 is in the page cache only, its writer is dead.
  const writer = await MembershipFile.open(PATH, storage);
  storage.budget = SLOT_BYTES;
  await writer.write(record(3)).catch(() => {});
  const next = storage.afterKill();
  const promoted = await MembershipFile.open(PATH, next);
  assertEquals(promoted.found, found(3));
  next.budget = 100;
  await promoted.write(record(4)).catch(() => {});
  let turn = 0;
  const after = next.afterPowerLoss(() => turn++ % 2 === 1);
  assertEquals(await readMembership(PATH, after), found(3));
});

Deno.test("a write whose sync fails is unsure, says so, and a retry settles it", async () => {
  const storage = await written(2);
  const file = await MembershipFile.open(PATH, storage);
  for (let attempt = 0; attempt < 3; attempt++) {
    storage.syncError = systemError("EIO");
    const error = await assertRejects(() => file.write(record(3)), MembershipWriteError);
    assertEquals([error.full, error.path, error.record], [false, PATH, record(3)]);
    const now = await readMembership(PATH, storage.afterPowerLoss(() => attempt % 2 === 0));
    assert(equal(now, found(2)) || equal(now, found(3)), JSON.stringify(now));
  }
  storage.syncError = undefined;
  await file.write(record(4));
  assertEquals(await readMembership(PATH, storage.afterPowerLoss(() => false)), found(4));
});

Deno.test("failed writes never touch the slot of the durable record", async () => {
  const storage = await written(2);
  const file = await MembershipFile.open(PATH, storage);
  const durable = storage.bytesOf(PATH).slice(SLOT_BYTES);
  for (let term = 3; term < 8; term++) {
    storage.atMost = 100;
    let pieces = 1;
    storage.beforeWrite = () => {
      if (pieces-- === 0) throw systemError("EIO");
    };
    await assertRejects(() => file.write(record(term)), MembershipWriteError);
    assertEquals(storage.bytesOf(PATH).slice(SLOT_BYTES), durable);
    assertEquals(await readMembership(PATH, storage.afterKill()), found(2));
  }
});

Deno.test("a full disk at the first write says so, and a retry succeeds when there is room", async () => {
  const storage = new CrashingStorage();
  const file = await MembershipFile.open(PATH, storage);
  storage.capacity = 1000;
  const error = await assertRejects(() => file.write(record(1)), MembershipWriteError);
  assertEquals(error.full, true);
  assert(error.message.includes(PATH) && error.message.includes("free some space"), error.message);
  assertEquals(await readMembership(PATH, storage.afterKill()), { found: "nothing" });
  storage.capacity = Infinity;
  await file.write(record(1));
  assertEquals(await readMembership(PATH, storage), found(1));
});

Deno.test("a full disk does not hinder later writes: both slots are allocated", async () => {
  const storage = await written(1);
  storage.capacity = 2 * SLOT_BYTES;
  const file = await MembershipFile.open(PATH, storage);
  for (let term = 2; term < 6; term++) await file.write(record(term));
  assertEquals(await readMembership(PATH, storage), found(5));
});

Deno.test("one write at a time, and none after closing", async () => {
  const file = await MembershipFile.open(PATH, new CrashingStorage());
  const first = file.write(record(1));
  await assertRejects(() => file.write(record(2)), Error, "under way");
  await first;
  await file.write(record(2));
  await file.close();
  await assertRejects(() => file.write(record(3)), Error, "closed");
});

Deno.test("every flipped bit in the newest record makes the older one count", async () => {
  const storage = await written(2);
  const bytes = storage.bytesOf(PATH);
  const used = encodeSlot({ sequence: 2, record: record(2) }).findLastIndex((byte) => byte !== 0);
  for (let bit = 0; bit <= used * 8 + 7; bit++) {
    const at = SLOT_BYTES + (bit >> 3);
    bytes[at]! ^= 1 << (bit & 7);
    assertEquals(await readMembership(PATH, storage), found(1), `Bit ${bit}`);
    bytes[at]! ^= 1 << (bit & 7);
  }
  assertEquals(await readMembership(PATH, storage), found(2));
});

Deno.test("a file without a valid slot is damage, not nothing, and can be written anew", async () => {
  for (const length of [0, 1, 100, SLOT_BYTES, 2 * SLOT_BYTES]) {
    const storage = new CrashingStorage();
    await storage.create(PATH).write(new Uint8Array(length).fill(length & 1), 0);
    assertEquals(await readMembership(PATH, storage), { found: "damage" });
    const file = await MembershipFile.open(PATH, storage);
    assertEquals(file.found, { found: "damage" });
    await file.write(record(1));
    await file.write(record(2));
    assertEquals(await readMembership(PATH, storage), found(2));
  }
});

Deno.test("a reader without the lock, at every moment of every write, sees no older record", async () => {
  const storage = new CrashingStorage();
  const file = await MembershipFile.open(PATH, storage);
  storage.atMost = 64;
  let durable = 0;
  let looks = 0;
  storage.beforeWrite = async () => {
    const now = await readMembership(PATH, storage);
    looks++;
    if (durable === 0) assertEquals(now, { found: "nothing" });
    else assert(equal(now, found(durable)) || equal(now, found(durable + 1)), JSON.stringify(now));
  };
  for (let term = 1; term <= 4; term++) {
    await file.write(record(term));
    durable = term;
  }
  assert(looks > 100);
});

Deno.test("a reader that is overtaken by two writes between its two slots looks again", async () => {
  const storage = await written(2);
  const file = await MembershipFile.open(PATH, storage);
  let reads = 0;
  const now = await readMembership(PATH, {
    exists: (path) => storage.exists(path),
    create: (path) => storage.create(path),
    replace: (from, to) => storage.replace(from, to),
    open: (path) => {
      const inner = storage.open(path);
      return {
        ...inner,
        // The first look stops after the first slot; two records are written before it goes on.
        read: async (into, position) => {
          if (++reads === 2) {
            await file.write(record(3));
            storage.budget = 100;
            await file.write(record(4)).catch(() => {});
          }
          return await inner.read(into.subarray(0, SLOT_BYTES), position);
        },
      };
    },
  });
  assertEquals(now, found(3));
});

Deno.test("a record with too many members is refused and nothing is written", async () => {
  const storage = await written(1);
  const file = await MembershipFile.open(PATH, storage);
  const members = Array.from({ length: 100 }, (_, i) => ({ id: id(i) }));
  await assertRejects(() => file.write({ run: RUN, term: 2, members }), MembershipSizeError);
  assertEquals(await readMembership(PATH, storage), found(1));
  await file.write(record(2));
});

Deno.test("a slot whose content is whole but senseless is not valid", () => {
  const good = record(3);
  const senseless: unknown[] = [
    null,
    7,
    {},
    { ...good, run: "x" },
    { ...good, run: RUN.toUpperCase() },
    { ...good, term: 0 },
    { ...good, term: 1.5 },
    { ...good, members: "none" },
    { ...good, members: [{}] },
    { ...good, members: [null] },
    { ...good, members: [{ id: id(1), oneWay: null }] },
    { ...good, members: [{ id: id(1), oneWay: { device: -1, inode: 3 } }] },
    { ...good, members: [{ id: id(1), oneWay: { device: 1 } }] },
  ];
  for (const content of senseless) {
    const bytes = encodeSlot({ sequence: 1, record: content as MembershipRecord });
    assertEquals(decodeSlot(bytes), undefined, JSON.stringify(content));
  }
  assertEquals(decodeSlot(encodeSlot({ sequence: 9, record: good })), {
    sequence: 9,
    record: good,
  });
  assertThrows(
    () => encodeSlot({ sequence: 1, record: { ...good, run: "0".repeat(5000) } }),
    MembershipSizeError,
  );
});

Deno.test("kill -9 of a writing process leaves a record no older than the last it reported", () =>
  withFolder(async (folder) => {
    const path = `${folder}/disk.img.lockstep`;
    const url = JSON.stringify(import.meta.resolve("../../lib/replica/membership.ts"));
    const source = `
      import { MembershipFile } from ${url};
      const file = await MembershipFile.open(${JSON.stringify(path)});
      for (let term = 1;; term++) {
        await file.write({ run: ${JSON.stringify(RUN)}, term, members: [] });
        console.log(term);
      }`;
    for (let round = 1; round <= 5; round++) {
      await Deno.remove(path).catch(() => {});
      await using child = await ChildScript.start(folder, source, [
        `--allow-read=${folder}`,
        `--allow-write=${folder}`,
      ]);
      let reported = 0;
      while (reported < round * 7) {
        reported = Number(await child.line());
        const now = await readMembership(path);
        assert(now.found === "record" && now.record.term >= reported, JSON.stringify(now));
      }
      child.kill("SIGKILL");
      await child.status;
      for (let line = await child.line(); line !== undefined; line = await child.line()) {
        reported = Number(line);
      }
      const now = await readMembership(path);
      assert(now.found === "record");
      const ahead = (now as { record: MembershipRecord }).record.term - reported;
      assert(ahead === 0 || ahead === 1, `${ahead} ahead of the last report`);
    }
  }));

/** Three writes, by a process that dies after so many bytes. */
async function stoppedAfter(
  budget: number,
): Promise<{ storage: CrashingStorage; completed: number }> {
  const storage = new CrashingStorage();
  const file = await MembershipFile.open(PATH, storage);
  storage.budget = budget;
  let completed = 0;
  try {
    while (completed < 3) {
      await file.write(record(completed + 1));
      completed++;
    }
  } catch (error) {
    assert(error instanceof MembershipWriteError, String(error));
  }
  return { storage, completed };
}

/** A reader finds record `completed` or the next one; a new holder of the lock goes on from there. */
async function assertOldOrNew(
  storage: CrashingStorage,
  completed: number,
  when: string,
): Promise<void> {
  const old: RecordFound = completed === 0 ? { found: "nothing" } : found(completed);
  const now = await readMembership(PATH, storage);
  assert(equal(now, old) || equal(now, found(completed + 1)), `${when}: ${JSON.stringify(now)}`);
  const next = await MembershipFile.open(PATH, storage);
  assertEquals(next.found, now);
  await next.write(record(7));
  assertEquals(await readMembership(PATH, storage), found(7));
}

function equal(a: RecordFound, b: RecordFound): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
