import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { createDiskImage, DiskFile, type DiskRequest, SECTOR_BYTES } from "../../lib/host/disk.ts";
import { HostFileError } from "../../lib/host/fault.ts";
import { FaultyFile, systemError } from "./faulty_file.ts";
import { withFolder } from "./temporary_folder.ts";

const KIND = { disk: 0 } as const;
const write = (sector: number, data: Uint8Array): DiskRequest => ({
  kind: "disk-write",
  ...KIND,
  sector,
  data,
});
const read = (sector: number, sectors: number): DiskRequest => ({
  kind: "disk-read",
  ...KIND,
  sector,
  sectors,
});
const flush: DiskRequest = { kind: "disk-flush", ...KIND };
const unmap = (sector: number, sectors: number): DiskRequest => ({
  kind: "disk-unmap",
  ...KIND,
  ranges: [{ sector, sectors }],
});
const filled = (byte: number, sectors = 1) => new Uint8Array(sectors * SECTOR_BYTES).fill(byte);

function diskOver(file: FaultyFile, synchronous = false): DiskFile {
  return new DiskFile("test.img", { open: () => file, synchronous });
}

Deno.test("a disk reads back what was written, also after it is opened again", () =>
  withFolder(async (folder) => {
    const path = `${folder}/disk.img`;
    createDiskImage(path, 64 * SECTOR_BYTES);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    const disk = new DiskFile(path);
    assertEquals(disk.sectors, 64);
    assertEquals(await disk.perform(write(63, filled(7))), { status: "done" });
    assertEquals(await disk.perform(flush), { status: "done" });
    await disk.close();
    const again = new DiskFile(path);
    assertEquals(await again.perform(read(63, 1)), { status: "done", data: filled(7) });
    assertEquals(await again.perform(read(0, 1)), { status: "done", data: filled(0) });
    await again.close();
    assertEquals(Deno.statSync(path).size, 64 * SECTOR_BYTES);
  }));

Deno.test("two thousand writes at once all land in their own sectors", () =>
  withFolder(async (folder) => {
    const path = `${folder}/disk.img`;
    createDiskImage(path, 2000 * SECTOR_BYTES);
    const disk = new DiskFile(path);
    const writes = Array.from({ length: 2000 }, (_, sector) => {
      return disk.perform(write(sector, filled(sector % 251)));
    });
    await Promise.all(writes);
    for (let sector = 0; sector < 2000; sector++) {
      const { data } = await disk.perform(read(sector, 1));
      assertEquals(data, filled(sector % 251), `Sector ${sector} differs`);
    }
    await disk.close();
  }));

Deno.test("a disk image that is not whole sectors is refused by name and size", () =>
  withFolder((folder) => {
    for (const bytes of [0, 1, 511, 513, 1000]) {
      const path = `${folder}/${bytes}.img`;
      Deno.writeFileSync(path, new Uint8Array(bytes));
      const error = assertThrows(() => new DiskFile(path), HostFileError);
      assert(error.message.includes(path) && error.message.includes(`${bytes} bytes`));
    }
    assertThrows(() => createDiskImage(`${folder}/new.img`, 100), HostFileError, "100 bytes");
  }));

Deno.test("a disk image that is missing, a folder, or there already is refused in words", () =>
  withFolder((folder) => {
    assertThrows(() => new DiskFile(`${folder}/none`), HostFileError, "does not exist");
    assertThrows(() => new DiskFile(folder), HostFileError, "directory");
    createDiskImage(`${folder}/a`, 512);
    assertThrows(() => createDiskImage(`${folder}/a`, 512), HostFileError, "exists already");
  }));

Deno.test("unmapped sectors read as zeros and their neighbours are kept", () =>
  withFolder(async (folder) => {
    const path = `${folder}/disk.img`;
    const sectors = 6000;
    createDiskImage(path, sectors * SECTOR_BYTES);
    const disk = new DiskFile(path);
    await disk.perform(write(0, filled(9, sectors)));
    assertEquals(await disk.perform(unmap(1, sectors - 2)), { status: "done" });
    assertEquals((await disk.perform(read(0, 1))).data, filled(9));
    assertEquals((await disk.perform(read(1, sectors - 2))).data, filled(0, sectors - 2));
    assertEquals((await disk.perform(read(sectors - 1, 1))).data, filled(9));
    await disk.close();
  }));

Deno.test("an operation outside the disk is refused before it changes anything", async () => {
  const file = new FaultyFile(4 * SECTOR_BYTES);
  const disk = diskOver(file);
  for (const request of [write(4, filled(1)), write(3, filled(1, 2)), read(-1, 1), unmap(0, 5)]) {
    assertThrows(() => disk.perform(request), RangeError, "outside test.img");
  }
  assertThrows(() => disk.perform(write(0, new Uint8Array(100))), RangeError, "whole sectors");
  assertEquals(file.events, []);
  await disk.close();
});

