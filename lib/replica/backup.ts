/**
 * A backup: follows its primary's stream in lockstep, and takes over when the stream stalls and the rules
 * allow it (design section 6).
 */
import type { OperationRequest } from "../board/operation.ts";
import { fateAtPromotion } from "../board/virtio_slots.ts";
import type { HeaderRecord } from "../epoch/record.ts";
import type { Replica } from "../epoch/replica.ts";
import { LogError } from "../log/log_error.ts";
import type { LogItem } from "../log/record_decoder.ts";
import {
  BackupError,
  type BackupOptions,
  type BackupOutcome,
  type EpochEndVisit,
  type Takeover,
} from "./backup_terms.ts";
import { checkDisks } from "./named_disks.ts";
import { Claim } from "./claim.ts";
import { Follower } from "./follower.ts";
import { Intake } from "./intake.ts";
import type { FollowerExperience, PromotionDecision, PromotionView } from "./rules.ts";
import { ReplicaDisks } from "./replica_disks.ts";

/** Time given to a two-way stream to reach its end once the lock is held; acknowledgements cover it. */
const DRAIN_TICKS = 20_000_000;
/** How often a stalled backup asks, ticks: doubled from first to longest, since a lock may be held yet. */
const ASK_TICKS = { first: 10_000, longest: 200_000 } as const;
/** How often a backup that does not know whose its disk is probes, ticks. */
const PROBE_TICKS = 2_000_000;

/** One backup, from its stream's header to its promotion or its end. */
export class Backup {
  readonly #options: BackupOptions;
  readonly #intake: Intake;
  readonly #follower: Follower;
  #claim: Claim | undefined;
  #replicaDisks: ReplicaDisks | undefined;
  #prepared: Takeover | undefined;
  #operatorSaysPromote = false;
  #operatorSaysLeave = false;
  #noted = "";
  #probedTicks = 0;
  /** How often it has asked since it last heard something. */
  #asked = 0;
  readonly #visits: EpochEndVisit[] = [];
  #wake: (() => void) | undefined;
  #lockHeldTicks: number | undefined;
  /** When it last looked, and since when it has looked again and again. */
  #lookedTicks: number;
  #listeningTicks: number;

