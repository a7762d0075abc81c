/** Which programs of others this host has. */

/** QEMU for the guests' architecture. */
export const QEMU = "qemu-system-riscv64";

/** Whether a command can be run. */
export async function isInstalled(command: string): Promise<boolean> {
  const args = ["-c", `command -v ${command}`];
  return (await new Deno.Command("sh", { args, stdout: "null" }).output()).success;
}
