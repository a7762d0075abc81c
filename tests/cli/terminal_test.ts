import { assert, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { shellLine } from "./lockstep_process.ts";

/** What a person sees who runs this at a terminal: `script` makes a pseudo-terminal. */
async function seen(words: readonly string[], folder: string): Promise<string> {
  const line = `timeout --signal=INT 3 ${shellLine(words)}`;
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", line, "/dev/null"],
    cwd: folder,
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("a terminal has a status line with role, epoch, lag, log rate and speed", () =>
  withFolder(async (folder) => {
    const text = await seen(["record", "rtc-spin", "-o", "log"], folder);
    assertMatch(text, /running {2}epoch \d+ {2}lag 0 {2}log [\d.]+ k?M?B\/s {2}[\d.]+ MIPS/);
    assertMatch(text, /lockstep: Stopped cleanly\r\n$/);
  }));

Deno.test("at a terminal a primary without a backup says SOLO in reverse video", () =>
  withFolder(async (folder) => {
    const text = await seen(["primary", "rtc-spin"], folder);
    assert(text.includes("\x1b[7m SOLO  epoch "), text);
  }));

Deno.test("--quiet has plain lines on a terminal, too", () =>
  withFolder(async (folder) => {
    const text = await seen(["record", "rtc-spin", "-o", "log", "--quiet"], folder);
    assertMatch(text, /^rtc-spin: [^\r\n]*\r\nlockstep: Stopped cleanly\r\n$/);
  }));
