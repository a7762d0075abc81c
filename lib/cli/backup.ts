/** `lockstep backup`: follows a primary in lockstep, and goes on in its place when it dies. */
import type { EndRecord, HeaderRecord } from "../epoch/record.ts";
import { errorText, HostFileError } from "../host/fault.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { Backup } from "../replica/backup.ts";
import type { BackupOutcome, Takeover } from "../replica/backup_terms.ts";
import { LogCopy } from "../replica/log_copy.ts";
import type { LiveMachine } from "../replica/live.ts";
import { promote } from "../replica/promoted.ts";
import { filesOf, parseStreamArgument } from "../replica/stream_argument.ts";
import type { ByteStream } from "../replica/transport.ts";
import { openFileWriter } from "../replica/transport_file.ts";
import { openLogReader } from "../replica/transport_open.ts";
import {
  type Arguments,
  choiceOption,
  type Command,
  numberOption,
  textOption,
  UsageError,
} from "./command.ts";
import { type ConsoleChannel, diskPaths, type OpenDevices, openDevices } from "./devices.ts";
import { copiesOfBackup, copiesOfLive } from "./copy_source.ts";
import { debugLimitOption, debugOption, DebugPort } from "./debug_port.ts";
import { diskOption, requireBuses } from "./disk_argument.ts";
import { Doorway, listenOption } from "./doorway.ts";
import { ExitCode } from "./exit_codes.ts";
import { exitCodeOf, seeThrough } from "./live_session.ts";
import {
  arbiterOption,
  billsOption,
  consoleOption,
  diskLatencyOption,
  diskSyncOption,
  engineOption,
  epochStepsOption,
  notesOption,
  quietOption,
} from "./machine_options.ts";
import { networkOption } from "./network_option.ts";
import { hostOptions } from "./power_on.ts";
import type { Reporter } from "./reporter.ts";
import { reporterFor } from "./report_form.ts";
import { refuseSharedFiles } from "./separate_files.ts";
import { onSignals } from "./signals.ts";
import { StatusMeter } from "./status_meter.ts";

const outputOption = textOption(
  "output",
  "FILE",
  "Keep a copy of the log in a new file, and go on with it when promoted",
  { short: "o" },
);
const onStallOption = choiceOption(
  "on-stall",
  ["ask", "promote", "wait", "exit"],
  "When the stream stalls and no shared disk decides: ask (the default) and wait leave it to the " +
    "operator (SIGUSR1 promotes), promote says that a silent primary is a dead one, exit leaves",
);
const silenceOption = numberOption(
  "silence",
  "MS",
  "Silence on the stream that counts as a stall, in milliseconds (default 2000)",
  { least: 10, most: 3_600_000 },
);

const DEFAULT_SILENCE_MILLISECONDS = 2000;
/** Ctrl-C reaches both sides of a pipe: the primary is given this long to end its log first. */
const INTERRUPT_MILLISECONDS = 1000;

async function backup(given: Arguments): Promise<number> {
  const argument = parseStreamArgument(given.operand("STREAM"));
  const logs = [
    ...filesOf([argument]),
    ...[given.value(outputOption)].filter((path) => path !== undefined),
  ];
  refuseSharedFiles(given, logs.map((path) => ({ role: "the log", path })));
  // A pipe's other end is usually at the same terminal.
  const reporter = reporterFor(given, argument.kind === "standard");
  const port = await openDebugPort(given, reporter);
  try {
    const stream = await openLogReader(argument);
    return await new Follow(given, reporter, stream, port).toTheEnd();
  } finally {
    await port?.close("the backup has left");
  }
}

async function openDebugPort(given: Arguments, reporter: Reporter): Promise<DebugPort | undefined> {
  const address = given.value(debugOption);
  const limitBytes = given.value(debugLimitOption);
  if (address) {
    const engine = given.value(engineOption);
    return await DebugPort.open({ address, limitBytes, engine, note: reporter.note });
  }
  if (limitBytes !== undefined) throw new UsageError("--debug-limit is for --debug");
  return undefined;
}

/** One backup process. */
class Follow {
  readonly #host: ReturnType<typeof hostOptions>;
  readonly #backup: Backup;
  #copy: LogCopy | undefined;
  #header: HeaderRecord | undefined;
  #devices: OpenDevices | undefined;
  #live: LiveMachine | undefined;
  #calledOff = false;
  /** It has told so; a log may have more key snapshots. */
  #following = false;
  #receivedBytes = 0;
  /** In force where the replica stands. */
  #term = 0;

