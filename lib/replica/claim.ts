/**
 * A backup's claim to the disk: the lock and the membership record, as seen from the backup's side
 * (design section 6, rules 4 to 8). It asks `rules.ts` what to do.
 */
import { Fence } from "./fence.ts";
import { MembershipFile, membershipPath, readMembership } from "./membership.ts";
import {
  diskDecision,
  type FollowerExperience,
  type FollowerIdentity,
  type MembershipRecord,
  promotedRecord,
  type PromotionDecision,
  promotionDecision,
  type PromotionView,
  type RecordFound,
  sawPrimaryAlive,
} from "./rules.ts";

/** Whose disk it is: the primary's own, or a copy of it. */
export type DiskSharing = "undecided" | "shared" | "replica";

/** A membership record file in the hands of the lock's holder, and what stands in it. */
export interface HeldRecord {
  readonly file: MembershipFile;
  readonly record: MembershipRecord;
}

/** The lock and the record of one backup's disks, or of its arbiter file. */
export class Claim {
  readonly #paths: readonly string[];
  readonly #self: FollowerIdentity;
  #fence: Fence | undefined;
  #foundLockBusy = false;
  #sharing: DiskSharing = "undecided";

  /**
   * @param paths The disk images, or the arbiter file; the first one's record decides.
   * @param self Who this backup is.
   */
  constructor(paths: readonly string[], self: FollowerIdentity) {
    this.#paths = paths;
    this.#self = self;
  }

  /** Whose disk it is, as far as known. */
  get sharing(): DiskSharing {
    return this.#sharing;
  }

  /** The lock, while this backup holds it. */
  get fence(): Fence | undefined {
    return this.#fence;
  }

  /**
   * Tries the lock while the primary lives (rule 8). A disk whose lock is free although its primary lives,
   * and whose record is not of this run, is a replica, and stays locked by this backup.
   *
   * @param heardSinceLocked Whether the primary has said something since this backup got the lock.
   */
  async probe(heardSinceLocked: boolean): Promise<DiskSharing> {
    if (this.#sharing !== "undecided") return this.#sharing;
    this.#tryLock();
    const found = await this.#found();
    const ours = found.found === "record" && found.record.run === this.#self.run;
    if (this.#fence && ours) {
      // The primary's own disk, and the primary is gone: the stall will tell.
      this.release();
      return this.#sharing;
    }
    const decision = diskDecision({
      lock: this.#fence ? "held" : "busy",
      found,
      self: this.#self,
      heardWhileHeld: this.#fence !== undefined && heardSinceLocked,
    });
    this.#sharing = decision;
    return decision;
  }

  /** Asks whether to be promoted; keeps the lock when the answer is to promote or to prepare. */
  async ask(
    view: Pick<PromotionView, "drained" | "execution" | "ready">,
    seen: Omit<FollowerExperience, "foundLockBusy">,
  ): Promise<PromotionDecision> {
    this.#tryLock();
    const decision = promotionDecision({
      lock: this.#fence ? "held" : "busy",
      found: await this.#found(),
      self: this.#self,
      sawPrimaryAlive: sawPrimaryAlive({ ...seen, foundLockBusy: this.#foundLockBusy }),
      ...view,
    });
    if (decision.decision !== "promote" && decision.decision !== "prepare") this.release();
    return decision;
  }

  /** The last step of a promotion: a new term, durably, and nobody else may be promoted (rule 4). */
  async promote(): Promise<HeldRecord> {
    const file = await this.#openRecord();
    if (file.found.found !== "record") throw new Error("The membership record has vanished");
    const record = promotedRecord(file.found.record);
    await file.write(record);
    return { file, record };
  }

  /**
   * The record of a replica disk that goes live on its operator's word: its own (rule 6).
   *
   * @param term The new machine's term.
   */
  async takeReplica(term: number): Promise<HeldRecord> {
    const file = await this.#openRecord();
    const record = { run: this.#self.run, term, members: [] };
    await file.write(record);
    return { file, record };
  }

  /** The record beside the disk, whoever holds the lock. */
  #found(): Promise<RecordFound> {
    return readMembership(this.#recordPath());
  }

  /** Frees the lock, if held. */
  release(): void {
    this.#fence?.release();
    this.#fence = undefined;
  }

  async #openRecord(): Promise<MembershipFile> {
    if (!this.#fence?.isInPlace()) throw new Error("The lock is not held on the file at its path");
    return await MembershipFile.open(this.#recordPath());
  }

  #recordPath(): string {
    return membershipPath(Deno.realPathSync(this.#paths[0]!));
  }

  #tryLock(): void {
    if (this.#fence) return;
    this.#fence = Fence.try(this.#paths);
    if (!this.#fence) this.#foundLockBusy = true;
  }
}
