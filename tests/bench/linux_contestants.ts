/**
 * Who runs Debian's Linux, and what it does. The peers get the same kernel, initial RAM disk, disk image, memory and
 * command line. QEMU's recordings have a `blkreplay` node in front of the disk, as its record/replay demands.
 */
import { linuxGuest } from "../linux/linux_guest.ts";
import { QEMU } from "./installed.ts";
import { type CommandLine, lockstepCommand } from "./lockstep_command.ts";

/** Memory of the guest. */
export const RAM_MEBIBYTES = 256;
const TRANSACTIONS = 100;

/** What the guest does. Its time is that between two lines of the console, or of the whole process. */
export interface Load {
  readonly name: string;
  readonly what: string;
  readonly append: string;
  readonly from?: RegExp;
  readonly to?: RegExp;
}

const QUIET = "quiet cryptomgr.notests";
/** All of them. */
export const loads: readonly Load[] = [
  {
    ...{ name: "boot", what: "boot to power-off, with the process's start" },
    append: `${QUIET} lockstep.script=check`,
  },
  {
    ...{ name: "sqlite", what: `${TRANSACTIONS} transactions of sqlite3, each forced to the disk` },
    append: `${QUIET} lockstep.script=sqlite lockstep.rounds=${TRANSACTIONS}`,
    ...{ from: /^receipt 1\r?$/, to: new RegExp(`^receipt ${TRANSACTIONS}\\r?$`) },
  },
];

/** Who runs it, from an append, a disk image and a folder for the log. */
export const contestants: Readonly<
  Record<string, (append: string, disk: string, folder: string) => CommandLine>
> = {
  "run": (append, disk) => here("run", append, disk),
  "record": (append, disk, folder) => here("record", append, disk, "-o", `${folder}/linux.log`),
  "qemu": (append, disk) => onQemu(append, ["-drive", `if=none,id=disk,driver=raw,file=${disk}`]),
  "qemu record": (append, disk, folder) =>
    onQemu(append, [
      ...["-drive", `if=none,id=image,driver=raw,file=${disk}`],
      ...["-drive", "if=none,id=disk,driver=blkreplay,image=image"],
      ...["-icount", `shift=0,rr=record,rrfile=${folder}/qemu.log`],
    ]),
};

function here(command: string, append: string, disk: string, ...more: string[]): CommandLine {
  const { kernel, initrd } = linuxGuest();
  return lockstepCommand(
    ...[command, "--quiet", "--kernel", kernel, "--initrd", initrd, "--append", append],
    ...["--ram", `${RAM_MEBIBYTES}`, "--disk", disk, ...more],
  );
}

function onQemu(append: string, disk: readonly string[]): CommandLine {
  const { kernel, initrd } = linuxGuest();
  return [
    ...[QEMU, "-M", "virt", "-m", `${RAM_MEBIBYTES}`, "-display", "none"] as const,
    ...["-serial", "stdio", "-monitor", "none", "-global", "virtio-mmio.force-legacy=false"],
    ...["-kernel", kernel, "-initrd", initrd, "-append", append, ...disk],
    ...["-device", "virtio-scsi-device,id=scsi", "-device", "scsi-hd,drive=disk,bus=scsi.0"],
  ];
}
