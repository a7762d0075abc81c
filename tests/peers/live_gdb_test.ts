/** gdb itself attaches to a backup while the primary lives, and debugs on while the backup takes over. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import { Site } from "../cli/debugged_site.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { gdb, hasGdb } from "./gdb.ts";

const TELLER = new URL("../../fixtures/teller.elf", import.meta.url).pathname;

function gdbTest(name: string, test: (folder: string) => Promise<void>): void {
  Deno.test({
    name: hasGdb ? name : `${name} (needs gdb-multiarch)`,
    ignore: !hasGdb,
    fn: () => withFolder(test),
  });
}

gdbTest(
  "gdb steps backwards on its copy while the primary is killed and the backup takes over",
  async (folder) => {
    await using site = await Site.open(folder, "transfers=600 pace=10");
    const { primary, backup, connect } = site;
    const shown = await gdb(TELLER, [
      connect,
      "monitor when",
      "stepi 20",
      "reverse-stepi 5",
      "break interrupts_enable",
      "continue",
      `shell kill -9 ${primary.pid}`,
      "monitor follow",
      "reverse-stepi",
      "reverse-continue",
      // The promoted machine goes on meanwhile.
      "delete",
      "break power_off",
      "continue",
      "delete",
      "continue",
      "reverse-stepi",
      "monitor when",
    ], folder);
    const all = shown.join("\n--\n");
    const [, when, , , , stopped, , killed, back, further, , , ending, , ended, before, there] =
      shown;
    assertMatch(when!, /^step \d+ {2}epoch \d+ /, all);
    assertMatch(stopped!, /Breakpoint 1, .* in interrupts_enable \(\)/, all);
    assertMatch(killed!, /^The log has steps \d+ to \d+.*\ncontinue waits there/, all);
    assertMatch(back!, / in tasks_run \(\)/, all);
    assertMatch(further!, /No more reverse-execution history|Breakpoint 1/, all);
    assertMatch(ending!, /Breakpoint 2, .* in power_off/, all);
    assertMatch(
      ended!,
      /powered off here, with exit code 0\n\nNo more reverse-execution history/,
      all,
    );
    assertMatch(before!, /in power_off \(\)/, all);
    assertMatch(there!, /^step \d+ /, all);
    assertEquals((await backup.end()).code, 0, backup.said);
    assertMatch(backup.said, /Promoted: goes live in term 2/);
    const read = (name: string) => Deno.readFileSync(`${folder}/${name}`);
    const verdict = audit({ disk: read("d.img"), bills: read("bills"), console: read("console") });
    assertEquals([verdict.sound, verdict.finished], [true, true]);
  },
);

gdbTest(
  "gdb waits for what the machine is about to do, until it happens or Ctrl-C",
  async (folder) => {
    await using site = await Site.open(folder, "transfers=4000 pace=4");
    const { backup, connect } = site;
    const child = new Deno.Command("sh", {
      args: [
        ...["-c", 'exec gdb-multiarch "$@" 2>&1', "gdb"],
        ...[
          "-q",
          "-batch",
          "-nx",
          "-iex",
          "set remotetimeout 60",
          TELLER,
          "-ex",
          connect,
          "-ex",
          "break bank_receipt",
        ],
        ...["-ex", "continue", "-ex", "delete", "-ex", "echo waiting\\n", "-ex", "continue"],
        ...["-ex", "monitor when", "-ex", "detach"],
      ],
      ...{ stdin: "null", stdout: "piped", stderr: "null", env: { NO_COLOR: "1" } },
    }).spawn();
    let shown = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const before = shown;
      shown += text;
      if (shown.includes("waiting\n") && !before.includes("waiting\n")) {
        setTimeout(() => child.kill("SIGINT"), 500);
      }
    }
    await child.status;
    assertMatch(shown, /signal SIGINT, Interrupt\.[^]*step \d+ {2}epoch \d+ /);
    await backup.says(/gdb has detached/);
    // One that comes again sees the machine as it is then.
    const step = (text: string) => Number(/^step (\d+) /m.exec(text)![1]);
    const [, now] = await gdb(TELLER, [connect, "monitor when", "kill"], folder);
    assert(step(now!) >= step(shown), `${now} ${shown}`);
    await backup.says(/gdb has ended the session/);
  },
);
