/**
 * The rules of the membership protocol as pure functions (design section 6). Primary, backup and
 * `run` ask them; `tests/protocol` exhausts a model of the protocol with the very same functions.
 *
 * Nothing here performs anything: a caller observes, asks, acts on the answer, and asks again. Rules 1
 * to 8 are those of the design. Positions are epochs: a member has acknowledged epoch E when the records
 * of its stream up to and including epoch E are whole, checked and in its memory (two-way stream), or
 * when the kernel has taken them (one-way stream).
 */
import type { OperationKind } from "../board/operation.ts";

/** What `fstat` says about an open pipe or file, the same on both of its ends (rule 7). */
export interface FileIdentity {
  /** Device number. */
  readonly device: number;
  /** Inode number. */
  readonly inode: number;
}

/** One attachment of one backup: its random id, never reused, and with a one-way stream its pipe. */
export interface MemberName {
  /** 32 hex digits, made by the primary for this attachment. */
  readonly id: string;
  /** Present when the stream goes one way: the identity of its pipe or file (rule 7). */
  readonly oneWay?: FileIdentity;
}

/** The membership record beside the disk image: who may be promoted (rules 1 to 6). */
export interface MembershipRecord {
  /** Run id, 32 hex digits. */
  readonly run: string;
  /** 1 for the machine that booted; each promotion adds one. */
  readonly term: number;
  /** Those that may be promoted; empty: solo. */
  readonly members: readonly MemberName[];
}

/**
 * What the holder of the lock knows about its own record (rules 1 and 3).
 *
 * On the disk stands `durable` or one of `unsure`: writes begun since then and not known to be durable,
 * because they are under way or because they failed. The next durable write settles all of them, since
 * it takes the same slot: the one that does not hold `durable`.
 */
export interface RecordKnowledge {
  /** The last record known to be durable. */
  readonly durable: MembershipRecord;
  /** Records begun since, oldest first, whose outcome is not known. */
  readonly unsure: readonly MembershipRecord[];
  /** A write is under way: the next one waits (rule 1, "serialised"). */
  readonly writing: boolean;
}

/** The record of a run that begins: its own, naming nobody (rule 6). */
export function firstRecord(run: string): MembershipRecord {
  return { run, term: 1, members: [] };
}

/** The record that adds a member (rule 3). */
export function recordWith(record: MembershipRecord, member: MemberName): MembershipRecord {
  return { ...record, members: [...record.members, member] };
}

/** The record that removes members (rule 2). Without anybody left this is going solo. */
export function recordWithout(
  record: MembershipRecord,
  members: readonly MemberName[],
): MembershipRecord {
  const kept = record.members.filter((named) => !members.some((gone) => gone.id === named.id));
  return { ...record, members: kept };
}

/** The record of a promotion: a new term, and nobody else may be promoted from now on (rule 4). */
export function promotedRecord(record: MembershipRecord): MembershipRecord {
  return { run: record.run, term: record.term + 1, members: [] };
}

/** Knowledge after a write that is known to be durable. */
export function durablyWritten(record: MembershipRecord): RecordKnowledge {
  return { durable: record, unsure: [], writing: false };
}

/** Knowledge from just before a write begins: from here on it counts as both outcomes (rule 3). */
export function writeBegun(knowledge: RecordKnowledge, next: MembershipRecord): RecordKnowledge {
  if (knowledge.writing) throw new Error("Membership writes are serialised: one is under way");
  const { durable, unsure } = knowledge;
  // A write that is tried again and again adds nothing to what may stand there.
  const known = unsure.some((other) => sameRecord(other, next));
  return { durable, unsure: known ? unsure : [...unsure, next], writing: true };
}

function sameRecord(one: MembershipRecord, other: MembershipRecord): boolean {
  return one.run === other.run && one.term === other.term &&
    one.members.length === other.members.length &&
    one.members.every(({ id }, index) => id === other.members[index]?.id);
}

/** Knowledge after the write under way has failed: it stays both, until a later one is durable. */
export function writeFailed(knowledge: RecordKnowledge): RecordKnowledge {
  return { ...knowledge, writing: false };
}

/**
 * Whether an operation waits for output commit (invariant 4). Reads and random bytes change nothing
 * outside and need not wait; everything else does, console output and network frames included.
 */
export function waitsForCommit(kind: OperationKind | "console-output"): boolean {
  return kind !== "disk-read" && kind !== "entropy";
}

/**
 * The members whose acknowledgements the primary waits for: whoever the record may name, under either
 * outcome of an unsure write, and whoever is about to be added (rules 2 and 3). A member is so waited
 * for from before the write that adds it until after the write that removes it is durable.
 */
export function membersWaitedFor(
  knowledge: RecordKnowledge,
  joining: readonly MemberName[],
): readonly MemberName[] {
  const found = new Map<string, MemberName>();
  for (const record of [knowledge.durable, ...knowledge.unsure]) {
    for (const member of record.members) found.set(member.id, member);
  }
  for (const member of joining) found.set(member.id, member);
  return [...found.values()];
}

