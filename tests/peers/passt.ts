/** `passt`: user-mode networking behind a frame socket, between machines and the sockets of this host. */

/** What passt is told about the machine behind it. */
export interface PasstOptions {
  /** Where it listens for the machine's frames. */
  readonly socket: string;
  /** The machine's address, assigned by DHCP. */
  readonly address: string;
  /** The gateway's address, which also stands for this host's loopback interface. */
  readonly gateway: string;
  /** Further options, told a free port of this host. */
  readonly options?: (port: number) => readonly string[];
}

/** Whether passt can be run; a test that needs it is ignored otherwise, unless peers are required. */
export const hasPasst: boolean = await isInstalled();

async function isInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command("passt", { args: ["--version"] }).output()).success;
  } catch {
    if (Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1") throw new Error("passt is not installed");
    return false;
  }
}

/** As root it would become nobody, who may not enter the test's folder. */
async function identity(): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("id", { args: ["-u"] }).output();
  return new TextDecoder().decode(stdout).trim() === "0" ? ["--runas", "0"] : [];
}

/** A running passt. It is gone at the end of the test. */
export class Passt implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<unknown>;
  /** The port of this host that was told to {@linkcode PasstOptions.options}. */
  readonly port: number;

  private constructor(child: Deno.ChildProcess, port: number, ended: Promise<unknown>) {
    this.#child = child;
    this.#ended = ended;
    this.port = port;
  }

  /** Starts it and waits for its socket. Ports that are taken by others are passed over. */
  static async start(options: PasstOptions): Promise<Passt> {
    let said = "";
    for (let attempt = 0; attempt < 5; attempt++) {
      const port = 20_000 + Math.floor(Math.random() * 12_000);
      const child = new Deno.Command("passt", {
        args: [
          ...["--foreground", "--socket", options.socket, ...await identity()],
          ...["--address", options.address, "--netmask", "255.255.255.0"],
          ...["--gateway", options.gateway, ...options.options?.(port) ?? []],
        ],
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      let over = false;
      const stderr = new Response(child.stderr).text();
      const ended = child.status.then(() => over = true);
      while (!over && !exists(options.socket)) await new Promise((next) => setTimeout(next, 10));
      if (!over) return new Passt(child, port, stderr);
      said = await stderr;
      await ended;
    }
    throw new Error(`passt does not start: ${said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has left by itself.
    }
    await this.#child.status;
    await this.#ended;
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
