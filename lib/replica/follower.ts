/** A replica that follows a stream: restores its snapshot and executes its epochs as they come. */
import type { HostClock, HostLoop } from "../epoch/host.ts";
import type { EndRecord, HeaderRecord } from "../epoch/record.ts";
import type { Replica, ReplicaEvents } from "../epoch/replica.ts";
import type { LogItem } from "../log/record_decoder.ts";
import type { Intake } from "./intake.ts";
import { SnapshotRestorer } from "./restore.ts";

/**
 * Steps between two turns of the event loop, so that records are acknowledged while an epoch runs, and
 * slow paths: half a millisecond of a guest that computes, about four of one that does little but trap.
 */
const SLICE = { steps: 1_000_000, slowPaths: 8_000 } as const;
/** Executed epochs are reported at most this often, ticks. */
const REPORT_TICKS = 100_000;

/** What a follower tells. */
export interface FollowerEvents extends ReplicaEvents {
  /** The header has come; nothing has been executed. */
  header?(header: HeaderRecord): Promise<void>;
  /** The snapshot is in place, its digest verified. */
  joined?(replica: Replica): Promise<void>;
  /** A record has been executed, or passed over; what is behind it waits for the promise, if any. */
  record?(item: LogItem): Promise<void> | undefined;
}

/** Executes what an intake takes in. */
export class Follower {
  #restorer: SnapshotRestorer | undefined;
  #replica: Replica | undefined;
  #end: EndRecord | undefined;
  #recordTicks: number;
  #reportedTicks = 0;
  #reportedEpoch = -1;
  #headerSeen = false;

  /** Nothing happens before {@linkcode executeAvailable}. */
  constructor(
    private readonly intake: Intake,
    private readonly clock: HostClock,
    private readonly loop: HostLoop,
    private readonly events: FollowerEvents = {},
  ) {
    this.#recordTicks = clock.monotonicTicks();
  }

  /** The replica, once the first snapshot is in place. */
  get replica(): Replica | undefined {
    return this.#replica;
  }

  /** The record that ended the stream, once everything before it has been executed. */
  get end(): EndRecord | undefined {
    return this.#end;
  }

  /** When the last executed record came, in ticks of the host's clock. */
  get recordTicks(): number {
    return this.#recordTicks;
  }

  /**
   * Executes everything that is in memory.
   *
   * @param enough Asked before each record: whether to leave the rest.
   * @throws DivergenceError When the replica is no longer the machine that the log describes.
   */
  async executeAvailable(enough: () => boolean = () => false): Promise<void> {
    while (!enough()) {
      const item = this.intake.take();
      if (!item) break;
      await this.#accept(item);
      const wait = this.events.record?.(item);
      if (wait) await wait;
    }
    this.#report(true);
  }

  async #accept(item: LogItem): Promise<void> {
    const { record } = item;
    switch (record.kind) {
      case "header":
        await this.events.header?.(record);
        this.#headerSeen = true;
        return;
      case "epoch":
        return await this.#execute(item);
      case "end":
        this.#replica?.conclude(record);
        this.#end = record;
        return;
      case "note":
      case "heartbeat":
        return;
      default:
        await this.#snapshot(item);
        return await this.loop.turn();
    }
  }

  async #snapshot(item: LogItem): Promise<void> {
    const { record } = item;
    if (this.#replica) {
      // A later key snapshot of the machine that we are: only its digest matters.
      if (record.kind === "snapshot-commit") this.#replica.verify(record);
      return;
    }
    const { header } = this.intake;
    if (!header || !this.#headerSeen) throw new Error("A snapshot came before its header");
    this.#restorer ??= new SnapshotRestorer(header);
    this.#replica = this.#restorer.accept(item, this.events);
    if (!this.#replica) return;
    this.#restorer = undefined;
    this.#recordTicks = this.intake.takenTicks;
    await this.events.joined?.(this.#replica);
  }

  async #execute({ record }: LogItem): Promise<void> {
    const replica = this.#replica;
    if (!replica || record.kind !== "epoch") throw new Error("An epoch came before its snapshot");
    this.#recordTicks = this.intake.takenTicks;
    replica.begin(record);
    let slices = 0;
    while (!replica.advance(SLICE.steps, SLICE.slowPaths)) {
      slices++;
      await this.#turn(replica);
    }
    if (slices === 0) await this.#turn(replica);
    this.#report(false);
  }

  /** Where operations are outstanding, the primary's guest waits for what is acknowledged here. */
  #turn({ machine }: Replica): Promise<void> {
    return this.loop.turn(machine.outstanding.size > 0 ? "answers" : "records");
  }

  #report(now: boolean): void {
    if (!this.#replica || !this.intake.header?.acknowledged) return;
    const { epoch } = this.#replica;
    const ticks = this.clock.monotonicTicks();
    if (epoch === this.#reportedEpoch) return;
    if (!now && ticks - this.#reportedTicks < REPORT_TICKS) return;
    this.#reportedTicks = ticks;
    this.#reportedEpoch = epoch;
    this.intake.answer({ kind: "executed", epoch });
  }
}
