/**
 * The live machine's members: who is waited for, who is named in the membership record, who is removed
 * (design section 6, rules 1 to 3). The decisions are those of `rules.ts`; here they meet real streams
 * and a real record file.
 */
import type { EndRecord, EpochRecord } from "../epoch/record.ts";
import type { HostClock, HostLoop } from "../epoch/host.ts";
import { errorText } from "../host/fault.ts";
import type { Attachment, AttachmentEvents } from "./attachment.ts";
import { Patience } from "./patience.ts";
import type { FileIdentity, MemberName, MembershipRecord, RecordKnowledge } from "./rules.ts";
import {
  durablyWritten,
  mayAdd,
  mayFreeLock,
  mayPerform,
  membersWaitedFor,
  recordWith,
  recordWithout,
  writeBegun,
  writeFailed,
} from "./rules.ts";

/** Where the membership record is kept. Absent when nothing arbitrates. */
export interface MembershipStore {
  /** Makes the record durable (rule 1). Rejects when that is not certain. */
  write(record: MembershipRecord): Promise<void>;
}

/** How long the roster waits. Ticks of 100 ns. */
export interface RosterLimits {
  /** An output that waits longer than this for a member's acknowledgement removes the member. */
  readonly silenceTicks: number;
  /** Pause before a membership write that failed is tried again. */
  readonly retryTicks: number;
}

/** What the command line uses. */
export const DEFAULT_LIMITS: RosterLimits = { silenceTicks: 20_000_000, retryTicks: 2_000_000 };

/** What the roster tells its machine. */
export interface RosterEvents {
  /** More outputs may leave. */
  commitAdvanced(): void;
  /** Something to tell a person, in one line. */
  note(text: string): void;
}

/** Where an attached reader stands. */
type Standing =
  /** It has not got its whole snapshot yet. Nobody waits for it. */
  | "joining"
  /** It has its snapshot; it is waited for, and not named yet. */
  | "adding"
  /** It may be promoted, or (without a shared disk) its operator may do so. It is waited for. */
  | "member"
  /** Waited for until its removal is durable. */
  | "removing";

interface Entry {
  readonly attachment: Attachment;
  readonly member: MemberName;
  standing: Standing;
  /** Whether the membership record governs it; a replica with a disk of its own is not named there. */
  governed: boolean;
  patience: Patience;
  reason: string;
}

/** What a status line shows about the members. */
export type Protection = "protected" | "joining" | "SOLO";

/** The members of a live machine. */
export class Roster implements AttachmentEvents {
  readonly #entries = new Map<string, Entry>();
  #knowledge: RecordKnowledge | undefined;
  #reconciling = false;
  #ending = false;
  #retryAt = 0;
  /** Resolves when the membership write under way, if any, has succeeded or failed. */
  #written: Promise<void> = Promise.resolve();
  /** The last failure of a membership write that has been told. */
  #complaint = "";
  #watchedAt = 0;
  /** Bytes sent to readers that have gone. */
  #bytesToGone = 0;
  #roomWaiters: (() => void)[] = [];
  #latestEpoch = 0;
  /** Last epoch with an output already handed to its device. */
  #dispatchedEpoch = 0;

  /**
   * Starts without members.
   *
   * @param clock Measures silences.
   * @param loop Waits.
   * @param events Where to tell.
   * @param store The membership record file, with the record that stands in it.
   */
  constructor(
    private readonly clock: HostClock,
    private readonly loop: HostLoop,
    private readonly events: RosterEvents,
    private readonly store?: { readonly file: MembershipStore; readonly record: MembershipRecord },
    private readonly limits: RosterLimits = DEFAULT_LIMITS,
  ) {
    this.#knowledge = store ? durablyWritten(store.record) : undefined;
  }

