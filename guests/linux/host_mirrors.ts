/** Reads this host's apt sources. Nothing of the host's configuration is ever written. */
import { type Mirror, mirrorsOf } from "./apt_sources.ts";
import { Trouble } from "./trouble.ts";

/** The Debian mirrors that this host is configured with, in its own order. */
export async function hostMirrors(): Promise<readonly Mirror[]> {
  const codename = await debianCodename();
  const mirrors = new Map<string, Mirror>();
  for (const path of await sourceFiles()) {
    for (const mirror of mirrorsOf(path, await Deno.readTextFile(path), codename)) {
      mirrors.set(mirror.uri.replace(/\/*$/, ""), mirror);
    }
  }
  if (mirrors.size === 0) throw new Trouble("host", "No Debian mirror in this host's apt sources");
  return [...mirrors.values()];
}

async function debianCodename(): Promise<string> {
  const release = await Deno.readTextFile("/etc/os-release").catch(() => "");
  const value = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, "m").exec(release)?.[1] ?? "";
  if (value("ID") !== "debian") {
    throw new Trouble("host", `Not a Debian host: this is ${value("PRETTY_NAME") || "unknown"}`);
  }
  return value("VERSION_CODENAME");
}

async function sourceFiles(): Promise<readonly string[]> {
  const parts = "/etc/apt/sources.list.d";
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(parts)) {
      if (/\.(list|sources)$/.test(name)) names.push(`${parts}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const main = "/etc/apt/sources.list";
  const hasMain = await Deno.stat(main).then(() => true, () => false);
  return [...(hasMain ? [main] : []), ...names.sort()];
}