  /** Starts reading the stream. */
  constructor(options: BackupOptions) {
    this.#options = options;
    this.#lookedTicks = options.clock.monotonicTicks();
    this.#listeningTicks = this.#lookedTicks;
    this.#intake = new Intake(options.stream, options.clock);
    this.#follower = new Follower(this.#intake, options.clock, options.loop, {
      header: (header) => this.#header(header),
      joined: (replica) => this.#joined(replica),
      performed: (operation) => this.#replicaDisks?.apply(operation),
      record: (item) => this.#record(item),
    });
  }

  /** The replica, once it is in place. */
  get replica(): Replica | undefined {
    return this.#follower.replica;
  }

  /** Records in memory that wait to be executed: how far it lags behind. */
  get lagRecords(): number {
    return this.#intake.waiting;
  }

  /** Whether it holds the lock: it is about to be promoted, or its disk is a replica. */
  get holdsLock(): boolean {
    return this.#claim?.fence !== undefined;
  }

  /** The operator says that the primary has failed (only counts where no shared disk decides). */
  promoteNow(): void {
    this.#operatorSaysPromote = true;
    this.#wake?.();
  }

  /** The operator calls this backup off. */
  leave(): void {
    this.#operatorSaysLeave = true;
    this.#wake?.();
  }

  /** Visits the replica once it is in place, at the next epoch's end; what comes meanwhile is acknowledged. */
  atEpochEnd(visit: EpochEndVisit): void {
    this.#visits.push(visit);
    this.#wake?.();
  }

  /**
   * Follows until the machine ends, or this backup is promoted, left behind, or refused.
   *
   * @throws DivergenceError | LogError | HostFileError | BackupError When the replica, the stream or a disk is
   *   not what it should be.
   */
  async follow(): Promise<BackupOutcome> {
    try {
      for (;;) {
        await this.#follower.executeAvailable(() => this.#operatorSaysLeave);
        await this.#visited();
        const outcome = await this.#look();
        if (outcome) return outcome;
        await this.#pause();
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#intake.answer({ kind: "leave", reason: reason.slice(0, 1000) });
      this.#claim?.release();
      // Its disks' failure, if this is another one, adds nothing.
      await this.#close().catch(() => {});
      throw error;
    }
  }

  async #look(): Promise<BackupOutcome | undefined> {
    this.#noteLook();
    const { end } = this.#follower;
    const { failure } = this.#intake;
    if (end && end.reason !== "hand-over") {
      this.#applyOutstanding();
      return await this.#leave({ kind: "ended", end });
    }
    if (this.#operatorSaysLeave) {
      return await this.#leave({ kind: "stalled", reason: "The operator has called it off" });
    }
    if (failure instanceof LogError && this.#intake.empty) throw failure;
    if (!end && !this.#intake.over && !this.#silent()) {
      this.#noted = "";
      this.#asked = 0;
      await this.#probe();
      return undefined;
    }
    this.#asked++;
    return await this.#stalled();
  }

  /** A process that was stopped has not listened meanwhile: what came is not read yet. */
  #noteLook(): void {
    const { clock, silenceTicks } = this.#options;
    const now = clock.monotonicTicks();
    if (now - this.#lookedTicks > silenceTicks / 4) this.#listeningTicks = now;
    this.#lookedTicks = now;
  }

  #silent(): boolean {
    const { clock, silenceTicks } = this.#options;
    const since = Math.max(this.#intake.heardTicks, this.#listeningTicks);
    return clock.monotonicTicks() - since > silenceTicks;
  }

  #record(item: LogItem): Promise<void> | undefined {
    const waits = [this.#options.record?.(item), this.#replicaDisks?.room(), this.#visited()]
      .filter((wait) => wait);
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
  }

  /** Between two records the replica stands at an epoch's end. */
  #visited(): Promise<void> | undefined {
    const { replica } = this.#follower;
    if (!replica || this.#visits.length === 0) return undefined;
    const visits = this.#visits.splice(0).map((visit) => visit(replica, this.#intake.header!));
    return Promise.all(visits).then(() => {});
  }

  /** Rule 8, while the primary lives. */
  async #probe(): Promise<void> {
    const claim = this.#claim;
    if (!claim || claim.sharing !== "undecided") return;
    const now = this.#options.clock.monotonicTicks();
    if (now - this.#probedTicks < PROBE_TICKS) return;
    this.#probedTicks = now;
    await claim.probe(false);
  }

  async #stalled(): Promise<BackupOutcome | undefined> {
    const { replica } = this.#follower;
    const what = this.#follower.end
      ? "The primary hands over"
      : this.#intake.over
      ? "The stream has ended without an end record"
      : "The stream is silent";
    if (!replica) {
      const reason = `${what} before a whole snapshot`;
      if (this.#intake.over) return await this.#leave({ kind: "stalled", reason });
      this.#noteOnce(`${reason}: waiting for the rest`);
      return undefined;
    }
    if (this.#claim && this.#claim.sharing !== "replica") {
      return await this.#governed(what, replica);
    }
    return await this.#ungoverned(what, replica);
  }

  /** Nothing shared decides: the operator does. */
  async #ungoverned(what: string, replica: Replica): Promise<BackupOutcome | undefined> {
    const { onStall } = this.#options;
    if (onStall === "exit") return await this.#leave({ kind: "stalled", reason: what });
    if (onStall === "promote" || this.#operatorSaysPromote) {
      this.#intake.stop();
      if (!this.#intake.empty) return undefined;
      await this.#prepare(replica);
      return this.#promoted(`${what}; promoted on the operator's word`);
    }
    const why = onStall === "wait"
      ? "waiting as told"
      : this.#follower.end
      ? "no shared disk says to whom"
      : "nobody can tell whether the primary still runs";
    this.#noteOnce(`${what}; ${why}: send SIGUSR1 to promote this backup, SIGTERM to leave`);
    return undefined;
  }

  /** A shared disk or an arbiter file decides. */
  async #governed(what: string, replica: Replica): Promise<BackupOutcome | undefined> {
    const claim = this.#claim!;
    const view: Pick<PromotionView, "drained" | "execution" | "ready"> = {
      drained: this.#drained(),
      execution: this.#intake.empty ? "verified" : "behind",
      ready: this.#prepared !== undefined,
    };
    const answer: PromotionDecision = await claim.ask(view, {
      transport: this.#transport(),
      grewAfterEnd: this.#intake.grewAfterEnd,
    });
    switch (answer.decision) {
      case "follow":
        this.#noteOnce(`${what}, but the lock is held: following on`);
        return undefined;
      case "left-behind":
        return await this.#leave({ kind: "left-behind", reason: answer.reason });
      case "refuse":
        return await this.#leave({ kind: "stalled", reason: answer.reason });
      case "prepare":
        // With the lock in hand: read the stream once more to its end, then open everything.
        this.#lockHeldTicks ??= this.#options.clock.monotonicTicks();
        this.#options.stream.endAtPresentEnd();
        if (view.drained && view.execution === "verified") await this.#prepare(replica);
        return undefined;
      case "promote":
        return this.#promoted(`${what}; the lock is free and the record names this backup`);
    }
  }

  #transport(): FollowerExperience["transport"] {
    if (this.#intake.header?.acknowledged) return "two-way";
    return this.#intake.followsFile ? "file" : "pipe";
  }

  #drained(): boolean {
    if (this.#lockHeldTicks === undefined) return false;
    const waited = this.#options.clock.monotonicTicks() - this.#lockHeldTicks;
    // What such a stream still holds has not been acknowledged; nor will it be.
    if (waited > DRAIN_TICKS && this.#transport() === "two-way") this.#intake.stop();
    return this.#intake.over;
  }

  async #prepare(replica: Replica): Promise<void> {
    const { header } = this.#intake;
    const { configuration } = header!;
    const { disks } = configuration;
    if (this.#options.disks.length !== disks.length) {
      throw new BackupError(`Name the machine's disks to go on with it: it has ${disks.length}`);
    }
    await this.#replicaDisks?.close();
    const outstanding = replica.outstanding();
    const fate = (request: OperationRequest) => fateAtPromotion(request, configuration);
    const takeover: Takeover = {
      header: header!,
      replica,
      again: outstanding.filter(({ request }) => fate(request) === "again"),
      uncertain: outstanding.filter(({ request }) => fate(request) === "uncertain"),
      term: header!.term + 1,
      recordTicks: this.#follower.recordTicks,
    };
    await this.#options.prepare(takeover);
    this.#prepared = takeover;
  }

  #promoted(why: string): BackupOutcome {
    this.#options.note(why);
    // Whatever the old stream still says or how it fails is of no interest any more.
    void this.#intake.close();
    return { kind: "promoted", takeover: this.#prepared!, claim: this.#claim };
  }

  async #header(header: HeaderRecord): Promise<void> {
    const { disks, arbiter, stream } = this.#options;
    checkDisks(disks, header);
    const paths = disks.length > 0 ? disks : arbiter === undefined ? [] : [arbiter];
    if (paths.length === 0) return;
    this.#claim = new Claim(paths, {
      run: header.run,
      term: header.term,
      ...(header.member === undefined ? {} : { memberId: header.member }),
      ...(stream.identity && !header.acknowledged ? { oneWay: stream.identity } : {}),
    }, this.#options.note);
    await this.#claim.probe(false);
  }

  async #joined(replica: Replica): Promise<void> {
    const { header } = this.#intake;
    // The snapshot's records came after the lock was tried: the primary was alive then.
    let sharing = await this.#claim?.probe(true);
    // Rule 8: before it says that it has joined, a backup must have found the lock held.
    const began = this.#options.clock.monotonicTicks();
    while (sharing === "undecided" && !this.#claim!.foundLockBusy) {
      // A log that nobody writes any more: nothing to join, and the stall decides.
      if (this.#intake.over || this.#silent() || this.#operatorSaysLeave) return;
      // What was on its way when the primary died comes at once.
      if (this.#intake.heardTicks - began > this.#options.silenceTicks) {
        throw new BackupError(
          `Nobody holds the lock on ${
            this.#options.disks[0]
          }, and its record is that of a primary which ` +
            "lives: locks do not reach its file system, or the record was copied with the disk",
        );
      }
      this.#noteOnce("The disk's lock is free: waiting to see the primary alive");
      const woken = new Promise<void>((resolve) => this.#wake = resolve);
      await this.#options.loop.sleep(ASK_TICKS.longest, woken);
      sharing = await this.#claim!.probe(true);
    }
    if (sharing === "replica") await this.#openReplicaDisks(header!);
    this.#intake.answer({
      kind: "joined",
      epoch: replica.epoch,
      sharedDisk: this.#claim !== undefined && sharing !== "replica",
    });
  }

  async #openReplicaDisks(header: HeaderRecord): Promise<void> {
    const { disks, arbiter } = this.#options;
    if (disks.length === 0) {
      throw new BackupError(`Nobody holds ${arbiter}: it is not the primary's arbiter file`);
    }
    const owner = await this.#claim!.foreignOwner();
    if (owner !== undefined) throw new BackupError(`Cannot keep ${disks[0]} as a copy: ${owner}`);
    this.#replicaDisks = await ReplicaDisks.open(disks, header);
    this.#options.note("The disk is this backup's own copy of the primary's");
  }

  /** A primary that ends its log has performed what was under way, and nobody tells how it went. */
  #applyOutstanding(): void {
    for (const operation of this.#follower.replica?.outstanding() ?? []) {
      this.#replicaDisks?.apply(operation);
    }
  }

  async #leave(outcome: BackupOutcome): Promise<BackupOutcome> {
    await this.#close();
    this.#claim?.release();
    return outcome;
  }

  async #close(): Promise<void> {
    await this.#replicaDisks?.close();
    await this.#intake.close();
  }

  async #pause(): Promise<void> {
    const woken = new Promise<void>((resolve) => this.#wake = resolve);
    // A stream that is over has nothing more to say; what is waited for then is the lock, or a word.
    const news = this.#intake.over ? woken : Promise.race([this.#intake.arrival(), woken]);
    const { first, longest } = ASK_TICKS;
    const ticks = this.#asked === 0 ? longest : Math.min(first * 2 ** this.#asked, longest);
    await this.#options.loop.sleep(ticks, news);
  }

  #noteOnce(text: string): void {
    if (text === this.#noted) return;
    this.#noted = text;
    this.#options.note(text);
  }
}
