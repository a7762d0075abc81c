import { assertEquals, assertNotEquals } from "@std/assert";
import { diskFiles } from "../../guests/linux/disk_files.ts";
import { makeDiskImage } from "../../guests/linux/disk_image.ts";
import { sha256 } from "../../guests/linux/sha256.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { assertSoundDisk, listOnDisk, takeFromDisk } from "./disk_check.ts";

const tools = ["/usr/sbin/mke2fs", "/usr/sbin/debugfs", "/usr/sbin/e2fsck"];
const missing = tools.filter((path) => !isThere(path));
if (missing.length > 0 && Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1") {
  throw new Error(`Not installed: ${missing.join(", ")}`);
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Packages as they are unpacked, some of their files in the folders before the merged /usr. */
async function unpacked(root: string): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    "usr/bin/program": "a program",
    "bin/old": "of a package that does not know /usr",
    "usr/lib/riscv64-linux-gnu/libone.so.1.2": "a library",
    "usr/lib/riscv64-linux-gnu/gconv/table.so": "not taken",
    "usr/share/doc/program/copyright": "not taken either",
  };
  for (const [path, content] of Object.entries(files)) {
    await Deno.mkdir(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeTextFile(`${root}/${path}`, content, { mode: 0o755 });
  }
  // As dpkg-deb makes links; with permissions for a folder only, Deno makes none.
  const library = `${root}/usr/lib/riscv64-linux-gnu/libone.so.1`;
  await new Deno.Command("ln", { args: ["-s", "libone.so.1.2", library] }).output();
}

Deno.test({
  name: `the same packages give the same disk image, and it holds what programs need${
    missing.length === 0 ? "" : ` (not installed: ${missing.join(", ")})`
  }`,
  ignore: missing.length > 0,
  fn: () =>
    withFolder(async (folder) => {
      const digests: string[] = [];
      for (const name of ["one", "two"]) {
        await unpacked(`${folder}/${name}`);
        const image = `${folder}/${name}.img`;
        const files = await diskFiles(`${folder}/${name}`);
        await makeDiskImage(image, files);
        digests.push(await sha256(await Deno.readFile(image)));
        await assertSoundDisk(image);
        // Times differ, as they do when packages are unpacked again.
        await new Promise((resolve) => setTimeout(resolve, 1100));
      }
      assertEquals(digests[0], digests[1]);
      assertNotEquals(digests[0], await sha256(new Uint8Array(64 * 2 ** 20)));
      const image = `${folder}/one.img`;
      assertEquals(await listOnDisk(image, "/usr/bin"), ["old", "program"]);
      assertEquals(await listOnDisk(image, "/usr/lib/riscv64-linux-gnu"), [
        "libone.so.1",
        "libone.so.1.2",
      ]);
      assertEquals(await listOnDisk(image, "/usr"), ["bin", "lib"]);
      await takeFromDisk(image, "/usr/bin/program", `${folder}/program`);
      assertEquals(await Deno.readTextFile(`${folder}/program`), "a program");
    }),
});