  constructor(
    private readonly given: Arguments,
    private readonly reporter: Reporter,
    private readonly stream: ByteStream,
    private readonly port: DebugPort | undefined,
  ) {
    this.#host = hostOptions(given, reporter);
    const arbiter = given.value(arbiterOption);
    const silence = given.value(silenceOption) ?? DEFAULT_SILENCE_MILLISECONDS;
    this.#copy = this.#openCopy();
    this.#backup = new Backup({
      stream,
      disks: diskPaths(given),
      ...(arbiter === undefined ? {} : { arbiter }),
      onStall: given.value(onStallOption) ?? "ask",
      silenceTicks: silence * 10_000,
      clock: this.#host.clock,
      loop: this.#host.loop,
      note: reporter.note,
      record: (item) => this.#executed(item),
      prepare: (takeover) => this.#prepare(takeover),
    });
    if (port) port.source = copiesOfBackup(this.#backup, () => this.#term);
  }

  /** Follows, and goes live when promoted. Answers the exit code. */
  async toTheEnd(): Promise<number> {
    // Held from here to the end: between following and being live no signal may be lost.
    using _signals = onSignals({
      interrupt: () => void setTimeout(() => this.#leave(), INTERRUPT_MILLISECONDS),
      terminate: () => this.#leave(),
      user: () => this.#backup.promoteNow(),
    });
    const outcome = await this.#follow();
    switch (outcome.kind) {
      case "promoted":
        return await this.#goLive(outcome);
      case "ended":
        await this.#copy?.close();
        return this.#ended(outcome.end);
      case "left-behind":
        await this.#copy?.close();
        await this.port?.close(`the backup was left behind: ${outcome.reason}`);
        this.reporter.note(`Left behind, join again: ${outcome.reason}`);
        return ExitCode.leftBehind;
      case "stalled":
        await this.#copy?.close();
        if (this.#calledOff) return ExitCode.done;
        this.reporter.note(`Not promoted: ${outcome.reason}`);
        return ExitCode.stalled;
    }
  }

  async #follow(): Promise<BackupOutcome> {
    const meter = new StatusMeter(this.reporter, () => this.#counters());
    try {
      return await this.#backup.follow();
    } finally {
      meter.stop();
      this.reporter.close();
    }
  }

  #leave(): void {
    this.#calledOff = true;
    this.#backup.leave();
    this.#live?.stop("detach");
  }

  #ended(end: EndRecord): number {
    if (end.reason === "power-off") {
      this.reporter.note(`The guest powered off with exit code ${end.exitCode ?? 0}`);
      return exitCodeOf(end, this.reporter);
    }
    this.reporter.note("The primary has ended its log cleanly");
    return ExitCode.done;
  }

  async #goLive(outcome: Extract<BackupOutcome, { kind: "promoted" }>): Promise<number> {
    const { takeover } = outcome;
    const { live, home, run } = await promote(outcome, this.#devices!.backs, this.#host);
    const { term } = takeover;
    this.#live = live;
    if (this.#calledOff) live.stop("detach");
    live.onFirstOutput(() => this.reporter.tell({ kind: "first-output" }));
    this.reporter.tell({
      kind: "promoted",
      term,
      epoch: takeover.replica.epoch,
      uncertain: takeover.uncertain.length,
      again: takeover.again.length,
    });
    if (this.#copy) live.continueLog(this.#copy.log);
    for (const copy of this.port?.copies ?? []) live.continueLog(copy);
    if (this.port) this.port.source = copiesOfLive(live);
    const session = {
      live,
      machine: takeover.replica.machine,
      backs: this.#devices!.backs,
      home,
      run: takeover.header.run,
      term,
      alone: false,
      typedAt: this.stream.kind === "standard" ? "terminal" as const : "standard-input" as const,
      shown: this.#devices!.shown,
    };
    return await seeThrough(session, this.reporter, async () => {
      await using _doorway = await this.#doorway(live, home !== undefined);
      return await run();
    });
  }

  /** A machine that has been promoted goes on also when nobody can join it. */
  async #doorway(live: LiveMachine, fenced: boolean): Promise<Doorway | undefined> {
    try {
      return await Doorway.open(this.given, live, fenced, this.reporter);
    } catch (error) {
      this.reporter.note(errorText(error));
      return undefined;
    }
  }

  /** With the lock in hand: everything that a live machine needs is opened before the last step. */
  async #prepare(takeover: Takeover): Promise<void> {
    const { header, replica } = takeover;
    await this.#devices?.backs.close();
    const mac = header.configuration.network?.mac;
    this.#devices = openDevices(this.given, this.#channel(header), this.reporter, mac, {
      consoleBase: header.consoleBase,
      billBase: header.billBase,
      consolePerformed: replica.machine.consolePerformed,
    });
  }

  /** Standard output may be busy with acknowledgements. */
  #channel(header: HeaderRecord): ConsoleChannel {
    return this.stream.kind === "standard" && header.acknowledged ? "stderr" : "stdout";
  }

  #executed(item: LogItem): Promise<void> | undefined {
    const { record } = item;
    this.#receivedBytes = item.byteOffset + item.byteLength;
    if (record.kind === "header" || record.kind === "epoch") this.#term = record.term ?? this.#term;
    this.port?.send(record);
    if (record.kind === "header") {
      this.#header = record;
      requireBills(record, this.given);
      requireBuses(this.given, record.configuration);
      requireNetwork(record, this.given);
    }
    if (record.kind === "snapshot-commit" && !this.#following) {
      this.#following = true;
      this.reporter.note(
        `Following run ${this.#header?.run.slice(0, 8)} from epoch ${record.epoch}`,
      );
    }
    return this.#copy?.add(item);
  }

  #counters() {
    const replica = this.#backup.replica;
    if (!replica) return undefined;
    return {
      role: "backup" as const,
      epoch: replica.epoch,
      lagEpochs: this.#backup.lagRecords,
      logBytes: this.#receivedBytes,
      steps: replica.machine.steps,
      guestTicks: replica.time.base,
      snapshotPauseTicks: 0,
    };
  }

  #openCopy(): LogCopy | undefined {
    const path = this.given.value(outputOption);
    if (path === undefined) return undefined;
    const lost = (reason: string) => this.reporter.note(`The log copy ${path} is lost: ${reason}`);
    return new LogCopy(openFileWriter(path), lost);
  }
}

