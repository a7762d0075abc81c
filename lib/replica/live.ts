/**
 * A live machine with all that hangs on it: its hypervisor, its devices behind output commit, its log
 * and its members. `run`, `record`, `primary` and a promoted backup are all one of these.
 */
import type { Operation } from "../board/operation.ts";
import { Arrivals, type Outlet } from "../epoch/host.ts";
import { Hypervisor, type StopReason } from "../epoch/hypervisor.ts";
import type { EndRecord, EpochRecord } from "../epoch/record.ts";
import { errorText } from "../host/fault.ts";
import { type LogFigures, LogStatistics } from "../log/log_statistics.ts";
import type { SnapshotRecords } from "../log/snapshot_records.ts";
import { Attachment, type AttachmentEvents, type PendingRecords } from "./attachment.ts";
import { Dispatcher, type DispatcherCounts } from "./dispatcher.ts";
import { randomId } from "./identity.ts";
import type { LiveFigures, LiveOptions, LivePromotion } from "./live_options.ts";
import type { LogFiles } from "./log_files.ts";
import { LogSeries } from "./log_series.ts";
import type { MachineLog } from "./machine_log.ts";
import { Roster } from "./roster.ts";
import type { FileIdentity } from "./rules.ts";
import { SnapshotShelf } from "./snapshot_shelf.ts";
import { streamStart } from "./stream_start.ts";
import type { ByteStream } from "./transport.ts";
import { UncertainOperations } from "./uncertain_operations.ts";

/** How often members are looked at, ticks. */
const WATCH_TICKS = 200_000;
/** How long after a frame another one is expected: the event loop looks at sockets more often then, ticks. */
const CONVERSATION_TICKS = 1_000_000;
/** How often a stream hears from a machine that has nothing to say, ticks. */
const HEARTBEAT_TICKS = 1_000_000;

/** A machine that performs. */
export class LiveMachine implements Outlet {
  readonly #options: LiveOptions;
  readonly #arrivals = new Arrivals();
  readonly #dispatcher: Dispatcher;
  readonly #hypervisor: Hypervisor;
  readonly #roster: Roster;
  readonly #shelf: SnapshotShelf;
  readonly #uncertain = new UncertainOperations((text) => this.#tell(text));
  readonly #logs: MachineLog[] = [];
  readonly #statistics = new LogStatistics();
  #lastSendTicks = 0;
  #lastFrameTicks = -Infinity;
  #phase: "ready" | "running" | "over" = "ready";
  /** Readers that have come before the machine runs. */
  readonly #early: (() => void)[] = [];
  #stepsAtSnapshot: number;
  #firstOutput: ((ticks: number) => void) | undefined;