/** Those of the members waited for that have not acknowledged `epoch`: to wait for, or to remove. */
export function whoBlocks(
  epoch: number,
  waitedFor: readonly MemberName[],
  acknowledged: (member: MemberName) => number,
): readonly MemberName[] {
  return waitedFor.filter((member) => acknowledged(member) < epoch);
}

/**
 * Output commit (invariant 4, rule 2): whether an operation issued in `epoch` may be performed. Not
 * before every member that may be promoted has acknowledged that epoch.
 */
export function mayPerform(
  epoch: number,
  waitedFor: readonly MemberName[],
  acknowledged: (member: MemberName) => number,
): boolean {
  return waitedFor.every((member) => acknowledged(member) >= epoch);
}

/** A backup that has attached and is not in the record yet. */
export interface Candidate {
  /** As the record would name it. */
  readonly member: MemberName;
  /** Its snapshot is whole and the digest verified; on a one-way stream: the kernel has taken it. */
  readonly snapshotInPlace: boolean;
  /** Its stream has neither ended nor failed. */
  readonly streamLive: boolean;
  /** Last epoch that it has acknowledged; its snapshot's epoch to begin with. */
  readonly acknowledgedEpoch: number;
}

/**
 * The adding rule (rule 3): whether the primary may now begin the write that names a candidate.
 * `dispatchedEpoch` is the last epoch that issued an operation already handed to its device, among
 * those that wait for commit. `joining` are the candidates that `mayPerform` already waits for.
 */
export function mayAdd(
  candidate: Candidate,
  joining: readonly MemberName[],
  dispatchedEpoch: number,
  knowledge: RecordKnowledge,
): boolean {
  return !knowledge.writing &&
    candidate.snapshotInPlace &&
    candidate.streamLive &&
    joining.some((member) => member.id === candidate.member.id) &&
    candidate.acknowledgedEpoch >= dispatchedEpoch;
}

/** How a primary ends on purpose: for good, or handing over to a backup. */
export type Ending = "clean" | "hand-over";

/**
 * Whether a primary that ends may free the lock (rule 6): a clean end first takes all members out,
 * durably, since the machine has finished and nobody may go on with it; a hand-over does not. Never while
 * a write is under way, which might reach the disk after the next holder's.
 */
export function mayFreeLock(ending: Ending, knowledge: RecordKnowledge): boolean {
  if (knowledge.writing) return false;
  return ending === "hand-over" || membersWaitedFor(knowledge, []).length === 0;
}

/** What stands in the two slots of a membership record file. */
export type RecordFound =
  | { readonly found: "record"; readonly record: MembershipRecord }
  /** No file, or no slot was ever written whole. */
  | { readonly found: "nothing" }
  /** Slots were written, and none is valid. */
  | { readonly found: "damage" };

/** May this process write to the disk whose lock it holds? */
export type StartDecision =
  | { readonly decision: "start" }
  | { readonly decision: "refuse"; readonly reason: string };

/**
 * Rule 6: whoever takes the lock to write (`run`, `record`, `primary`) asks this first. After `start`
 * its own record must be durable before its first operation.
 */
export function startDecision(
  found: RecordFound,
  ownRun: string,
  newRun: boolean,
): StartDecision {
  if (newRun || found.found === "nothing") return { decision: "start" };
  if (found.found === "damage") {
    return {
      decision: "refuse",
      reason: "The disk's membership record is damaged; --new-run gives up whoever it named",
    };
  }
  const { run, members } = found.record;
  if (run === ownRun || members.length === 0) return { decision: "start" };
  return {
    decision: "refuse",
    reason: `The disk belongs to run ${run}, which has ${members.length} ` +
      `backup${members.length === 1 ? "" : "s"} that may be promoted; --new-run gives it up`,
  };
}

/** What a backup knows about itself from the header of its stream, and from `fstat`. */
export interface FollowerIdentity {
  /** Run id of its primary. */
  readonly run: string;
  /** Term of its primary. */
  readonly term: number;
  /** Absent when the log carries no member id: nobody is promoted from it. */
  readonly memberId?: string;
  /** Identity of the stream it reads; absent when the stream goes both ways. */
  readonly oneWay?: FileIdentity;
}

/** What a backup has seen of its primary while it followed the stream. */
export interface FollowerExperience {
  /** `pipe` and `two-way` do not survive a restart of the host, a `file` does. */
  readonly transport: "two-way" | "pipe" | "file";
  /** It found the lock busy at least once. */
  readonly foundLockBusy: boolean;
  /** A whole record came from behind the end that the file had when it was opened. */
  readonly grewAfterEnd: boolean;
}

/**
 * Rule 7: a reader that has never found the lock held while it followed is not promoted, since after a
 * restart of the host a log may lack performed operations. A busy lock alone does not prove a primary:
 * another backup that probes it, or a `run` about to be refused, holds it for a moment too. So the reader
 * of a file must also have seen the file grow.
 */