/** A machine with a bill port needs its bill file wherever it goes on. */
function requireBills(header: HeaderRecord, given: Arguments): void {
  if (!header.configuration.bills || given.value(billsOption) !== undefined) return;
  throw new HostFileError("", "The machine has a bill port: name its file with --bills FILE");
}

/** A machine keeps its network device and its address wherever it goes on. */
function requireNetwork({ configuration }: HeaderRecord, given: Arguments): void {
  const network = given.value(networkOption);
  if (network?.mac !== undefined) {
    throw new UsageError("A backup takes --net without mac=: the machine keeps its address");
  }
  if (network?.path !== undefined && !configuration.network) {
    throw new UsageError("The machine has no network device: leave --net out");
  }
  if (!configuration.network || network !== undefined) return;
  throw new HostFileError(
    "",
    "The machine has a network device: name its socket with --net unix:PATH, or --net none",
  );
}

/** Follows a primary. */
export const backupCommand: Command = {
  name: "backup",
  operands: [{
    name: "STREAM",
    help: "The primary's log: a FILE that grows, - for standard input, exec:COMMAND, or unix:PATH",
  }],
  summary: "Follow a primary in lockstep, and go on in its place when it dies",
  details: [
    "With the primary's own --disk, the lock on it and the record beside it decide whether this backup " +
    "may be promoted; a --disk that is a copy is kept in step. SIGUSR1 promotes where only the operator " +
    "can know that the primary has failed; Ctrl-C or SIGTERM leaves.",
    "With --debug a gdb that attaches gets a copy of the machine as it is at that moment, and of what it does " +
    "from then on, in a process of its own: reverse execution goes back to that moment, continue goes on as " +
    "the machine does, and waits for it. The backup follows, acknowledges and takes over meanwhile as ever.",
  ],
  options: [
    diskOption,
    diskLatencyOption,
    diskSyncOption,
    billsOption,
    consoleOption,
    networkOption,
    arbiterOption,
    listenOption,
    outputOption,
    debugOption,
    debugLimitOption,
    onStallOption,
    silenceOption,
    epochStepsOption,
    engineOption,
    quietOption,
    notesOption,
  ],
  examples: [
    "lockstep primary teller --disk d.img -o - | lockstep backup - --disk d.img",
    "lockstep backup unix:/tmp/primary.sock --disk d.img --listen unix:/tmp/next.sock",
    "lockstep backup unix:/tmp/primary.sock --disk d.img --debug 127.0.0.1:1234",
  ],
  run: backup,
};
