/** Where copies of a machine's log for a debugger come from: the machine that is followed, or that has been promoted. */
import type { Replica } from "../epoch/replica.ts";
import { errorText } from "../host/fault.ts";
import { hostLoop } from "../host/event_loop.ts";
import type { PendingRecords } from "../replica/attachment.ts";
import type { Backup } from "../replica/backup.ts";
import { DebugCopyStart, type FollowedHeader } from "../replica/debug_copy.ts";
import type { LiveMachine } from "../replica/live.ts";
import type { MachineLog } from "../replica/machine_log.ts";

/** Makes copies of a machine's log. */
export interface CopySource {
  /**
   * Begins one at the next epoch's end.
   *
   * @param make Given the copy's header and snapshot, and the epoch behind which that stands.
   * @param refused Told why there will be none.
   */
  begin(
    make: (records: PendingRecords, epoch: number) => MachineLog | undefined,
    refused: (reason: string) => void,
  ): void;
}

/**
 * Copies of the machine that a backup follows. While one begins, the backup acknowledges and does not execute.
 *
 * @param term Answers the term in force.
 */
export function copiesOfBackup(backup: Backup, term: () => number): CopySource {
  return {
    begin(make, refused) {
      // A debugger that cannot be served, for want of memory for instance, does not stop the backup.
      const unlessRefused = async (action: () => Promise<void>) => {
        try {
          await action();
        } catch (error) {
          refused(errorText(error));
        }
      };
      const take = (start: DebugCopyStart, replica: Replica, header: FollowedHeader) =>
        unlessRefused(async () => void make(await start.take(header, term()), replica.epoch));
      const takeLater = async (replica: Replica) => {
        const start = new DebugCopyStart(replica, hostLoop);
        await start.prepare();
        backup.atEpochEnd((_, header) => take(start, replica, header));
      };
      // Who has waited for the machine gets it from its first moment on.
      const hasWaited = backup.replica === undefined;
      backup.atEpochEnd((replica, header) => {
        if (hasWaited) return take(new DebugCopyStart(replica, hostLoop), replica, header);
        // It goes on meanwhile.
        void unlessRefused(() => takeLater(replica));
        return Promise.resolve();
      });
    },
  };
}

/** Copies of a machine that has been promoted: for its snapshot the guest stands still, as when a backup joins. */
export function copiesOfLive(live: LiveMachine): CopySource {
  return { begin: (make, refused) => live.logAside(make, refused) };
}
