/**
 * A backup's claim to the disk: the lock and the membership record, as seen from the backup's side
 * (design section 6, rules 4 to 8). It asks `rules.ts` what to do.
 */
import { pause } from "../host/pause.ts";
import { Fence } from "./fence.ts";
import { MembershipGroup, readMemberships } from "./membership_group.ts";
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
  startDecision,
} from "./rules.ts";

/** Pause before a promotion's record write is tried again, milliseconds. */
const RETRY_MILLISECONDS = 200;

/** From the answer that stops a backup for good to the one that makes it the primary. */
const WORST_FIRST = ["left-behind", "refuse", "follow", "prepare", "promote"] as const;

/** Whose disk it is: the primary's own, or a copy of it. */
export type DiskSharing = "undecided" | "shared" | "replica";

/** The membership records in the hands of the lock's holder, and what stands in them. */
export interface HeldRecord {
  /** Where it stands. */
  readonly file: MembershipGroup;
  /** What stands there. */
  readonly record: MembershipRecord;
}

/** The lock and the record of one backup's disks, or of its arbiter file. */
export class Claim {
  readonly #paths: readonly string[];
  readonly #self: FollowerIdentity;
  readonly #note: (text: string) => void;
  #fence: Fence | undefined;
  #foundLockBusy = false;
  #sharing: DiskSharing = "undecided";

  /**
   * Nothing is locked before {@linkcode probe} or {@linkcode ask}.
   *
   * @param paths The disk images, or the arbiter file; each has a record, and the worst one counts.
   * @param self Who this backup is.
   * @param note Takes one line for a person.
   */
  constructor(paths: readonly string[], self: FollowerIdentity, note: (text: string) => void) {
    this.#paths = paths;
    this.#self = self;
    this.#note = note;
  }

  /** Whether it has found the lock held by somebody else. */
  get foundLockBusy(): boolean {
    return this.#foundLockBusy;
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
    const named = found.some((one) => one.found === "record" && one.record.run === this.#self.run);
    if (this.#fence && named) {
      // The primary's own disk, and the primary is gone: the stall will tell.
      this.release();
      return this.#sharing;
    }
    const decisions = found.map((one) =>
      diskDecision({
        lock: this.#fence ? "held" : "busy",
        found: one,
        self: this.#self,
        heardWhileHeld: this.#fence !== undefined && heardSinceLocked,
      })
    );
    const [first] = decisions;
    if (first && decisions.every((decision) => decision === first)) this.#sharing = first;
    return this.#sharing;
  }

  /**
   * Why a replica's disk must not be written to, if so: its record names backups of another run, which
   * may go on with it (rule 6).
   */
  async foreignOwner(): Promise<string | undefined> {
    for (const found of await this.#found()) {
      const answer = startDecision(found, this.#self.run, false);
      if (answer.decision === "refuse") return answer.reason;
    }
    return undefined;
  }

  /** Asks whether to be promoted; keeps the lock when the answer is to promote or to prepare. */
  async ask(
    view: Pick<PromotionView, "drained" | "execution" | "ready">,
    seen: Omit<FollowerExperience, "foundLockBusy">,
  ): Promise<PromotionDecision> {
    this.#tryLock();
    const found = await this.#found();
    const answers = found.map((one) =>
      promotionDecision({
        lock: this.#fence ? "held" : "busy",
        found: one,
        self: this.#self,
        sawPrimaryAlive: sawPrimaryAlive({ ...seen, foundLockBusy: this.#foundLockBusy }),
        ...view,
      })
    );
    const decision = worst(answers);
    if (decision.decision !== "promote" && decision.decision !== "prepare") this.release();
    return decision;
  }

  /** The last step of a promotion: a new term, durably, and nobody else may be promoted (rule 4). */
  async promote(): Promise<HeldRecord> {
    const file = await this.#openRecord();
    const [first] = file.found;
    if (first?.found !== "record") throw new Error("The membership record has vanished");
    const record = promotedRecord(first.record);
    await this.#writeForCertain(file, record);
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
    await this.#writeForCertain(file, record);
    return { file, record };
  }

  /** The records beside the disks, whoever holds the lock. */
  #found(): Promise<RecordFound[]> {
    return readMemberships(this.#paths.map((path) => Deno.realPathSync(path)));
  }

  /** A write that fails may have happened all the same, so it is tried again with the lock in hand. */
  async #writeForCertain(file: MembershipGroup, record: MembershipRecord): Promise<void> {
    for (;;) {
      try {
        return await file.write(record);
      } catch (error) {
        this.#note(`${error instanceof Error ? error.message : error}; trying again`);
        await pause(RETRY_MILLISECONDS);
      }
    }
  }

  /** Frees the lock, if held. */
  release(): void {
    this.#fence?.release();
    this.#fence = undefined;
  }

  async #openRecord(): Promise<MembershipGroup> {
    if (!this.#fence?.isInPlace()) throw new Error("The lock is not held on the file at its path");
    return await MembershipGroup.open(this.#fence.paths);
  }

  #tryLock(): void {
    if (this.#fence) return;
    this.#fence = Fence.try(this.#paths);
    if (!this.#fence) this.#foundLockBusy = true;
  }
}

/** The answer that counts when several records have been asked. */
function worst(answers: readonly PromotionDecision[]): PromotionDecision {
  for (const kind of WORST_FIRST) {
    const answer = answers.find(({ decision }) => decision === kind);
    if (answer) return answer;
  }
  throw new Error("No record has been asked");
}
