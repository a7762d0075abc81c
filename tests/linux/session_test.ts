/** A person's session at Debian's shell: typed, recorded, and replayed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { assertSoundDisk } from "./disk_check.ts";
import { freshDisk, linuxTest } from "./linux_guest.ts";
import { LinuxMachine, linuxWords } from "./linux_machine.ts";
import { assertReplays, assertReplaysFromSnapshots, countSnapshots } from "./replayed.ts";

linuxTest(
  "Linux boots to a shell, does what is typed and gives its exit code; the log replays all of it",
  () =>
    withFolder(async (folder) => {
      const disk = await freshDisk(folder);
      const log = `${folder}/session.log`;
      await using machine = new LinuxMachine(linuxWords("record", {
        append: "loglevel=7",
        cipherTests: true,
        disks: [disk],
        words: ["-o", log, "--snapshot-every", "500000000"],
      }));
      await machine.screen.shows(/Linux version \d/);
      await machine.prompt();
      assertMatch(await machine.command("uname -sm"), /^Linux riscv64\n/);
      assertEquals(await machine.command("echo $((6 * 7))"), "42\n");
      const date = await machine.command("date -u +%s");
      // The guest's time of day is this host's.
      assert(Math.abs(Number(date) - Date.now() / 1000) < 3600, date);
      assertMatch(await machine.command("seq 1000 | sha256sum"), /^67d4ff71d43921d5739f387da0/);
      assertMatch(await machine.command("session"), /\nsession: done\n$/);
      // Ctrl-C ends a command, not the machine. The command itself says that it is in the foreground: the shell keeps
      // a Ctrl-C that comes while it starts one to itself until that one has ended.
      await machine.type("sh -c 'echo $((40 + 2)); exec sleep 1000'\n");
      await machine.screen.shows(/^42\r$/m);
      await machine.type("\x03");
      await machine.prompt();
      await machine.type("exit 5\n");
      const { code, stdout, stderr } = await machine.end();
      assertEquals(code, 5, stderr);
      await assertSoundDisk(disk);

      const recorded = { log, console: stdout, code };
      await assertReplays(recorded);
      const snapshots = await countSnapshots(log);
      assert(snapshots > 2, `Only ${snapshots} key snapshots`);
      await assertReplaysFromSnapshots(recorded, snapshots);
    }),
);
