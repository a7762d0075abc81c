/**
 * An apt of our own: its lists, cache and package database are in a folder of ours, and it knows one
 * suite of one mirror. From the host it takes proxies and transports only.
 */
import type { Mirror } from "./apt_sources.ts";
import { ProgramFailure, runProgram } from "./program.ts";

/** The guest's architecture in Debian's words. */
const ARCHITECTURE = "riscv64";

/** What apt is told, after the host's own configuration: apt.conf(5). */
function configuration(folder: string): string {
  const settings: Readonly<Record<string, string>> = {
    "Dir::State": `${folder}/state`,
    "Dir::State::lists": `${folder}/lists`,
    "Dir::State::status": `${folder}/status`,
    "Dir::Cache": `${folder}/cache`,
    "Dir::Cache::pkgcache": "packages.bin",
    "Dir::Cache::srcpkgcache": "sources.bin",
    "Dir::Cache::archives": `${folder}/archives`,
    "Dir::Etc::sourcelist": `${folder}/sources.list`,
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::Log": `${folder}/log`,
    "APT::Architecture": ARCHITECTURE,
    "APT::Default-Release": "",
    "APT::Install-Recommends": "false",
    // The user of the sandbox cannot reach a cache folder.
    "APT::Sandbox::User": "root",
    // A suite that does not verify is an error, not a warning.
    "APT::Update::Error-Mode": "any",
    "APT::Get::AllowUnauthenticated": "false",
    "Acquire::AllowInsecureRepositories": "false",
    "Acquire::AllowWeakRepositories": "false",
    "Acquire::AllowDowngradeToInsecureRepositories": "false",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
  };
  // Hooks of the host would work on the host's own state.
  const hooks = ["APT::Architectures", "APT::Update", "DPkg::Pre-Invoke", "DPkg::Post-Invoke"];
  return [
    ...hooks.map((name) => `#clear ${name};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
    `APT::Architectures { "${ARCHITECTURE}"; };`,
    "",
  ].join("\n");
}

/** What the signed index says of a package. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Names that it depends on. */
  readonly depends: readonly string[];
}

/** One suite of a mirror. */
export class PrivateApt {
  readonly #folder: string;
  readonly #hear: (line: string) => void;

  private constructor(folder: string, hear: (line: string) => void) {
    this.#folder = folder;
    this.#hear = hear;
  }

  /** Fetches the suite's index into `folder`; apt refuses one whose signature does not verify. */
  static async open(
    folder: string,
    mirror: Mirror,
    suite: string,
    hear: (line: string) => void,
  ): Promise<PrivateApt> {
    const apt = new PrivateApt(folder, hear);
    for (const name of ["state", "lists/partial", "cache", "archives/partial", "log"]) {
      await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    }
    const options = `[arch=${ARCHITECTURE} signed-by=${mirror.keyring}]`;
    await Deno.writeTextFile(
      `${folder}/sources.list`,
      `deb ${options} ${mirror.uri} ${suite} main\n`,
    );
    await Deno.writeTextFile(`${folder}/status`, "");
    await Deno.writeTextFile(`${folder}/apt.conf`, configuration(folder));
    // There are further suites, so this one need not be waited for long.
    await apt.#run("apt-get", ["update", "--option", "Acquire::Retries=1"]);
    return apt;
  }

  /** The package of that name in the index, or nothing when it is not there. */
  async find(name: string): Promise<DebianPackage | undefined> {
    const text = await this.#run("apt-cache", ["show", "--no-all-versions", name])
      .catch((error) => {
        if (error instanceof ProgramFailure) return "";
        throw error;
      });
    const field = (field: string) => new RegExp(`^${field}: (.*)$`, "m").exec(text)?.[1] ?? "";
    if (field("Package") !== name) return undefined;
    return {
      name,
      version: field("Version"),
      architecture: field("Architecture"),
      sha256: field("SHA256"),
      bytes: Number(field("Size")),
      // Of alternatives the first is Debian's own preference.
      depends: field("Depends").split(",").map((words) => /[^\s(|:]+/.exec(words)?.[0] ?? ""),
    };
  }

  /** The names of these packages and of all that they depend on. */
  async closure(names: readonly string[]): Promise<readonly string[]> {
    const text = await this.#run("apt-get", ["install", "--simulate", ...names]);
    // Lines such as `Inst libc6 (2.43-7 Debian:testing [riscv64])`.
    const found = [...text.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!.split(":")[0]!);
    return found.sort();
  }

  /**
   * Downloads packages into the archive folder, where older ones are removed. apt checks each against the
   * signed index.
   */
  async download(packages: readonly DebianPackage[]): Promise<void> {
    const archives = `${this.#folder}/archives`;
    const wanted = new Set(packages.map((entry) => this.archive(entry)));
    for (const { name, isFile } of await Array.fromAsync(Deno.readDir(archives))) {
      const path = `${archives}/${name}`;
      if (isFile && !wanted.has(path)) await Deno.remove(path);
    }
    const names = packages.map(({ name, version }) => `${name}=${version}`);
    await this.#run("apt-get", ["download", ...names], archives);
  }

  /** Where apt puts a package's file. */
  archive({ name, version, architecture }: DebianPackage): string {
    const file = `${name}_${version.replaceAll(":", "%3a")}_${architecture}.deb`;
    return `${this.#folder}/archives/${file}`;
  }

  async #run(program: string, args: readonly string[], folder?: string): Promise<string> {
    const stdout = await runProgram(
      program,
      ["--config-file", `${this.#folder}/apt.conf`, "--quiet", ...args],
      { ...(folder === undefined ? {} : { folder }), ...(heard(args) ? { hear: this.#hear } : {}) },
    );
    return new TextDecoder().decode(stdout);
  }
}

/** Only the steps that fetch something are worth a person's attention. */
function heard(args: readonly string[]): boolean {
  return args[0] === "update" || args[0] === "download";
}
