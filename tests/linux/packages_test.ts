import { assertEquals, assertRejects } from "@std/assert";
import {
  type FetchedPackage,
  fetchPackages,
  type PackageSource,
  PackageTrouble,
} from "../../guests/linux/packages.ts";
import type { DebianPackage } from "../../guests/linux/private_apt.ts";
import { Progress } from "../../guests/linux/progress.ts";
import { sha256 } from "../../guests/linux/sha256.ts";
import { withFolder } from "../host/temporary_folder.ts";

/** Says nothing. */
class Silence extends Progress {
  override step(): void {}
  override detail(): void {}
}

/** Names and dependencies of a suite, as newer ones split the kernel. */
const SUITE: Readonly<Record<string, readonly string[]>> = {
  "linux-image-riscv64": ["linux-base-riscv64", "linux-image-7.2-riscv64"],
  "linux-image-7.2-riscv64": ["dracut", "linux-binary-7.2-riscv64", "linux-modules-7.2-riscv64"],
  "linux-binary-7.2-riscv64": [],
  "linux-modules-7.2-riscv64": [],
  "busybox-static": [],
  "libc6": [],
  "opensbi": [],
  "sqlite3": ["libc6"],
};

/** A mirror in a folder; `served` says what a package's file holds. */
class Mirror implements PackageSource {
  readonly downloads: string[][] = [];

  constructor(readonly folder: string, readonly served: (name: string) => string) {}

  closure(names: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve([...names, "libc6"].sort());
  }

  async find(name: string): Promise<DebianPackage | undefined> {
    const depends = SUITE[name];
    if (depends === undefined) return undefined;
    const content = new TextEncoder().encode(name);
    const digest = await sha256(content);
    return {
      ...{ name, version: "1", architecture: "riscv64" },
      ...{ sha256: digest, bytes: content.length, depends },
    };
  }

  /** Leaves alone what is there, as apt does. */
  async download(packages: readonly DebianPackage[]): Promise<void> {
    const fetched: string[] = [];
    for (const entry of packages) {
      const there = await Deno.stat(this.archive(entry)).then(() => true, () => false);
      if (there) continue;
      fetched.push(entry.name);
      await Deno.writeTextFile(this.archive(entry), this.served(entry.name));
    }
    this.downloads.push(fetched);
  }

  archive({ name }: DebianPackage): string {
    return `${this.folder}/${name}.deb`;
  }
}

const names = (packages: readonly FetchedPackage[]) => packages.map(({ name }) => name).sort();

Deno.test("the guest is the kernel's parts, programs with their libraries, and firmware", () =>
  withFolder(async (folder) => {
    const mirror = new Mirror(folder, (name) => name);
    const packages = await fetchPackages(mirror, new Silence());
    assertEquals(names(packages), Object.keys(SUITE).sort());
    assertEquals(await Deno.readTextFile(packages[0]!.path), packages[0]!.name);
  }));

Deno.test("what was fetched before is used again, but a damaged file is fetched once more", () =>
  withFolder(async (folder) => {
    const mirror = new Mirror(folder, (name) => name);
    await fetchPackages(mirror, new Silence());
    await Deno.writeTextFile(`${folder}/libc6.deb`, "LIBC6");
    await fetchPackages(mirror, new Silence());
    assertEquals(mirror.downloads[1], ["libc6"]);
    assertEquals(await Deno.readTextFile(`${folder}/libc6.deb`), "libc6");
  }));

Deno.test("a package whose digest is not that of the signed index is refused, and not kept", () =>
  withFolder(async (folder) => {
    const mirror = new Mirror(folder, (name) => name === "opensbi" ? "forged!" : name);
    await assertRejects(
      () => fetchPackages(mirror, new Silence()),
      PackageTrouble,
      "The package opensbi does not have the digest of its index",
    );
    assertEquals(await Deno.stat(`${folder}/opensbi.deb`).then(() => true, () => false), false);
  }));

Deno.test("a suite without one of the packages is refused by its name", () =>
  withFolder(async (folder) => {
    const mirror = new Mirror(folder, (name) => name);
    mirror.closure = () => Promise.resolve(["sqlite4"]);
    await assertRejects(
      () => fetchPackages(mirror, new Silence()),
      PackageTrouble,
      "The index has no package sqlite4",
    );
  }));
