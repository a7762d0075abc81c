/** A recording of Debian's Linux, for measurements of debugging. */
import { lockstep } from "../cli/lockstep_process.ts";

/** Records a guest that runs a script, to its power-off; answers the log's path. */
export async function recordLinux(folder: string, script: string): Promise<string> {
  // The module asks for the guest as soon as it is loaded.
  const { freshDisk } = await import("../linux/linux_guest.ts");
  const { linuxWords } = await import("../linux/linux_machine.ts");
  const log = `${folder}/linux.log`;
  const { code, stderr } = await lockstep(linuxWords("record", {
    append: `quiet lockstep.script=${script}`,
    disks: [await freshDisk(folder)],
    words: ["-o", log, "--quiet"],
  }));
  if (code !== 0) throw new Error(stderr);
  return log;
}
