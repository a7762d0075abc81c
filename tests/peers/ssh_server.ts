/**
 * Debian's openssh-server on loopback, with keys, configuration and known hosts of its own in the folder
 * of a site. What it lets in runs in that folder, where `lockstep` and `as` are on the PATH.
 */
import { until } from "../campaign/until.ts";
import type { Part } from "../campaign/part.ts";
import type { Site } from "../campaign/site.ts";

const SSHD = "/usr/sbin/sshd";

/** Where ports are looked for: below those that the kernel gives out by itself. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;
const ATTEMPTS = 10;

/** Whether server and client are installed. */
export async function hasSsh(): Promise<boolean> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", `test -x ${SSHD} && command -v ssh ssh-keygen pgrep`],
    stdout: "null",
  }).output();
  return success;
}

/** A running server. */
export class SshServer {
  readonly #site: Site;
  /** The process that listens. */
  readonly part: Part;

  private constructor(site: Site, part: Part) {
    this.#site = site;
    this.part = part;
  }

  /** Starts one and waits until it listens; `ssh -F ssh_config far COMMAND` then reaches it. */
  static async start(site: Site): Promise<SshServer> {
    for (const key of ["host_key", "user_key"]) {
      await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", site.path(key)]);
    }
    Deno.copyFileSync(site.path("user_key.pub"), site.path("authorized_keys"));
    // As root it wants its folder for privilege separation.
    await run("mkdir", ["-p", "/run/sshd"]).catch(() => {});
    for (let attempt = 1;; attempt++) {
      const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
      await SshServer.#configure(site, port);
      const name = `sshd-${attempt}`;
      site.start(`as ${name} ${SSHD} -D -e -f sshd_config`);
      const part = site.part(name);
      const listens = () => part.hasTold(/^Server listening on 127\.0\.0\.1/);
      await until(() => listens() || part.exitCode !== undefined, () => part.story());
      if (listens()) return new SshServer(site, part);
      // Somebody else has the port.
      if (attempt === ATTEMPTS) throw new Error(part.story());
    }
  }

  static async #configure(site: Site, port: number): Promise<void> {
    const [type, key] = Deno.readTextFileSync(site.path("host_key.pub")).split(" ");
    Deno.writeTextFileSync(site.path("known_hosts"), `[127.0.0.1]:${port} ${type} ${key}\n`);
    Deno.writeTextFileSync(
      site.path("sshd_config"),
      [
        ...["ListenAddress 127.0.0.1", `Port ${port}`, "PidFile none", "LogLevel VERBOSE"],
        ...[`HostKey ${site.path("host_key")}`, "UsePAM no", "StrictModes no"],
        ...[`AuthorizedKeysFile ${site.path("authorized_keys")}`, "PasswordAuthentication no"],
        ...["PermitRootLogin prohibit-password", "PermitUserRC no"],
        `SetEnv PATH=${site.path("bin")}:/usr/local/bin:/usr/bin:/bin\n`,
      ].join("\n"),
    );
    const user = new TextDecoder().decode((await run("id", ["-un"])).stdout).trim();
    Deno.writeTextFileSync(
      site.path("ssh_config"),
      [
        ...["Host far", "HostName 127.0.0.1", `Port ${port}`, `User ${user}`, "BatchMode yes"],
        ...[`IdentityFile ${site.path("user_key")}`, "IdentitiesOnly yes"],
        ...[`UserKnownHostsFile ${site.path("known_hosts")}`, "GlobalKnownHostsFile /dev/null"],
        ...["StrictHostKeyChecking yes", "ControlMaster no\n"],
      ].join("\n"),
    );
  }

  /** How the near side runs a command line on the far side, as the part `ssh`; no double quotes in it. */
  remote(line: string): string {
    return `exec:as ssh ssh -F ssh_config far 'cd ${this.#site.folder} && ${line}'`;
  }

  /** Kills the processes of the server that serve somebody; the one that listens lives on. */
  async killSessions(): Promise<void> {
    const sessions = await this.#descendants(await this.part.processId());
    if (sessions.length === 0) throw new Error(`Nobody is served\n${this.#site.story()}`);
    for (const session of sessions) kill(session);
  }

  /** Kills all of it, and waits until the sessions are gone. */
  async stop(): Promise<void> {
    const listener = await this.part.processId();
    const sessions = await this.#descendants(listener);
    for (const one of [listener, ...sessions]) kill(one);
    await until(() => sessions.every((session) => !kill(session)), () => "the end of sshd");
  }

  async #descendants(parent: number): Promise<readonly number[]> {
    const { stdout } = await new Deno.Command("pgrep", { args: ["-x", "-P", `${parent}`, "sshd"] })
      .output();
    const children = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
    const deeper = await Promise.all(children.map((child) => this.#descendants(Number(child))));
    return [...children.map(Number), ...deeper.flat()];
  }
}

/** Answers whether it was still there. */
function kill(processId: number): boolean {
  try {
    Deno.kill(processId, "SIGKILL");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function run(command: string, args: readonly string[]): Promise<Deno.CommandOutput> {
  const output = await new Deno.Command(command, { args: [...args] }).output();
  if (output.success) return output;
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(output.stderr)}`);
}
