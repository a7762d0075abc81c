/** Options that several commands share. */
import { maximumBootArgumentsLength } from "../board/configuration.ts";
import { DEFAULT_ENGINE, type EngineName, engineNames } from "../cpu/engine.ts";
import {
  choiceOption,
  flag,
  numberOption,
  type Operand,
  type Option,
  sizeOption,
  stepsOption,
  textOption,
  UsageError,
} from "./command.ts";
import { diskOption } from "./disk_argument.ts";
import { networkOption } from "./network_option.ts";

/** The guest's memory. */
export const ramOption: Option<number> = numberOption(
  "ram",
  "MIB",
  "Guest memory in MiB (default 64, with a kernel 256)",
  {
    least: 2,
    most: 2048,
  },
);

/** Makes missing images. */
export const createDiskOption: Option<number> = sizeOption(
  "create-disk",
  "Make a disk image that is missing, of this size (8M), all zeros",
);

/** A slow disk. */
export const diskLatencyOption: Option<number> = numberOption(
  "disk-latency",
  "MS",
  "Let each disk operation take at least so many milliseconds, as a slow disk's do",
  { least: 0, most: 60_000 },
);

/** A disk that another host sees, too. */
export const diskSyncOption: Option<boolean> = flag(
  "disk-sync",
  "A write is done once it is on the medium: for a disk that is shared across hosts",
);

/** The bill file. */
export const billsOption: Option<string> = textOption(
  "bills",
  "FILE",
  "Give the machine a bill port that appends to FILE, each bill at its place exactly once",
);

/** Random bytes. */
export const rngOption: Option<boolean> = flag(
  "rng",
  "Give the machine a source of random bytes (virtio-rng); they are in the log",
);

/** The console file. */
export const consoleOption: Option<string> = textOption(
  "console",
  "FILE",
  "Append console output to FILE, each byte at its place exactly once (default: standard output)",
);

/** Boot arguments. */
export const appendOption: Option<string> = {
  ...textOption("append", "TEXT", "Boot arguments, for the device tree"),
  parse(text) {
    if (/^[ -~]*$/.test(text) && text.length <= maximumBootArgumentsLength) return text;
    const found = /^[ -~]*$/.test(text) ? `not ${text.length}` : "not others";
    throw new UsageError(
      `--append takes at most ${maximumBootArgumentsLength} printable ASCII characters, ${found}`,
    );
  },
};

/** What boots. */
export const guestOperand: Operand = {
  name: "GUEST",
  optional: true,
  help: "An ELF or raw image, or the name of a built guest; left out with --kernel",
};

/** A kernel. */
export const kernelOption: Option<string> = textOption(
  "kernel",
  "IMAGE",
  "Boot a RISC-V Linux kernel: an Image, also compressed with gzip",
);

/** Its RAM disk. */
export const initrdOption: Option<string> = textOption(
  "initrd",
  "FILE",
  "The kernel's initial RAM disk",
);

/** Firmware. */
export const biosOption: Option<string> = textOption(
  "bios",
  "FILE|sbi|none",
  "Firmware: a FILE that runs in M-mode before the kernel, such as OpenSBI; sbi, built in (default " +
    "with a kernel); none enters GUEST in M-mode directly (default without)",
);

/** Overrides another run's claim. */
export const newRunOption: Option<boolean> = flag(
  "new-run",
  "Start even when the disk belongs to another run, whose backups are then left behind",
);

/** Who may write when there is no disk. */
export const arbiterOption: Option<string> = textOption(
  "arbiter",
  "FILE",
  "File to lock in place of a disk: whoever holds it is the active machine",
);

/** The length of epochs. */
export const epochStepsOption: Option<number> = numberOption(
  "epoch-steps",
  "STEPS",
  "Longest epoch in steps (default 10000000)",
  { least: 1, most: 2 ** 28 },
);

/** Where a replay can be entered. */
export const snapshotEveryOption: Option<number> = stepsOption(
  "snapshot-every",
  "Put a key snapshot into log files at least every so many steps (100M), to enter a replay there",
  1000,
);

/** What executes. */
export const engineOption: Option<EngineName> = choiceOption(
  "engine",
  engineNames,
  `What executes the guest (default ${DEFAULT_ENGINE.engine}); all do the same, and mixed, which translates hot ` +
    "code to WebAssembly, does it faster",
);

/** Plain lines. */
export const quietOption: Option<boolean> = flag("quiet", "No status line, only plain lines");

/** For programs. */
export const notesOption: Option<"lines" | "json"> = choiceOption(
  "notes",
  ["lines", "json"],
  "How to tell on standard error what happens: lines for people, or JSON for programs",
);

/** What a machine that boots can be given. */
export const bootOptions = [
  ramOption,
  diskOption,
  createDiskOption,
  diskLatencyOption,
  diskSyncOption,
  billsOption,
  rngOption,
  consoleOption,
  networkOption,
  kernelOption,
  initrdOption,
  appendOption,
  biosOption,
  arbiterOption,
  newRunOption,
  epochStepsOption,
  engineOption,
  quietOption,
  notesOption,
];
