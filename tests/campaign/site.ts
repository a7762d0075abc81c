/**
 * A site: a folder of its own with the teller's disk, bills and console, in which shell command lines run
 * real `lockstep` processes with the permissions that `deno task install` gives them. When a test ends,
 * also by failing, every process is killed and the folder removed.
 */
import { audit, type AuditVerdict } from "../../guests/teller/auditor.ts";
import { createDiskImage } from "../../lib/host/disk.ts";
import { pause } from "../../lib/host/pause.ts";
import { membershipPath, readMembership } from "../../lib/replica/membership.ts";
import type { MembershipRecord } from "../../lib/replica/rules.ts";
import { Part } from "./part.ts";
import { until } from "./until.ts";

const INSTALLER = new URL("../../lib/cli/install.ts", import.meta.url).pathname;

/** Sockets have short paths, so folders are here. */
const TEMPORARY = "/tmp";

const DISK_BYTES = 2 ** 21;

/** No process outlives this, even when the test runner itself is killed; seconds. */
const LIFETIME_SECONDS = 180;

/**
 * `as NAME COMMAND …` runs a command as the part NAME of a site. Its shell keeps no end of the command's
 * pipes open, so that they end when the command dies.
 */
const AS = `#!/bin/sh
part=parts/$1
shift
exec 3<&0
"$@" <&3 3<&- 2>"$part.lines" &
echo $! >"$part.pid"
exec <&- >&- 3<&- 2>/dev/null
wait $!
echo $? >"$part.code"
`;

/** The devices of the teller, as options, with its disk on a bus. */
export function devicesOn(bus: "scsi" | "blk"): string {
  return `--disk d.img,bus=${bus} --bills bills --console console`;
}

/** The devices of the teller, as options. */
export const DEVICES = "--disk d.img --bills bills --console console";

/** What one `start` has started. */
interface Group {
  readonly line: string;
  readonly child: Deno.ChildProcess;
}

/** A folder in which processes of ours run. */
export class Site implements AsyncDisposable {
  /** Where it is. */
  readonly folder: string;
  readonly #parts = new Map<string, Part>();
  readonly #groups: Group[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** A fresh one, with an empty disk `d.img`. */
  static async open(): Promise<Site> {
    const site = new Site(Deno.makeTempDirSync({ dir: TEMPORARY, prefix: "lockstep-" }));
    try {
      for (const folder of ["bin", "parts"]) Deno.mkdirSync(site.path(folder));
      const install = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", "--allow-read", "--allow-write"]
          .concat("--allow-env=HOME,PATH", INSTALLER, site.path("bin")),
        stdout: "null",
      }).output();
      if (!install.success) throw new Error(new TextDecoder().decode(install.stderr));
      Deno.writeTextFileSync(site.path("bin/as"), AS, { mode: 0o755 });
      createDiskImage(site.path("d.img"), DISK_BYTES);
      return site;
    } catch (error) {
      await site[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The path of a file in the folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Runs a shell command line in the folder, where `lockstep` and `as` are on the PATH. */
  start(line: string): void {
    const child = new Deno.Command("timeout", {
      // The leader of a process group of its own, so that all that comes from the line can be killed. It
      // stays: without it the kernel would send SIGHUP to a group with a stopped process in it.
      args: ["--signal=KILL", `${LIFETIME_SECONDS}`, "sh", "-c"]
        .concat(`umask 000; PATH=$PWD/bin:$PATH; export PATH; ${line}\nexec sleep infinity`),
      cwd: this.folder,
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#groups.push({ line, child });
  }

  /** The process that a command line calls NAME. */
  part(name: string): Part {
    const part = this.#parts.get(name) ?? new Part(name, this.path(`parts/${name}`));
    this.#parts.set(name, part);
    return part;
  }

  /** Runs `as NAME lockstep WORDS`, and answers the part NAME. */
  run(name: string, words: string): Part {
    this.start(`as ${name} lockstep ${words}`);
    return this.part(name);
  }

  /** Everything on the console file. */
  consoleText(): string {
    try {
      return Deno.readTextFileSync(this.path("console"));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }

  /** The highest number of a receipt on the console file. */
  receipts(): number {
    const text = this.consoleText();
    const last = text.lastIndexOf("\nreceipt ", text.lastIndexOf("\n") - 1);
    return last < 0 ? 0 : parseInt(text.slice(last + "\nreceipt ".length));
  }

  /** Waits until so many transfers have their receipts. */
  async receipt(count: number): Promise<void> {
    await until(() => this.receipts() >= count, () => `receipt ${count}\n${this.story()}`);
  }

  /** The auditor's verdict. */
  audit({ disk = "d.img", bills = "bills", console = "console" } = {}): AuditVerdict {
    return audit({
      disk: Deno.readFileSync(this.path(disk)),
      bills: Deno.readFileSync(this.path(bills)),
      console: Deno.readFileSync(this.path(console)),
    });
  }

  /** The membership record beside `disk`. */
  async record(disk = "d.img"): Promise<MembershipRecord> {
    const found = await readMembership(membershipPath(this.path(disk)));
    if (found.found !== "record") throw new Error(`${disk} has no membership record`);
    return found.record;
  }

  /** Names of the files in the folder, without those of the site itself. */
  files(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name)
      .filter((name) => name !== "bin" && name !== "parts").sort();
  }

  /** What everybody has told so far, the guest lastly, for a test that fails. */
  story(): string {
    const parts = [...this.#parts.values()].map((part) => part.story());
    return [...parts, "console", ...this.consoleText().split("\n").slice(-8)].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#groups) {
      while (killGroup(child.pid)) await pause(1);
      await child.status;
    }
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Kills what is left of a process group, whose number is its leader's; answers whether there was any. */
function killGroup(leader: number): boolean {
  try {
    Deno.kill(-leader, "SIGKILL");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
