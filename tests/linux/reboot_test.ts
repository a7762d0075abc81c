/** Rebooting Debian's Linux: the machine starts again from its boot image, with the disk as it is. */
import { assertEquals } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { assertSoundDisk } from "./disk_check.ts";
import { freshDisk, linuxTest } from "./linux_guest.ts";
import { LinuxMachine, linuxWords } from "./linux_machine.ts";
import { assertReplays } from "./replayed.ts";

linuxTest(
  "Linux reboots, finds what it has written before, and the replay reboots, too",
  () =>
    withFolder(async (folder) => {
      const disk = await freshDisk(folder);
      const log = `${folder}/reboot.log`;
      const words = linuxWords("record", { disks: [disk], words: ["-o", log] });
      await using machine = new LinuxMachine(words);
      await machine.prompt();
      await machine.command("echo kept >/disk/note; umount /disk");
      await machine.type("reboot -f\n");
      await machine.prompt();
      assertEquals(await machine.command("cat /disk/note"), "kept\n");
      await machine.type("poweroff\n");
      const { code, stdout, stderr } = await machine.end();
      assertEquals(code, 0, stderr);
      await assertSoundDisk(disk);
      await assertReplays({ log, console: stdout, code });
    }),
);