  /** Nothing runs before {@linkcode run}. */
  constructor(options: LiveOptions) {
    this.#options = options;
    this.#stepsAtSnapshot = options.machine.steps;
    this.#dispatcher = new Dispatcher(options.machine, options.backs, this.#arrivals, (epoch) => {
      this.#roster.dispatched(epoch);
      this.#firstOutput?.(options.clock.monotonicTicks());
      this.#firstOutput = undefined;
    });
    this.#roster = new Roster(
      options.clock,
      options.loop,
      { commitAdvanced: () => this.#commit(), note: options.note },
      options.membership,
      options.limits,
    );
    this.#shelf = new SnapshotShelf(options.machine);
    this.#hypervisor = new Hypervisor({
      machine: options.machine,
      epoch: options.epoch,
      time: options.time,
      elapsedTicks: options.elapsedTicks ?? 0,
      stepsAtRamDigest: options.stepsAtRamDigest ?? options.machine.steps,
      clock: options.clock,
      loop: options.loop,
      arrivals: this.#arrivals,
      outlet: this,
      policy: options.policy,
    });
  }

  /** Figures for people. */
  get figures(): LiveFigures {
    const epoch = this.#hypervisor.epoch;
    const attachments = this.#roster.attachments;
    const twoWay = attachments.filter((attachment) =>
      attachment.twoWay && attachment.executedEpoch > 0
    );
    const executed = Math.min(epoch, ...twoWay.map((attachment) => attachment.executedEpoch));
    const logged = this.#logs.reduce((sum, log) => sum + log.sentBytes, 0);
    return {
      epoch,
      guestTicks: this.#hypervisor.time.base,
      logBytes: this.#roster.sentBytes + logged,
      snapshotPauseTicks: this.#shelf.pauseTicks,
      lagEpochs: epoch - executed,
    };
  }

  /** How large the log is, whoever gets it: each epoch counts once. */
  get logFigures(): LogFigures {
    return this.#statistics.figures;
  }

  /** Outputs that wait for their commit, and operations under way. */
  get counts(): DispatcherCounts {
    return this.#dispatcher.counts;
  }

  /** Whether an acknowledgement, a performed output or a frame is waited for. */
  get expecting(): boolean {
    const { held, underWay } = this.#dispatcher.counts;
    return held > 0 || underWay > 0 ||
      this.#options.clock.monotonicTicks() - this.#lastFrameTicks < CONVERSATION_TICKS;
  }

  /** Whether anybody reads or keeps the log. */
  get recording(): boolean {
    return this.#logs.length > 0 || this.#roster.attachments.length > 0;
  }

  /** Who could take over. */
  get roster(): Roster {
    return this.#roster;
  }

  /** Bytes of console input that the machine has not taken yet. */
  get typedBytes(): number {
    return this.#arrivals.inputBytes;
  }

  /** Where console input goes. */
  type(bytes: Uint8Array): void {
    this.#arrivals.type(bytes);
  }

  /** Where frames from the network go. */
  receive(frame: Uint8Array): void {
    this.#lastFrameTicks = this.#options.clock.monotonicTicks();
    this.#arrivals.receive(frame);
  }

  /** Asks the machine to stop at its next epoch's end. It is handed over only to somebody. */
  stop(reason: StopReason): void {
    if (reason === "hand-over" && this.#roster.protection !== "protected") {
      return this.#options.note("Nobody can take over: the machine goes on here");
    }
    this.#hypervisor.stop(reason);
  }

  /** Calls back with the time when the first output leaves. */
  onFirstOutput(callback: (ticks: number) => void): void {
    this.#firstOutput = callback;
  }

  /**
   * Attaches a reader; its snapshot is taken at the next epoch's end, or when the machine starts. When it
   * has ended, the reader is let go.
   *
   * @param oneWay Identity of the pipe or file, for a stream that goes one way.
   */
  attach(stream: ByteStream, oneWay?: FileIdentity): void {
    this.#letIn(stream, () => {
      const id = randomId();
      const attachment = this.#attachment(id, stream, this.#roster, stream.direction === "two-way");
      this.#roster.attach(id, attachment, oneWay);
    });
  }

  /**
   * Writes a log that nobody is promoted from.
   *
   * @param lost Told why, when it cannot be written any more; the default makes a note of it.
   */
  logTo(
    stream: ByteStream,
    lost: (reason: string) => void = (reason) =>
      this.#options.note(`The log ${stream.name} is lost: ${reason}`),
  ): void {
    this.#letIn(stream, () => {
      const events: AttachmentEvents = {
        progressed: () => {},
        joined: () => {},
        lost: (_attachment, reason) => lost(reason),
      };
      this.#logs.push(this.#attachment(undefined, stream, events, false));
    });
  }

  /**
   * Writes a log into numbered files that stay below a limit together.
   *
   * @param lost Told why, when it cannot be written any more.
   */
  logInto(files: LogFiles, limitBytes: number, lost: (reason: string) => void): void {
    const nobody = { name: files.nameOf(1), close: () => Promise.resolve() };
    this.#expectSnapshots();
    this.#letIn(nobody, () => {
      const begin = (stream: ByteStream, events: AttachmentEvents) =>
        this.#attachment(undefined, stream, events, false);
      const snapshotBytes = () => this.#shelf.largestBytes;
      this.#logs.push(new LogSeries({ files, limitBytes, begin, snapshotBytes, lost }));
    }, lost);
  }

  /**
   * Writes a log that nobody is promoted from, and that sees to its bounds itself.
   *
   * @param begin Makes it, from its header and snapshot at the end of the epoch, if it is still wanted.
   * @param refused Told why, when there will be none.
   */
  logAside(
    begin: (records: PendingRecords, epoch: number) => MachineLog | undefined,
    refused: (reason: string) => void,
  ): void {
    const nobody = { name: "a log", close: () => Promise.resolve() };
    this.#letIn(nobody, () => {
      const log = begin(this.#streamStart(undefined, false), this.#hypervisor.epoch);
      if (log) this.#logs.push(log);
    }, refused);
  }

  /** Makes ready for readers that join later: their snapshot then pauses the guest for a copy only. */
  async expectReaders(): Promise<void> {
    await this.#shelf.warm(this.#options.loop);
    this.#expectSnapshots();
  }

  /** Goes on with a log that this machine wrote while it was a backup. */
  continueLog(log: MachineLog): void {
    this.#logs.push(log);
  }

  /**
   * Runs until power-off or {@linkcode stop}, and sees everything that has left the machine through.
   *
   * @param promotion Given when the machine was a backup until now.
   */
  async run(promotion?: LivePromotion): Promise<EndRecord> {
    const stopWatching = this.#options.loop.every(WATCH_TICKS, () => this.#watch());
    if (this.#options.snapshotEverySteps !== undefined) this.#expectSnapshots();
    this.#start(promotion !== undefined);
    try {
      if (promotion) this.#takeOver(promotion);
      const end = await this.#hypervisor.run(promotion);
      this.#phase = "over";
      if (end.reason === "hand-over") this.#dispatcher.close();
      // Power-off commits everything before `end`.
      await this.#dispatcher.settled();
      for (const log of this.#logs) {
        log.send(end);
        await log.finish();
      }
      await this.#roster.end(end);
      return end;
    } finally {
      this.#phase = "over";
      this.#dispatcher.close();
      stopWatching();
      for (const log of this.#logs) log.close();
      this.#shelf.close();
    }
  }

  /** Ships the record, and lets what the epoch wants done outside wait for its commit. */
  epochEnded(
    epoch: number,
    record: EpochRecord | undefined,
    operations: readonly Operation[],
    console: Uint8Array,
    frames: readonly Uint8Array[],
  ): Promise<void> | undefined {
    this.#roster.epochEnded(epoch, record);
    if (record) {
      for (const log of this.#logs) log.send(record);
    }
    this.#shelf.epochEnded();
    this.#snapshotLogs();
    for (const log of this.#logs) log.epochEnded?.();
    this.#lastSendTicks = this.#options.clock.monotonicTicks();
    const position = this.#options.machine.consolePosition - console.length;
    this.#uncertain.issued(operations);
    if (frames.length > 0) this.#lastFrameTicks = this.#lastSendTicks;
    this.#dispatcher.submit(epoch, operations, position, console, frames);
    this.#commit();
    return this.#room();
  }

  /** A line of the event log: to people, and into the logs. */
  #tell(text: string): void {
    this.#options.note(text);
    for (const log of this.#logs) log.send({ kind: "note", text });
  }

  #expectSnapshots(): void {
    if (this.#phase !== "over") this.#shelf.expectMany(this.#options.snapshotThread === true);
  }

  #snapshotLogs(): void {
    const { machine, snapshotEverySteps } = this.#options;
    if (snapshotEverySteps === undefined) return;
    if (machine.steps - this.#stepsAtSnapshot < snapshotEverySteps) return;
    this.#stepsAtSnapshot = machine.steps;
    for (const log of this.#logs) log.sendSnapshot(this.#snapshot());
    for (const attachment of this.#roster.attachments) {
      if (attachment.stream.kind === "file") attachment.sendSnapshot(this.#snapshot());
    }
  }

  /** Bounded buffers: a full one slows the guest. */
  #room(): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    const members = this.#roster.room();
    if (members) waits.push(members);
    for (const log of this.#logs) if (log.full) waits.push(log.drained());
    const console = this.#options.backs.consoleRoom();
    if (console) waits.push(console);
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
  }

  #commit(): void {
    this.#dispatcher.release(this.#roster.committedEpoch);
  }

  #watch(): void {
    this.#roster.watch(this.#dispatcher.oldestHeldEpoch);
    const silent = this.#options.clock.monotonicTicks() - this.#lastSendTicks;
    if (silent < HEARTBEAT_TICKS) return;
    for (const attachment of this.#roster.attachments) {
      if (attachment.stream.kind !== "file") attachment.send({ kind: "heartbeat" });
    }
    this.#lastSendTicks = this.#options.clock.monotonicTicks();
  }

  /** What a promoted machine repeats: idempotent operations, and console output not known performed. */
  #takeOver({ unknown, again, console }: LivePromotion): void {
    const { machine, epoch } = this.#options;
    this.#uncertain.promoted(unknown, again);
    this.#dispatcher.submit(epoch + 1, again, machine.consolePosition - console.length, console);
  }

  /** A promoted machine's readers start behind the record of its promotion, whose term is their header's. */
  #start(promoted: boolean): void {
    this.#phase = "running";
    for (const enter of this.#early.splice(0)) {
      if (promoted) this.#hypervisor.atNextEpochEnd(enter);
      else enter();
    }
  }

  /** A reader starts with a snapshot, so it is let in where the machine stands at an epoch's end. */
  #letIn(
    stream: Pick<ByteStream, "name" | "close">,
    attach: () => void,
    refused = (reason: string) => this.#options.note(`Cannot attach ${stream.name}: ${reason}`),
  ): void {
    const enter = () => {
      try {
        attach();
      } catch (error) {
        // A reader that cannot be served, for want of memory for instance, does not stop the guest.
        refused(errorText(error));
        void stream.close();
      }
    };
    if (this.#phase === "ready") this.#early.push(enter);
    else if (this.#phase === "running") this.#hypervisor.atNextEpochEnd(enter);
    else void stream.close();
  }

  #attachment(
    id: string | undefined,
    stream: ByteStream,
    events: AttachmentEvents,
    acknowledged: boolean,
  ): Attachment {
    const records = this.#streamStart(id, acknowledged);
    return new Attachment(id, stream, records, this.#hypervisor.epoch, events, this.#statistics);
  }

  #streamStart(member: string | undefined, acknowledged: boolean): SnapshotRecords {
    const { epoch } = this.#hypervisor;
    const { identity, machine: { configuration }, policy: { ramDigestSteps }, outputs } =
      this.#options;
    return streamStart(
      { identity, member, configuration, acknowledged, ramDigestSteps, outputs, epoch },
      this.#snapshot(),
    );
  }

  #snapshot(): SnapshotRecords {
    return this.#shelf.take(this.#hypervisor.epoch, this.#hypervisor.time, this.#options.clock);
  }
}