Deno.test("short reads and writes are carried on until all is done", async () => {
  const file = new FaultyFile(8 * SECTOR_BYTES);
  file.faults.atMost = 100;
  const disk = diskOver(file);
  await disk.perform(write(1, filled(5, 3)));
  assertEquals(file.bytes.subarray(512, 2048), filled(5, 3));
  assertEquals((await disk.perform(read(1, 3))).data, filled(5, 3));
  await disk.close();
});

Deno.test("an image that was cut shorter answers reads of the lost sectors with an error", async () => {
  const file = new FaultyFile(8 * SECTOR_BYTES);
  const disk = diskOver(file);
  file.bytes = file.bytes.slice(0, 1000);
  assertEquals(await disk.perform(read(0, 1)), { status: "done", data: filled(0) });
  assertEquals(await disk.perform(read(1, 1)), { status: "io-error" });
  await disk.close();
});

Deno.test("an unmap writes zeros only where there are none, so that a sparse image stays sparse", () =>
  withFolder(async (folder) => {
    const path = `${folder}/disk.img`;
    createDiskImage(path, 4 << 20);
    const disk = new DiskFile(path);
    await disk.perform(write(4096, filled(7, 16)));
    await disk.perform(unmap(0, 8192));
    assertEquals((await disk.perform(read(4096, 16))).data, filled(0, 16));
    await disk.close();
    // The megabyte that held something may be all there; the others are holes.
    assert((await Deno.stat(path)).blocks! * 512 <= 2 << 20);
  }));

Deno.test("a failing medium and a full one are answers that tell the two apart", async () => {
  const file = new FaultyFile(8 * SECTOR_BYTES);
  const disk = diskOver(file);
  file.faults.readError = file.faults.writeError = systemError("EIO");
  assertEquals(await disk.perform(read(0, 1)), { status: "io-error" });
  assertEquals(await disk.perform(write(0, filled(1))), { status: "io-error" });
  file.faults.writeError = systemError("ENOSPC");
  assertEquals(await disk.perform(write(0, filled(1))), { status: "no-space" });
  assertEquals(await disk.perform(unmap(0, 1)), { status: "no-space" });
  file.faults.writeError = file.faults.readError = undefined;
  assertEquals(await disk.perform(write(0, filled(1))), { status: "done" });
  await disk.close();
});

Deno.test("a full file system is no-space, not an I/O error", () =>
  withFolder(async (folder) => {
    // A file size limit is the full disk that needs no privileges; the signal for it is ignored.
    const path = `${folder}/disk.img`;
    createDiskImage(path, 4 << 20);
    const script = `
      import { DiskFile } from ${JSON.stringify(import.meta.resolve("../../lib/host/disk.ts"))};
      const disk = new DiskFile(${JSON.stringify(path)});
      const data = new Uint8Array(512).fill(1);
      for (const sector of [0, 4000]) {
        console.log((await disk.perform({ kind: "disk-write", disk: 0, sector, data })).status);
      }
      await disk.close();`;
    await Deno.writeTextFile(`${folder}/main.ts`, script);
    const command = `trap '' XFSZ; ulimit -f 64; exec "$@"`;
    const { stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", command, "sh", Deno.execPath(), "run", "--no-prompt"]
        .concat(`--allow-read=${folder}`, `--allow-write=${folder}`, `${folder}/main.ts`),
      env: { DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    const text = new TextDecoder();
    assertEquals(text.decode(stdout), "done\nno-space\n", text.decode(stderr));
  }));

Deno.test("a flush waits for every earlier write and for no later one", async () => {
  const file = new FaultyFile(8 * SECTOR_BYTES);
  const disk = diskOver(file);
  const [earlyGate, lateGate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  file.faults.gate = earlyGate.promise;
  const early = disk.perform(write(0, filled(1)));
  const flushed = disk.perform(flush);
  file.faults.gate = lateGate.promise;
  const late = disk.perform(write(4, filled(2)));
  file.faults.gate = undefined;
  await Promise.resolve();
  assertEquals(file.events, []);
  earlyGate.resolve();
  await Promise.all([early, flushed]);
  assertEquals(file.events, ["write 0+512", "sync"]);
  lateGate.resolve();
  await late;
  await disk.close();
});

Deno.test("after a failed flush no later flush claims that the data is durable", async () => {
  const file = new FaultyFile(8 * SECTOR_BYTES);
  const disk = diskOver(file);
  await disk.perform(write(0, filled(1)));
  file.faults.syncError = systemError("EIO");
  assertEquals(await disk.perform(flush), { status: "io-error" });
  file.faults.syncError = undefined;
  assertEquals(await disk.perform(flush), { status: "io-error" });
  await disk.close();
});

Deno.test("a synchronous disk completes a write only after a sync, many writes sharing one", async () => {
  const file = new FaultyFile(64 * SECTOR_BYTES);
  const disk = diskOver(file, true);
  await disk.perform(write(0, filled(1)));
  assertEquals(file.events, ["write 0+512", "sync"]);
  file.events.length = 0;
  await Promise.all(Array.from({ length: 50 }, (_, i) => disk.perform(write(i, filled(2)))));
  const syncs = file.events.filter((event) => event === "sync").length;
  assert(syncs >= 1 && syncs < 10, `${syncs} syncs`);
  assertEquals(file.events.at(-1), "sync");
  file.faults.syncError = systemError("EIO");
  assertEquals(await disk.perform(write(0, filled(3))), { status: "io-error" });
  await disk.close();
});

Deno.test("operations on common sectors end as if performed one after the other", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(9), fc.nat(9), fc.integer({ min: 1, max: 4 })), { maxLength: 40 }),
      fc.infiniteStream(fc.boolean()),
      async (steps, coin) => {
        const file = new ShufflingFile(16 * SECTOR_BYTES, () => coin.next().value!);
        const disk = diskOver(file);
        const model = new Uint8Array(16 * SECTOR_BYTES);
        const checks: Promise<void>[] = [];
        steps.forEach(([choice, sector, sectors], index) => {
          const [from, to] = [sector * SECTOR_BYTES, (sector + sectors) * SECTOR_BYTES];
          if (choice < 5) {
            model.fill(index + 1, from, to);
            checks.push(disk.perform(write(sector, filled(index + 1, sectors))).then(() => {}));
          } else if (choice < 6) {
            model.fill(0, from, to);
            checks.push(disk.perform(unmap(sector, sectors)).then(() => {}));
          } else {
            const expected = model.slice(from, to);
            checks.push(
              disk.perform(read(sector, sectors)).then(({ data }) => {
                assertEquals(data, expected, `Read ${index} at sector ${sector}`);
              }),
            );
          }
        });
        await Promise.all(checks);
        assertEquals(file.bytes, model);
        await disk.close();
      },
    ),
    { numRuns: 100 },
  ));

