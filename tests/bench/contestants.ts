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
  /** What to run, in a folder of the round; the guest does so many percent of its work. */
  readonly command: (folder: string, scale: number) => CommandLine;
}

const elf = new URL("../../fixtures/bench.elf", import.meta.url).pathname;
/** Long enough for a backup to start and to join. */
const JOINING = "wait=1500";

const lockstep = (command: string, append: string, ...more: readonly string[]) =>
  lockstepCommand(command, "bench", "--quiet", "--append", append, ...more);

const qemu = (append: string, ...more: readonly string[]): CommandLine => [
  ...[QEMU, "-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none"] as const,
  ...["-serial", "stdio", "-kernel", elf, "-append", append, ...more],
];

const backup = (folder: string) =>
  `exec:${lockstepLine("backup", "-", "--arbiter", `${folder}/arbiter`, "--quiet")}`;

/** All of them. */
export const contestants: readonly Contestant[] = [
  {
    ...{ name: "native", needs: GCC },
    command: (folder, scale) => [`${folder}/../native`, `${scale}`],
  },
  { name: "run", command: (_, scale) => lockstep("run", `scale=${scale}`) },
  {
    name: "record",
    command: (folder, scale) => lockstep("record", `scale=${scale}`, "-o", `${folder}/bench.log`),
  },
  {
    ...{ name: "replay", printsAtEnd: true },
    command: (folder) => lockstepCommand("replay", `${folder}/bench.log`, "--quiet"),
  },
  {
    name: "protected",
    command: (folder, scale) =>
      lockstep(
        ...["primary", `scale=${scale} ${JOINING}`] as const,
        ...["--arbiter", `${folder}/arbiter`, "--to", backup(folder)],
      ),
  },
  { name: "qemu", needs: QEMU, command: (_, scale) => qemu(`scale=${scale}`) },
  {
    ...{ name: "qemu record", needs: QEMU },
    command: (folder, scale) =>
      qemu(`scale=${scale}`, "-icount", `shift=0,rr=record,rrfile=${folder}/qemu.log`),
  },
];
