/**
 * Debian's Linux for tests: from the cache that `deno task linux` fills, or the reason why it is not there.
 *
 * A mirror that cannot serve riscv64 at this moment makes tests "ignored", everywhere. A host that cannot
 * fetch it does so, too, except where LOCKSTEP_REQUIRE_PEERS=1 says that it must.
 */
import { GUEST_FILES } from "../../guests/linux/assemble.ts";
import { exitCodes } from "../../guests/linux/trouble.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;

/** Paths of the guest's files. None may be changed: `freshDisk` makes a copy. */
export type LinuxGuest = { readonly [file in keyof typeof GUEST_FILES]: string };

const found = await fetchGuest();

/** The guest. Only within a `linuxTest`. */
export function linuxGuest(): LinuxGuest {
  if (typeof found === "string") throw new Error(`There is no Linux guest: ${found}`);
  return found;
}

/** A test that needs the guest; without it "ignored", with the reason in its name. */
export function linuxTest(name: string, fn: () => Promise<void>): void {
  if (typeof found === "string") {
    Deno.test({ name: `${name} (no Linux guest: ${found})`, ignore: true, fn });
  } else Deno.test(name, fn);
}

/** A copy of the guest's disk image in `folder`. */
export async function freshDisk(folder: string, name = "disk.img"): Promise<string> {
  const path = `${folder}/${name}`;
  await Deno.copyFile(linuxGuest().disk, path);
  return path;
}

/** Several test files ask at the same time: the task lets one of them work and the others wait. */
async function fetchGuest(): Promise<LinuxGuest | string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", `--config=${PROJECT}deno.json`, "linux"],
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stderr);
  if (code === 0) {
    const folder = new TextDecoder().decode(stdout).trim();
    const paths = Object.entries(GUEST_FILES).map(([file, name]) => [file, `${folder}/${name}`]);
    return Object.fromEntries(paths) as LinuxGuest;
  }
  const reason = /^linux: (.*)$/m.exec(said)?.[1] ?? said;
  const peersRequired = Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1";
  const excused = code === exitCodes.mirror || (code === exitCodes.host && !peersRequired);
  if (!excused) throw new Error(`deno task linux failed with exit code ${code}: ${reason}`);
  return reason;
}
