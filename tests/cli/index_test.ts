import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { Lockstep, lockstep } from "./lockstep_process.ts";

Deno.test("an index survives kill -9, is gone on with, and leads to where the log alone leads", () =>
  withFolder(async (folder) => {
    const log = `${folder}/bench.log`;
    const recorded = await lockstep([
      ...["record", "bench", "-o", log, "--append", "scale=2", "--ram", "8"],
      ...["--epoch-steps", "40000"],
    ]);
    assertEquals(recorded.code, 0, recorded.stderr);
    const positions = ["1M", "epoch:77", "20_000_001", "time:30ms"];
    const stand = () =>
      Promise.all(positions.map((to) => lockstep(["replay", log, "--to", to, "--registers"])));
    const alone = await stand();

    const words = ["index", log, "--every", "300k"];
    await using process = new Lockstep(words);
    const files = `${log}.index`;
    for (const deadline = Date.now() + 20_000; await countIn(files) < 4;) {
      assert(Date.now() < deadline, `No snapshots: ${process.said}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const beside = await lockstep(words);
    process.kill("SIGKILL");
    await process.end();
    if (beside.code !== 0) {
      assertEquals(beside.code, 65);
      assertMatch(beside.stderr, /^lockstep: Another process is making index .*: wait for it\n$/);
    }
    assertEquals(await stand(), alone);

    const { code, stderr } = await lockstep(words);
    assertEquals(code, 0, stderr);
    const [, snapshots] = /^lockstep: Indexed (?:\d+) of \d+ steps, (\d+) snapshots of .*\n$/
      .exec(stderr) ?? [stderr];
    assertEquals(await countIn(files), Number(snapshots));
    assertEquals((await Deno.stat(files)).mode! & 0o777, 0o700);
    assertEquals(await stand(), alone);

    const other = `${folder}/other.log`;
    assertEquals((await lockstep(["record", "hello", "-o", other])).code, 0);
    await Deno.rename(files, `${other}.index`);
    const foreign = await lockstep(["replay", other, "--to", "5"]);
    assertEquals(foreign.code, 0);
    assertMatch(foreign.stderr, /^lockstep: Index .* is ignored: it belongs to another log\n$/);
    const refused = await lockstep(["index", other]);
    assertEquals(refused.code, 65);
    assertMatch(refused.stderr, /belongs to another log: remove it first\n$/);
  }));

async function countIn(folder: string): Promise<number> {
  let count = 0;
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (name.endsWith(".snapshot")) count++;
    }
  } catch {
    // It has not been made yet.
  }
  return count;
}
