import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { shellLine } from "./lockstep_process.ts";
import { Terminal } from "./terminal.ts";

const INTERRUPT = "\x03";

Deno.test("a terminal has a status line with role, epoch, lag, log rate and speed", () =>
  withFolder(async (folder) => {
    await using terminal = new Terminal(
      shellLine(["record", "rtc-spin", "-o", "log", "--console", "c"]),
      folder,
    );
    await terminal.shows(/running {2}epoch \d+ {2}lag 0 {2}log [\d.]+ k?M?B\/s {2}[\d.]+ MIPS/);
    await terminal.type(INTERRUPT);
    assertEquals(await terminal.end(), 0);
    assertMatch(terminal.seen, /lockstep: Stopped cleanly\r\n$/);
  }));

Deno.test("a terminal with the guest's console has no status line, but is told when SOLO begins", () =>
  withFolder(async (folder) => {
    await using terminal = new Terminal(shellLine(["primary", "rtc-spin"]), folder);
    await terminal.shows(/lockstep: SOLO {2}epoch /);
    await terminal.type("\x01x");
    assertEquals(await terminal.end(), 0);
    // deno-lint-ignore no-control-regex -- the escape sequence is what must not be there
    assertNotMatch(terminal.seen, /\x1b/);
  }));

Deno.test("at a terminal a primary without a backup says SOLO in reverse video", () =>
  withFolder(async (folder) => {
    await using terminal = new Terminal(
      shellLine(["primary", "rtc-spin", "--console", "c"]),
      folder,
    );
    // deno-lint-ignore no-control-regex -- the escape sequence is what is looked for
    await terminal.shows(/\x1b\[7m SOLO {2}epoch /);
  }));

Deno.test("--quiet has plain lines on a terminal, too", () =>
  withFolder(async (folder) => {
    const line = shellLine(["record", "rtc-spin", "-o", "log", "--quiet"]);
    await using terminal = new Terminal(line, folder);
    await terminal.shows(/^rtc-spin: .*\r\n/);
    await terminal.type("\x01x");
    assertEquals(await terminal.end(), 0);
    assertMatch(
      terminal.seen,
      /^rtc-spin: .*\r\nlockstep: Log of .*\r\nlockstep: Stopped cleanly\r\n$/,
    );
  }));
