/** Who runs the guest `bench`, in the order of a round: the replay has the log of the recording. */
import { QEMU } from "./installed.ts";
import { type CommandLine, lockstepCommand, lockstepLine } from "./lockstep_command.ts";
import { GCC } from "./native.ts";

/** A contestant. */
export interface Contestant {
  readonly name: string;
  /** What else must be installed. */
  readonly needs?: string;
  /** Whether it prints all at its end, so that its phases cannot be told apart from outside. */
  readonly printsAtEnd?: boolean;
  /** What to run, in a folder of the round. */
  readonly command: (folder: string) => CommandLine;
}

const elf = new URL("../../fixtures/bench.elf", import.meta.url).pathname;
/** Long enough for a backup to start and to join. */
const JOINING = "wait=1500";

const qemu = (folder: string, ...more: readonly string[]): CommandLine => [
  ...[QEMU, "-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none"] as const,
  ...["-serial", "stdio", "-kernel", elf],
  ...more.map((word) => word.replace("FOLDER", folder)),
];

const backup = (folder: string) =>
  `exec:${lockstepLine("backup", "-", "--arbiter", `${folder}/arbiter`, "--quiet")}`;

/** All of them. */
export const contestants: readonly Contestant[] = [
  { name: "native", needs: GCC, command: (folder) => [`${folder}/../native`] },
  { name: "run", command: () => lockstepCommand("run", "bench", "--quiet") },
  {
    name: "record",
    command: (folder) => lockstepCommand("record", "bench", "--quiet", "-o", `${folder}/bench.log`),
  },
  {
    ...{ name: "replay", printsAtEnd: true },
    command: (folder) => lockstepCommand("replay", `${folder}/bench.log`, "--quiet"),
  },
  {
    name: "protected",
    command: (folder) =>
      lockstepCommand(
        ...["primary", "bench", "--quiet", "--append", JOINING],
        ...["--arbiter", `${folder}/arbiter`, "--to", backup(folder)],
      ),
  },
  { name: "qemu", needs: QEMU, command: (folder) => qemu(folder) },
  {
    name: "qemu record",
    needs: QEMU,
    command: (folder) => qemu(folder, "-icount", "shift=0,rr=record,rrfile=FOLDER/qemu.log"),
  },
];
