/** QEMU runs the same guest, so it says what our machine must say. */
import { assert, assertEquals } from "@std/assert";
import { hasQemu } from "../guests/qemu.ts";
import { linuxTest } from "./linux_guest.ts";
import { LinuxMachine, linuxWords, WITHOUT_CIPHER_TESTS } from "./linux_machine.ts";
import { QemuLinux } from "./qemu_linux.ts";

const NAME = "a scripted session of Linux says the same on our machine and on QEMU";
const APPEND = "quiet lockstep.script=session";

/** What the script has said, but for the time of day. */
function sayings(console: string): readonly string[] {
  return [...console.matchAll(/^session: .*$/gm)].map(([line]) =>
    line.trimEnd().replace(/\d{4}-\d\d-\d\dT[\d:]+Z/, "NOW")
  );
}

async function compare(): Promise<void> {
  await using machine = new LinuxMachine(linuxWords("run", { append: APPEND }));
  await using peer = new QemuLinux(`${WITHOUT_CIPHER_TESTS} ${APPEND}`);
  const { code, stdout, stderr } = await machine.end();
  assertEquals([code, await peer.end()], [0, 0], stdout + stderr);
  assert(sayings(stdout).includes("session: done"), stdout);
  assertEquals(sayings(stdout), sayings(peer.screen.seen));
}

if (hasQemu) linuxTest(NAME, compare);
else Deno.test({ name: `${NAME} (QEMU is not installed)`, ignore: true, fn: compare });
