/** What a live machine holds while it is the active one: the lock on its disks, and the record. */
import type { HeldRecord } from "./claim.ts";
import { Fence } from "./fence.ts";
import { MembershipGroup } from "./membership_group.ts";
import { type FileIdentity, firstRecord, sameFile, startDecision } from "./rules.ts";

/** Backups that probe hold the lock for a moment; a starting machine tries for this long. */
const LOCK_MILLISECONDS = 2000;

/** A machine may not start on these disks. */
export class StartRefusedError extends Error {
  /** Tells this error from others. */
  override readonly name = "StartRefusedError";

  /**
   * The message names the path and the reason.
   *
   * @param path The disk or arbiter file.
   */
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
   * @param paths Disk images or the arbiter file; each has a record.
   * @param run The new run's id.
   * @param newRun Whether to give up members of another run.
   * @throws StartRefusedError When the lock is busy or the disk belongs to another run.
   */
  static async take(paths: readonly string[], run: string, newRun: boolean): Promise<Home> {
    const first = paths[0]!;
    const fence = await Fence.acquire(paths, { milliseconds: LOCK_MILLISECONDS });
    if (!fence) throw new StartRefusedError(first, "another machine is active on it");
    let file: MembershipGroup | undefined;
    try {
      file = await MembershipGroup.open(fence.paths);
      for (const [index, found] of file.found.entries()) {
        const decision = startDecision(found, run, newRun);
        if (decision.decision === "start") continue;
        throw new StartRefusedError(fence.paths[index]!, decision.reason);
      }
      const record = firstRecord(run);
      await file.write(record);
      return new Home(fence, { file, record });
    } catch (error) {
      await file?.close();
      fence.release();
      throw error;
    }
  }

  /** What a promoted backup holds. */
  static promoted(fence: Fence, held: HeldRecord): Home {
    return new Home(fence, held);
  }

  /**
   * Makes sure that an open image is one of those that are locked: its path may have been given to
   * another file between locking and opening.
   *
   * @throws StartRefusedError When it is not.
   */
  mustHold(path: string, identity: FileIdentity): void {
    if (this.fence.identities.some((locked) => sameFile(locked, identity))) return;
    throw new StartRefusedError(path, "another file has taken its place; try again");
  }

  /** Frees the lock; the last thing that a machine does. */
  async leave(): Promise<void> {
    await this.held.file.close();
    this.fence.release();
  }
}
