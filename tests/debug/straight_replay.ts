/** Digests at points of a log, from one replay that never goes back: what every seek is compared with. */
import type { Replica } from "../../lib/epoch/replica.ts";
import { LogReader } from "../../lib/log/log_reader.ts";
import { SnapshotRestorer } from "../../lib/replica/restore.ts";
import { streamOf } from "../replay/playing.ts";

/** What a machine is at a step, once everything has been delivered there. */
export interface Standing {
  readonly step: number;
  readonly epoch: number;
  readonly digest: bigint;
  readonly retired: number;
  readonly time: number;
}

/** The machine at each of these steps, by step. */
export async function straightReplay(
  log: Uint8Array,
  steps: readonly number[],
): Promise<ReadonlyMap<number, Standing>> {
  const wanted = [...new Set(steps)].toSorted((a, b) => a - b);
  const found = new Map<number, Standing>();
  let restorer: SnapshotRestorer | undefined;
  let replica: Replica | undefined;
  const look = () => {
    const { machine, epoch } = replica!;
    const { steps: step, retired, time } = machine;
    if (!wanted.includes(step)) return;
    found.set(step, { step, epoch, retired, time, digest: machine.snapshotDigest() });
  };
  for await (const item of new LogReader(streamOf(log))) {
    const { record } = item;
    if (record.kind === "header") restorer = new SnapshotRestorer(record);
    else if (record.kind === "epoch") {
      replica!.begin(record);
      for (const step of wanted) {
        const ahead = step - replica!.machine.steps;
        const left = replica!.progress!.stepsLeft;
        if (ahead <= 0 || ahead >= left) continue;
        replica!.advance(ahead);
        look();
      }
      replica!.advance(Infinity);
      look();
    } else if (!replica) {
      replica = restorer!.accept(item, {});
      if (replica) look();
    }
  }
  return found;
}
