import { assertEquals, assertThrows } from "@std/assert";
import { diskOption } from "../../lib/cli/disk_argument.ts";
import { UsageError } from "../../lib/cli/command.ts";
import { lockstep } from "./lockstep_process.ts";
import { withFolder } from "../host/temporary_folder.ts";

Deno.test("a disk's bus stands behind its last comma; other commas are the path's", () => {
  const { parse } = diskOption;
  assertEquals(parse("d.img"), { path: "d.img" });
  assertEquals(parse("d.img,bus=blk"), { path: "d.img", bus: "blk" });
  assertEquals(parse("a,b/c,d.img"), { path: "a,b/c,d.img" });
  assertEquals(parse("a,bus=blk/d.img,bus=scsi"), { path: "a,bus=blk/d.img", bus: "scsi" });
  assertEquals(parse("d.img,bus=blk,bus=scsi"), { path: "d.img,bus=blk", bus: "scsi" });
  for (const bad of ["d.img,bus=ide", "d.img,bus=", ",bus=blk", "d.img,bus=BLK"]) {
    assertThrows(() => parse(bad), UsageError);
  }
});

Deno.test("disks of both kinds stand in the log in their order, and a directory's commas are no bus", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a,bus=x`);
    const log = `${folder}/hello.log`;
    const recorded = await lockstep([
      ...["record", "hello", "-o", log, "--create-disk", "64K", "--rng"],
      ...["--disk", `${folder}/one,bus=blk`, "--disk", `${folder}/a,bus=x/two`],
      ...["--disk", `${folder}/three,bus=blk`],
    ]);
    assertEquals(recorded.code, 0, recorded.stderr);
    const [header] = (await lockstep(["inspect", log, "--json"])).stdout.split("\n");
    const { configuration } = JSON.parse(header!);
    assertEquals(configuration.entropy, true);
    assertEquals(configuration.disks, [
      { id: "disk0", sectors: 128, bus: "blk" },
      { id: "disk1", sectors: 128 },
      { id: "disk2", sectors: 128, bus: "blk" },
    ]);
    assertEquals((await lockstep(["replay", log])).code, 0);
  }));
