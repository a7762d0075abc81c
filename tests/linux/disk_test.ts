/** Debian's ext4 and sqlite3 on both of our disks. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { assertSoundDisk, listOnDisk } from "./disk_check.ts";
import { freshDisk, linuxTest } from "./linux_guest.ts";
import { LinuxMachine, linuxWords } from "./linux_machine.ts";
import { assertTransactionsKept } from "./transactions.ts";

for (const bus of ["scsi", "blk"] as const) {
  linuxTest(
    `files that Linux forces to virtio-${bus} are there, whole, and the disk is sound`,
    () =>
      withFolder(async (folder) => {
        const disk = await freshDisk(folder);
        await using machine = new LinuxMachine(linuxWords("run", {
          append: "quiet lockstep.script=files lockstep.rounds=25",
          disks: [`${disk},bus=${bus}`],
        }));
        const { code, stdout, stderr } = await machine.end();
        assertEquals(code, 0, stdout + stderr);
        assertStringIncludes(stdout, "check: all is well");
        await assertSoundDisk(disk);
        assertEquals((await listOnDisk(disk, "/files")).length, 25);
      }),
  );
}

linuxTest(
  "each transaction that sqlite3 has given a receipt for is in the database once",
  () =>
    withFolder(async (folder) => {
      const disk = await freshDisk(folder);
      await using machine = new LinuxMachine(linuxWords("run", {
        append: "quiet lockstep.script=sqlite lockstep.rounds=40",
        disks: [disk],
      }));
      const { code, stdout, stderr } = await machine.end();
      assertEquals(code, 0, stdout + stderr);
      await assertSoundDisk(disk);
      const receipts = [...stdout.matchAll(/^receipt (\d+)\r?$/gm)].map(([, number]) =>
        Number(number)
      );
      assertEquals(receipts, Array.from({ length: 40 }, (_, index) => index + 1));

      await assertTransactionsKept(disk, 40);
    }),
);
