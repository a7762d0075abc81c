/** Command lines that make no sense: one clear line each, nothing made, a documented exit code. */
import { assertEquals } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { lockstep } from "./lockstep_process.ts";

const USAGE = 64;
const REFUSED = 65;

/** What is wrong, the words, the exit code, and the line, after "lockstep: ". */
const CASES: Readonly<Record<string, readonly [string[], number, string | RegExp]>> = {
  "a console that is a folder": [
    ["run", "hello", "--console", "."],
    REFUSED,
    "Cannot open .: it is a directory: name a file",
  ],
  "a trace of standard input": [
    ["trace", "-"],
    USAGE,
    "trace needs a log in a file, not standard input",
  ],
  "a comparison with standard input": [
    ["diff", "a.log", "-"],
    USAGE,
    "diff needs logs in files, not standard input",
  ],
  "a limit of copies that nobody is given": [
    ["backup", "a.log", "--debug-limit", "1G"],
    USAGE,
    "--debug-limit is for --debug",
  ],
  "a debugger's port that others can reach": [
    ["backup", "a.log", "--debug", "0.0.0.0:1234"],
    USAGE,
    /^--debug must be a port of this host alone, such as 127\.0\.0\.1:1234, .*$/,
  ],
  "a console in a folder that is not there": [
    ["run", "hello", "--console", "absent/console"],
    REFUSED,
    "Cannot open absent/console: its folder does not exist: check the path",
  ],
  "a console that is a device": [
    ["run", "hello", "--console", "/dev/full"],
    REFUSED,
    "Cannot open /dev/full: this process may not use it: name a plain file",
  ],
  "a console without a name": [
    ["run", "hello", "--console", ""],
    USAGE,
    "--console needs a value: FILE; see lockstep run --help",
  ],
  "no memory": [
    ["run", "hello", "--ram", "0"],
    USAGE,
    /^--ram must be a whole number from 2 to 2048, not "0"/,
  ],
  "more memory than there may be": [
    ["run", "hello", "--ram", "4096"],
    USAGE,
    /^--ram must be a whole number from 2 to 2048, not "4096"/,
  ],
  "memory that is no number": [
    ["run", "hello", "--ram", "much"],
    USAGE,
    /^--ram must be a whole number from 2 to 2048, not "much"/,
  ],
  "boot arguments that are too long": [
    ["run", "hello", "--append", "x".repeat(2049)],
    USAGE,
    /^--append takes at most 2048 printable ASCII characters, not 2049; /,
  ],
  "boot arguments of more than one line": [
    ["run", "hello", "--append", "a\nb"],
    USAGE,
    /^--append takes at most 2048 printable ASCII characters, not others; /,
  ],
  "a console that is the disk": [
    ["run", "hello", "--disk", "d.img", "--create-disk", "1M", "--console", "./d.img"],
    REFUSED,
    "Cannot use ./d.img as the console: it is a disk already",
  ],
  "a bill file that is the console": [
    ["run", "hello", "--bills", "out", "--console", "out"],
    REFUSED,
    "Cannot use out as the console: it is the bill file already",
  ],
  "a log that is the console": [
    ["record", "hello", "-o", "out", "--console", "out"],
    REFUSED,
    "Cannot use out as the log: it is the console already",
  ],
  "a primary's log that is the disk": [
    ["primary", "hello", "--disk", "d.img", "--create-disk", "1M", "--to", "d.img"],
    REFUSED,
    "Cannot use d.img as the log: it is a disk already",
  ],
  "a backup's log that is its console": [
    ["backup", "in.log", "--console", "in.log"],
    REFUSED,
    "Cannot use in.log as the log: it is the console already",
  ],
  "a guest that is a folder": [
    ["run", "."],
    REFUSED,
    "Cannot read guest .: it is a directory: name a file",
  ],
  "a kernel that is a folder": [
    ["run", "--kernel", "."],
    REFUSED,
    "Cannot read the kernel .: it is a directory: name a file",
  ],
  "a kernel that never ends": [
    ["run", "--kernel", "/dev/zero", "--ram", "4"],
    REFUSED,
    "Cannot read the kernel /dev/zero: it does not end within 4 MiB",
  ],
  "an empty kernel": [
    ["run", "--kernel", "/dev/null"],
    REFUSED,
    "Cannot load the kernel: the file is empty (/dev/null)",
  ],
  "a kernel that is the console": [
    ["run", "--kernel", "Image", "--console", "Image"],
    REFUSED,
    "Cannot use Image as the kernel: it is the console already",
  ],
  "a disk to be made that has no name": [
    ["run", "hello", "--create-disk", "8M"],
    USAGE,
    "--create-disk makes the image that --disk names: give --disk IMG with it",
  ],
  "a log that is a folder": [
    ["replay", "."],
    REFUSED,
    "Cannot open log .: it is a directory: name a file",
  ],
  "a log to go to a place of that is a device": [
    ["replay", "/dev/zero", "--to", "5"],
    REFUSED,
    /^Cannot (?:open|use) \/dev\/zero: /,
  ],
  "a log that is the console of its replay": [
    ["replay", "run.log", "--console", "./run.log"],
    REFUSED,
    "Cannot use ./run.log as the console: it is the log already",
  ],
  "a trace in place of its log": [
    ["trace", "run.log", "-o", "./run.log"],
    REFUSED,
    "Cannot use ./run.log as the trace: it is the log already",
  ],
  "a trace in place of its symbols": [
    ["trace", "run.log", "--symbols", "guest.elf@0x10", "-o", "guest.elf"],
    REFUSED,
    "Cannot use guest.elf as the trace: it is symbols already",
  ],
  "logs in a folder that is not there": [
    ["record", "hello", "-o", "absent/log", "--limit", "100M"],
    REFUSED,
    "Cannot open absent/log.1: its folder does not exist: check the path",
  ],
  "snapshots too often": [
    ["record", "hello", "-o", "log", "--snapshot-every", "10"],
    USAGE,
    /^--snapshot-every must be at least 1000 steps, such as 500k, 100M or 2G, not "10"; /,
  ],
};

for (const [what, [words, code, line]] of Object.entries(CASES)) {
  Deno.test(`refused in one line, and nothing is made: ${what}`, () =>
    withFolder(async (folder) => {
      const ended = await lockstep(words, { folder });
      const told = /^lockstep: (.*)\n$/.exec(ended.stderr)?.[1] ?? ended.stderr;
      const fits = typeof line === "string" ? told === line : line.test(told);
      assertEquals([ended.code, fits ? line : told, ended.stdout], [code, line, ""]);
      assertEquals([...Deno.readDirSync(folder)], []);
    }));
}