export function sawPrimaryAlive(seen: FollowerExperience): boolean {
  return seen.foundLockBusy && (seen.transport !== "file" || seen.grewAfterEnd);
}

/** What a backup that has stalled sees when it asks whether to be promoted. */
export interface PromotionView {
  /** `held`: by this backup, now. `busy`: by somebody else. */
  readonly lock: "held" | "busy";
  /** Read with the lock in that state: after obtaining it, when `held`. */
  readonly found: RecordFound;
  /** Who asks. */
  readonly self: FollowerIdentity;
  /** See {@linkcode sawPrimaryAlive} (rule 7). */
  readonly sawPrimaryAlive: boolean;
  /** With the lock in hand it has read its stream to its end, or a file to its present end (rule 4). */
  readonly drained: boolean;
  /** Of the records read: some still to be executed, all executed with equal digests, or a difference. */
  readonly execution: "behind" | "verified" | "diverged";
  /** Everything that the live machine will need is open. */
  readonly ready: boolean;
}

/**
 * - `promote`: write {@linkcode promotedRecord} durably, then log the promotion, then perform.
 * - `prepare`: keep the lock; drain, execute, verify and open what is missing, and ask again.
 * - `follow`: keep following and ask again later, with back-off.
 * - `left-behind`: stop and free the lock; only joining again helps.
 * - `refuse`: stop and free the lock; this reader is never promoted.
 */
export type PromotionDecision =
  | { readonly decision: "promote" }
  | { readonly decision: "prepare" }
  | { readonly decision: "follow" }
  | { readonly decision: "left-behind"; readonly reason: string }
  | { readonly decision: "refuse"; readonly reason: string };

/** Rules 4, 5 and 7: what a backup does that has stalled. Asked again whenever its view changes. */
export function promotionDecision(view: PromotionView): PromotionDecision {
  const { self, found } = view;
  if (self.memberId === undefined) {
    return { decision: "refuse", reason: "The log names no member that may be promoted" };
  }
  if (view.execution === "diverged") {
    return { decision: "refuse", reason: "The replay diverged from the log" };
  }
  if (found.found === "record") {
    const { run, term } = found.record;
    if (run !== self.run) {
      return { decision: "left-behind", reason: `The disk now belongs to run ${run}` };
    }
    if (term > self.term) {
      return {
        decision: "left-behind",
        reason: `The machine goes on in term ${term}, this log is of term ${self.term}`,
      };
    }
  }
  if (view.lock === "busy") return { decision: "follow" };
  if (found.found !== "record") {
    return { decision: "refuse", reason: "The disk has no valid membership record" };
  }
  if (found.record.term < self.term) {
    return {
      decision: "refuse",
      reason: `The membership record is of term ${found.record.term}, ` +
        `older than this log's term ${self.term}`,
    };
  }
  const named = found.record.members.find((member) => member.id === self.memberId);
  if (named === undefined) {
    return { decision: "left-behind", reason: "The membership record does not name this backup" };
  }
  if (!sameFile(named.oneWay, self.oneWay)) {
    return {
      decision: "refuse",
      reason: "The log comes from another pipe or file than the one its primary wrote",
    };
  }
  if (!view.sawPrimaryAlive) {
    return {
      decision: "refuse",
      reason: "The primary was never seen alive, so the log may lack performed operations",
    };
  }
  if (!view.drained || view.execution === "behind" || !view.ready) return { decision: "prepare" };
  return { decision: "promote" };
}

/** Whether two ends are those of one pipe or file; both absent: a two-way stream (rule 7). */
export function sameFile(one: FileIdentity | undefined, other: FileIdentity | undefined): boolean {
  return one?.device === other?.device && one?.inode === other?.inode;
}

/** What a joining backup sees when it tries the lock of its disk while its primary lives. */
export interface DiskView {
  /** `held`: by this backup, now. `busy`: by somebody else. */
  readonly lock: "held" | "busy";
  /** The record beside this backup's own disk. */
  readonly found: RecordFound;
  /** Who asks. */
  readonly self: FollowerIdentity;
  /** The primary said something after this backup had obtained the lock, so it is alive. */
  readonly heardWhileHeld: boolean;
}

/**
 * Rule 8: is the disk really the primary's own? `shared`: the lock is busy and the record names this
 * fresh member id. `replica`: this backup has got the lock although its primary lives. `undecided`: ask
 * again; the primary may not have written the record yet, or may just have died.
 */
export function diskDecision(view: DiskView): "shared" | "replica" | "undecided" {
  if (view.lock === "held") return view.heardWhileHeld ? "replica" : "undecided";
  const named = view.found.found === "record" &&
    view.found.record.run === view.self.run &&
    view.found.record.term === view.self.term &&
    view.found.record.members.some((member) => member.id === view.self.memberId);
  return named ? "shared" : "undecided";
}
