/** A machine's console at a terminal, as a person uses it. */
import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { shellLine } from "./lockstep_process.ts";
import { Terminal } from "./terminal.ts";

const QUIT = "\x01x";

/** What a person sees who asks for the terminal's mode after a command. */
const MODE =
  "stty -a | tr ';' '\\n' | grep -o -E -e '-?(icanon|isig|echo|icrnl)( |$)' | tr -d '\\n '";
const AS_BEFORE = /mode icrnlisigicanonecho\r\n/;

/** Lines of a shell, whose foreground the terminal is. */
async function shell(folder: string, ...lines: readonly string[]): Promise<Terminal> {
  await Deno.writeTextFile(`${folder}/script`, lines.map((line) => `${line}\n`).join(""));
  return new Terminal("sh script", folder);
}

for (const command of ["run echo", "record echo -o log", "primary echo"]) {
  Deno.test(`lockstep ${command} at a terminal gives every key to the guest, and Ctrl-A X quits`, () =>
    withFolder(async (folder) => {
      await using terminal = await shell(
        folder,
        shellLine(command.split(" ")),
        `echo "code $?"; echo "mode $(${MODE})"`,
      );
      await terminal.shows(/lockstep: Ctrl-A X quits, Ctrl-A H tells more\r\n/);
      await terminal.shows(/Ctrl-D ends/);
      await terminal.type("q");
      await terminal.shows(/ends\r\n(lockstep.*\r\n)?q$/);
      await terminal.type("\x03\x1a\x01\x01;");
      // deno-lint-ignore no-control-regex -- these are the keys
      await terminal.shows(/q\x03\x1a\x01;$/);
      await terminal.type("\x01h");
      await terminal.shows(
        /\r\nlockstep: Ctrl-A X quits, Ctrl-A Ctrl-A or Ctrl-A A types a Ctrl-A/,
      );
      await terminal.type(QUIT);
      await terminal.shows(/lockstep: Stopped cleanly\r\n/);
      await terminal.shows(/code 0\r\n/);
      await terminal.shows(AS_BEFORE);
      assertEquals(await terminal.end(), 0);
    }));
}

Deno.test("Ctrl-A X works also while the guest does not read what is typed", () =>
  withFolder(async (folder) => {
    await using terminal = new Terminal(shellLine(["run", "rtc-spin"]), folder);
    await terminal.shows(/rtc-spin: /);
    for (let line = 0; line < 100; line++) await terminal.type("x".repeat(200));
    await terminal.type(QUIT);
    assertEquals(await terminal.end(), 0);
    assertMatch(terminal.seen, /lockstep: Stopped cleanly\r\n$/);
  }));

Deno.test("a machine in the background of a terminal runs, and leaves the terminal alone", () =>
  withFolder(async (folder) => {
    await using terminal = await shell(
      folder,
      "set -m",
      `${shellLine(["run", "echo"])} &`,
      `read -r line; echo "read $line"; kill -TERM $!`,
      `wait $!; echo "code $?"; echo "mode $(${MODE})"`,
    );
    await terminal.shows(/Ctrl-D ends/);
    await terminal.type("typed\r");
    await terminal.shows(/read typed\r\n/);
    await terminal.shows(/code 0\r\n/);
    await terminal.shows(AS_BEFORE);
  }));

Deno.test("a machine in the background that is brought to the foreground has the terminal", () =>
  withFolder(async (folder) => {
    await using terminal = await shell(
      folder,
      "set -m",
      `${shellLine(["run", "echo"])} &`,
      "sleep 1; kill -STOP $!; fg",
      `echo "code $?"; echo "mode $(${MODE})"`,
    );
    await terminal.shows(/Ctrl-A X quits/);
    await terminal.type("w");
    await terminal.shows(/w$/);
    await terminal.type(QUIT);
    await terminal.shows(/code 0\r\n/);
    await terminal.shows(AS_BEFORE);
  }));

Deno.test("after a SIGKILL the promoted backup has its primary's terminal, and gives it back", () =>
  withFolder(async (folder) => {
    const primary = ["primary", "echo", "--arbiter", "arbiter", "-o", "-"];
    const backup = ["backup", "-", "--arbiter", "arbiter"];
    await Deno.writeFile(`${folder}/arbiter`, new Uint8Array(0));
    await using terminal = await shell(
      folder,
      `sh -c 'echo $$ >pid; exec "$@"' - ${shellLine(primary)} | ${shellLine(backup)}`,
      `echo "code $?"; echo "mode $(${MODE})"`,
    );
    await terminal.shows(/Ctrl-A X quits/);
    await terminal.shows(/Following run/);
    await terminal.shows(/has joined: protected/);
    await terminal.type("1");
    await terminal.shows(/1$/);
    Deno.kill(Number(await Deno.readTextFile(`${folder}/pid`)), "SIGKILL");
    await terminal.shows(/Promoted: goes live in term 2/);
    await terminal.shows(/goes live.*\r\n[^]*The console is at this terminal: Ctrl-A X quits/);
    await terminal.type("2\x03");
    // deno-lint-ignore no-control-regex -- that is the key
    await terminal.shows(/2\x03$/);
    await terminal.type(QUIT);
    await terminal.shows(/code 0\r\n/);
    await terminal.shows(AS_BEFORE);
  }));