Deno.test("operations on different sectors do not wait for each other", async () => {
  const file = new FaultyFile(8 * SECTOR_BYTES);
  const disk = diskOver(file);
  const gate = Promise.withResolvers<void>();
  file.faults.gate = gate.promise;
  const stuck = disk.perform(write(0, filled(1)));
  file.faults.gate = undefined;
  assertEquals(await disk.perform(write(1, filled(2))), { status: "done" });
  assertEquals(disk.inFlight, 1);
  gate.resolve();
  await stuck;
  assertEquals(disk.inFlight, 0);
  await disk.close();
});

Deno.test("a disk's digest is that of its contents", () =>
  withFolder(async (folder) => {
    const contents = new Uint8Array(3 * (1 << 20) + 512).map((_, i) => (i * 7) % 253);
    const path = `${folder}/disk.img`;
    Deno.writeFileSync(path, contents);
    const disk = new DiskFile(path);
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", contents)).toHex();
    assertEquals(await disk.digest(), expected);
    await disk.close();
    const short = new FaultyFile(SECTOR_BYTES);
    const cut = diskOver(short);
    short.bytes = new Uint8Array(10);
    await assertRejects(() => cut.digest(), HostFileError, "ends at byte 10 of 512");
  }));

Deno.test("an image that is exchanged or cut under its path is noticed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/disk.img`;
    createDiskImage(path, 4 * SECTOR_BYTES);
    const disk = new DiskFile(path);
    assert(disk.isInPlace());
    Deno.renameSync(path, `${path}.old`);
    assert(!disk.isInPlace());
    createDiskImage(path, 4 * SECTOR_BYTES);
    assert(!disk.isInPlace());
    Deno.renameSync(`${path}.old`, path);
    assert(disk.isInPlace());
    Deno.truncateSync(path, 512);
    assert(!disk.isInPlace());
    await disk.close();
  }));

Deno.test("closing a disk waits for what is in flight and refuses what comes after", async () => {
  const file = new FaultyFile(8 * SECTOR_BYTES);
  const disk = diskOver(file);
  const gate = Promise.withResolvers<void>();
  file.faults.gate = gate.promise;
  const pending = disk.perform(write(0, filled(1)));
  const closing = disk.close();
  assertThrows(() => disk.perform(flush), HostFileError, "closed");
  assertEquals(file.closed, false);
  gate.resolve();
  assertEquals(await pending, { status: "done" });
  await closing;
  assertEquals(file.closed, true);
});

/** Takes its time over each access, in an order that a coin decides. */
class ShufflingFile extends FaultyFile {
  constructor(bytes: number, private readonly coin: () => boolean) {
    super(bytes);
  }

  override async read(into: Uint8Array, position: number): Promise<number> {
    while (this.coin()) await Promise.resolve();
    return await super.read(into, position);
  }

  override async write(data: Uint8Array, position: number): Promise<number> {
    while (this.coin()) await Promise.resolve();
    return await super.write(data, position);
  }
}
