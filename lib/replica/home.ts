/** What a live machine holds while it is the active one: the lock on its disks, and the record. */
import type { HeldRecord } from "./claim.ts";
import { Fence } from "./fence.ts";
import { MembershipFile, membershipPath } from "./membership.ts";
import { firstRecord, startDecision } from "./rules.ts";

/** Backups that probe hold the lock for a moment; a starting machine tries for this long. */
const LOCK_MILLISECONDS = 2000;

/** A machine may not start on these disks. */
export class StartRefusedError extends Error {
  override readonly name = "StartRefusedError";

  /** @param path The disk or arbiter file. */
  constructor(readonly path: string, reason: string) {
    super(`Cannot start on ${path}: ${reason}`);
  }
}

/** The lock and the record of an active machine. */
export class Home {
  private constructor(readonly fence: Fence, readonly held: HeldRecord) {}

  /**
   * Takes the lock on disks (or the arbiter file), refuses what belongs to another run, and makes the
   * run's own record durable (rule 6).
   *
   * @param paths Disk images or the arbiter file; the first one's record decides.
   * @param run The new run's id.
   * @param newRun Whether to give up members of another run.
   * @throws StartRefusedError When the lock is busy or the disk belongs to another run.
   */
  static async take(paths: readonly string[], run: string, newRun: boolean): Promise<Home> {
    const first = paths[0]!;
    const fence = await Fence.acquire(paths, { milliseconds: LOCK_MILLISECONDS });
    if (!fence) throw new StartRefusedError(first, "another machine is active on it");
    try {
      const file = await MembershipFile.open(membershipPath(Deno.realPathSync(first)));
      const decision = startDecision(file.found, run, newRun);
      if (decision.decision === "refuse") throw new StartRefusedError(first, decision.reason);
      const record = firstRecord(run);
      await file.write(record);
      return new Home(fence, { file, record });
    } catch (error) {
      fence.release();
      throw error;
    }
  }

  /** What a promoted backup holds. */
  static promoted(fence: Fence, held: HeldRecord): Home {
    return new Home(fence, held);
  }

  /** Frees the lock; the last thing that a machine does. */
  async leave(): Promise<void> {
    await this.held.file.close();
    this.fence.release();
  }
}
