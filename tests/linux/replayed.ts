/** Replays a Linux recording, from its start and from its key snapshots, and compares the console. */
import { assert, assertEquals } from "@std/assert";
import { LogReader } from "../../lib/log/log_reader.ts";
import { lockstep } from "../cli/lockstep_process.ts";

/** What a recording has left. */
export interface Recorded {
  readonly log: string;
  readonly console: string;
  readonly code: number;
}

/** Replays all of it on the other engine: the same console bytes and exit code, and every digest agrees. */
export async function assertReplays(recorded: Recorded): Promise<void> {
  const ended = await lockstep(["replay", recorded.log, "--engine", "interpreter"]);
  assertEquals(ended.code, recorded.code, ended.stderr);
  assert(/digests checked, all agree/.test(ended.stderr), ended.stderr);
  assertEquals(ended.stdout, recorded.console);
}

/** Enters at each key snapshot: what is left of the console is the same, to the end. */
export async function assertReplaysFromSnapshots(
  recorded: Recorded,
  count: number,
): Promise<void> {
  assertEquals(await countSnapshots(recorded.log), count);
  let longest = recorded.console.length;
  for (let number = 1; number < count; number += 1) {
    const ended = await lockstep(["replay", recorded.log, "--from-snapshot", `${number}`]);
    const where = `entered at snapshot ${number}`;
    assertEquals(ended.code, recorded.code, `${where}: ${ended.stderr}`);
    assert(recorded.console.endsWith(ended.stdout), where);
    assert(ended.stdout.length <= longest, where);
    longest = ended.stdout.length;
  }
}

/** How many key snapshots a log has, the first one among them. */
export async function countSnapshots(log: string): Promise<number> {
  using file = await Deno.open(log);
  let count = 0;
  for await (const { record } of new LogReader(file.readable)) {
    if (record.kind === "snapshot-commit") count += 1;
  }
  return count;
}
