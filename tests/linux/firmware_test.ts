/** Debian's OpenSBI in M-mode below Debian's kernel, in place of the SBI that is built in. */
import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { freshDisk, linuxGuest, linuxTest } from "./linux_guest.ts";
import { LinuxMachine, linuxWords } from "./linux_machine.ts";
import { assertReplays } from "./replayed.ts";

linuxTest(
  "Debian's OpenSBI boots the same kernel to the same shell, and the log replays it",
  () =>
    withFolder(async (folder) => {
      const disk = await freshDisk(folder);
      const log = `${folder}/firmware.log`;
      await using machine = new LinuxMachine(linuxWords("record", {
        disks: [disk],
        words: ["--bios", linuxGuest().bios, "-o", log],
      }));
      await machine.screen.shows(/OpenSBI v\d/);
      await machine.prompt();
      assertMatch(await machine.command("dmesg | grep 'SBI impl'"), /SBI implementation ID=0x1 /);
      assertMatch(await machine.command("session"), /\nsession: done\n$/);
      await machine.type("exit 3\n");
      const { code, stdout, stderr } = await machine.end();
      assertEquals(code, 3, stderr);
      await assertReplays({ log, console: stdout, code });
    }),
);