  /** Attaches a reader that takes a snapshot now. */
  attach(id: string, attachment: Attachment, oneWay?: FileIdentity): void {
    const member = oneWay ? { id, oneWay } : { id };
    this.#entries.set(id, {
      attachment,
      member,
      standing: "joining",
      governed: this.#knowledge !== undefined,
      patience: new Patience(),
      reason: "",
    });
  }

  /** An epoch is over; sends its record to everyone, if there is anyone. */
  epochEnded(epoch: number, record: EpochRecord | undefined): void {
    this.#latestEpoch = epoch;
    if (!record) return;
    for (const { attachment } of this.#entries.values()) attachment.send(record);
  }

  /** The epoch up to which outputs may leave: everyone waited for has acknowledged it. */
  get committedEpoch(): number {
    let epoch = this.#latestEpoch;
    for (const member of this.#waitedFor()) {
      epoch = Math.min(epoch, this.#acknowledged(member));
    }
    return epoch;
  }

  /** Tells that outputs of this epoch have been handed to their devices. */
  dispatched(epoch: number): void {
    if (!mayPerform(epoch, this.#waitedFor(), (member) => this.#acknowledged(member))) {
      throw new Error(`Output of epoch ${epoch} left before its commit`);
    }
    this.#dispatchedEpoch = Math.max(this.#dispatchedEpoch, epoch);
  }

  /** Whether somebody could take over. */
  get protection(): Protection {
    let joining = false;
    for (const { standing } of this.#entries.values()) {
      if (standing === "member") return "protected";
      joining ||= standing !== "removing";
    }
    return joining ? "joining" : "SOLO";
  }

  /** Attached readers, for a status line. */
  get attachments(): readonly Attachment[] {
    return [...this.#entries.values()].map(({ attachment }) => attachment);
  }

  /** Bytes handed to readers so far, those that have gone included. */
  get sentBytes(): number {
    return this.attachments.reduce((sum, { sentBytes }) => sum + sentBytes, this.#bytesToGone);
  }

  /** Resolves when no member's queue is too long; undefined when none is. */
  room(): Promise<void> | undefined {
    if (!this.attachments.some((attachment) => attachment.full)) return undefined;
    return new Promise((resolve) => {
      this.#roomWaiters.push(resolve);
    });
  }

  /**
   * Looks for members that hold up outputs or the guest for too long, and retries a failed membership
   * write. To be called every few milliseconds.
   *
   * @param oldestHeldEpoch Epoch of the oldest output that waits, if any.
   */
  watch(oldestHeldEpoch: number | undefined): void {
    const now = this.clock.monotonicTicks();
    // A stopped process has not read what its members acknowledged meanwhile: that is not their silence.
    const wasAway = now - this.#watchedAt > this.limits.silenceTicks / 2;
    this.#watchedAt = now;
    const waitedFor = new Set(this.#waitedFor().map((member) => member.id));
    for (const entry of this.#entries.values()) {
      if (wasAway) entry.patience = new Patience();
      const { full, sentBytes, acknowledgedEpoch, unacknowledgedEpoch } = entry.attachment;
      const waits = waitedFor.has(entry.member.id);
      const holdsOutput = waits && acknowledgedEpoch < (oldestHeldEpoch ?? -1);
      const silence = entry.patience.look(now, {
        outputEpoch: holdsOutput ? oldestHeldEpoch : undefined,
        recordEpoch: waits ? unacknowledgedEpoch : undefined,
        fullAtBytes: full ? sentBytes : undefined,
      });
      if (silence < this.limits.silenceTicks) continue;
      this.#remove(entry, `it has not acknowledged for ${Math.round(silence / 10_000)} ms`);
    }
    this.#reconcile();
  }

  /**
   * Ends everybody's stream. A clean end first takes all members out of the record, durably (rule 6);
   * a hand-over leaves them in.
   */
  async end(record: EndRecord): Promise<void> {
    // From here on streams end because we end them: nobody is removed for that (rule 6, hand-over).
    this.#ending = true;
    for (const { attachment } of this.#entries.values()) attachment.send(record);
    const ended = [...this.#entries.values()].map(({ attachment }) => attachment.finish());
    await this.loop.sleep(this.limits.silenceTicks, Promise.all(ended).then(() => {}));
    await this.#written;
    if (record.reason !== "hand-over") await this.#emptyRecord();
    for (const [id, { attachment }] of this.#entries) this.#letGo(id, attachment);
  }

  /** Takes everybody out of the record for certain, before the lock may be freed (rule 6). */
  async #emptyRecord(): Promise<void> {
    while (this.#knowledge && !mayFreeLock("clean", this.#knowledge)) {
      const { durable } = this.#knowledge;
      this.#write(recordWithout(durable, durable.members), () => {});
      await this.#written;
      if (mayFreeLock("clean", this.#knowledge)) return;
      await this.loop.sleep(this.limits.retryTicks, new Promise(() => {}));
    }
  }

  /** It has acknowledged more, or its queue has room. */
  progressed(attachment: Attachment): void {
    const entry = this.#entryOf(attachment);
    if (!entry) return;
    // The kernel has the whole snapshot of a one-way stream: that is all one can know of it.
    if (
      !attachment.twoWay && entry.standing === "joining" &&
      attachment.acknowledgedEpoch >= attachment.epoch
    ) {
      entry.standing = "adding";
    }
    this.#reconcile();
    this.#changed();
  }

  /** It has its snapshot, verified: it may be added. */
  joined(attachment: Attachment, sharedDisk: boolean): void {
    const entry = this.#entryOf(attachment);
    if (!entry || entry.standing !== "joining") return;
    entry.governed &&= sharedDisk;
    entry.standing = "adding";
    this.#reconcile();
    this.#changed();
  }

  /** Its stream has ended: it is removed. */
  lost(attachment: Attachment, reason: string): void {
    const entry = this.#entryOf(attachment);
    if (entry) this.#remove(entry, reason);
  }

  #entryOf(attachment: Attachment): Entry | undefined {
    return attachment.id === undefined ? undefined : this.#entries.get(attachment.id);
  }

  #remove(entry: Entry, reason: string): void {
    if (entry.standing === "removing") return;
    entry.standing = "removing";
    entry.reason = reason;
    this.#reconcile();
    this.#changed();
  }

  #acknowledged(member: MemberName): number {
    return this.#entries.get(member.id)?.attachment.acknowledgedEpoch ?? -1;
  }

  #waitedFor(): readonly MemberName[] {
    const joining: MemberName[] = [];
    for (const { member, standing, governed } of this.#entries.values()) {
      const waits = standing === "adding" || (standing === "member" && !governed);
      if (waits) joining.push(member);
    }
    return this.#knowledge ? membersWaitedFor(this.#knowledge, joining) : joining;
  }

  /** Brings record and entries together, one write at a time. */
  #reconcile(): void {
    if (this.#reconciling || this.#ending) return;
    this.#reconciling = true;
    try {
      this.#forgetRemoved();
      // Outputs wait for a removal; nobody waits for an adding.
      this.#beginRemoving();
      for (const entry of this.#entries.values()) {
        if (entry.standing === "adding" && this.#mayAdd(entry)) this.#beginAdding(entry);
      }
    } finally {
      this.#reconciling = false;
    }
  }

  #mayAdd(entry: Entry): boolean {
    const candidate = {
      member: entry.member,
      snapshotInPlace: true,
      streamLive: !entry.attachment.gone,
      acknowledgedEpoch: entry.attachment.acknowledgedEpoch,
    };
    // Without a record nothing is written, so nothing can be under way.
    const knowledge = this.#knowledge ?? durablyWritten({ run: "", term: 0, members: [] });
    return mayAdd(candidate, [entry.member], this.#dispatchedEpoch, knowledge);
  }

  #beginAdding(entry: Entry): void {
    if (!entry.governed || !this.#knowledge) {
      entry.standing = "member";
      const why = this.#knowledge ? "it has a disk of its own" : "no disk arbitrates";
      this.events.note(`Backup ${short(entry.member)} has joined: protected (${why})`);
      return;
    }
    if (this.clock.monotonicTicks() < this.#retryAt) return;
    this.#write(recordWith(this.#knowledge.durable, entry.member), () => {
      if (entry.standing !== "adding") return;
      entry.standing = "member";
      this.events.note(`Backup ${short(entry.member)} has joined: protected`);
    });
  }

  #beginRemoving(): void {
    const knowledge = this.#knowledge;
    if (!knowledge || knowledge.writing || this.clock.monotonicTicks() < this.#retryAt) return;
    const leaving = membersWaitedFor(knowledge, []).filter((member) => {
      const entry = this.#entries.get(member.id);
      return !entry || entry.standing === "removing";
    });
    if (leaving.length > 0) this.#write(recordWithout(knowledge.durable, leaving), () => {});
  }

  #write(next: MembershipRecord, then: () => void): void {
    if (!this.#knowledge || !this.store) throw new Error("There is no membership record to write");
    this.#knowledge = writeBegun(this.#knowledge, next);
    this.#written = this.store.file.write(next).then(() => {
      this.#knowledge = durablyWritten(next);
      this.#complaint = "";
      then();
    }, (error) => {
      this.#knowledge = writeFailed(this.#knowledge!);
      this.#retryAt = this.clock.monotonicTicks() + this.limits.retryTicks;
      this.#complain(errorText(error));
    }).then(() => {
      this.#reconcile();
      this.#changed();
    });
  }

  #complain(failure: string): void {
    if (failure === this.#complaint) return;
    this.#complaint = failure;
    this.events.note(`${failure}; outputs that need it wait, trying again`);
  }

  /** Closes the streams of those whose removal is durable (the record first, then the stream). */
  #forgetRemoved(): void {
    for (const [id, { attachment, member, standing, reason }] of this.#entries) {
      if (standing !== "removing" || this.#named(id)) continue;
      this.#letGo(id, attachment);
      const solo = this.protection === "SOLO" ? "; the machine goes on SOLO" : "";
      this.events.note(`Backup ${short(member)} is removed: ${reason}${solo}`);
    }
  }

  #letGo(id: string, attachment: Attachment): void {
    this.#entries.delete(id);
    this.#bytesToGone += attachment.sentBytes;
    attachment.close();
  }

  #named(id: string): boolean {
    return this.#knowledge !== undefined &&
      membersWaitedFor(this.#knowledge, []).some((member) => member.id === id);
  }

  #changed(): void {
    this.events.commitAdvanced();
    if (!this.attachments.some((attachment) => attachment.full)) {
      for (const resolve of this.#roomWaiters.splice(0)) resolve();
    }
  }
}

/** First digits of a member id, enough for a person. */
function short(member: MemberName): string {
  return member.id.slice(0, 8);
}
