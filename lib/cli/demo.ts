/**
 * `lockstep demo`: a bank on a machine that survives. Two primaries are killed with SIGKILL in the middle
 * of disk I/O, and the auditor looks at what is left.
 */
import { audit, renderVerdict } from "../../guests/teller/auditor.ts";
import { createDiskImage } from "../host/disk.ts";
import { type Arguments, type Command, flag } from "./command.ts";
import { ConsoleWatch } from "./demo_console.ts";
import { measureSlowdown } from "./demo_slowdown.ts";
import { LockstepProcess } from "./demo_process.ts";
import { lineOf, type Status, type TimedEvent } from "./event.ts";
import { bytesText } from "./log_figures_text.ts";
import { writeText } from "./reporter.ts";

const keepOption = flag("keep", "Keep the folder with disk, bills and console");

/** Sockets have short paths, so the folder is here and not where TMPDIR says. */
const TEMPORARY = "/tmp";
const DISK_BYTES = 8 * 2 ** 20;
const TRANSFERS = 500;
/** A transfer is several disk operations in a row; on a slow disk one of them is always under way. */
const BOOT_ARGUMENTS = `transfers=${TRANSFERS} pace=1`;
const DISK_LATENCY_MILLISECONDS = "5";
/** Receipts after which the first and the second primary are killed. */
const KILLS = [150, 330] as const;

async function demo(given: Arguments): Promise<number> {
  const folder = await Deno.makeTempDir({ dir: TEMPORARY, prefix: "lockstep-demo-" });
  const bank = new Bank(folder);
  try {
    const sound = await bank.story();
    if (given.value(keepOption) === true) bank.say("demo", `Everything is kept in ${folder}`);
    else await Deno.remove(folder, { recursive: true });
    return sound ? 0 : 1;
  } catch (error) {
    bank.say("demo", `Failed; everything is kept in ${folder}`);
    throw error;
  } finally {
    bank.killAll();
  }
}

/** What the demo measures. */
interface Figures {
  /** SIGKILL to the first operation by the new primary, milliseconds, for each failover. */
  readonly takeovers: number[];
  /** Pause of the guest when a backup joined, milliseconds. */
  readonly pauses: number[];
  /** Log bytes per second of guest time, while protected. */
  logBytesPerGuestSecond: number;
}

/** The demo's machines, and what is told about them. */
class Bank {
  readonly #folder: string;
  readonly #began = performance.now();
  readonly #processes: LockstepProcess[] = [];
  readonly #figures: Figures = { takeovers: [], pauses: [], logBytesPerGuestSecond: 0 };
  #receiptsWanted = 1;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Tells a line of the story. */
  say(who: string, text: string): void {
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(2).padStart(6);
    void writeText(Deno.stdout, `${seconds} s  ${who.padEnd(8)} ${text}\n`);
  }

  /** Leaves nothing behind. */
  killAll(): void {
    for (const process of this.#processes) process.kill();
  }

  /** The whole story. Answers whether the auditor is satisfied. */
  async story(): Promise<boolean> {
    createDiskImage(this.#path("disk.img"), DISK_BYTES);
    using console = new ConsoleWatch(this.#path("console"), (line) => this.#guestSays(line));
    this.say(
      "demo",
      `A bank of 16 accounts makes ${TRANSFERS} transfers on a machine that survives`,
    );
    const first = this.#start(
      "primary",
      ["primary", "teller", "--append", BOOT_ARGUMENTS],
      "first",
    );
    await first.until("listening");
    const second = this.#join("backup", "first", "second");
    await this.#protected(first);
    await this.#killAt(console, KILLS[0], first, second);
    this.say("demo", "A repaired machine joins the new primary, while the guest runs");
    const third = this.#join("repaired", "second", "third");
    await this.#protected(second);
    await this.#killAt(console, KILLS[1], second, third);
    const code = await third.end();
    console.look();
    this.say("repaired", `The guest has finished, with exit code ${code}`);
    const sound = await this.#audit();
    await this.#tellFigures();
    return sound && code === 0;
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`;
  }

  #join(name: string, from: string, at: string): LockstepProcess {
    return this.#start(name, ["backup", `unix:${this.#path(from)}.sock`], at, from);
  }

  #start(name: string, words: readonly string[], at: string, from?: string): LockstepProcess {
    const sockets = [at, ...(from === undefined ? [] : [from])].map((one) =>
      this.#path(`${one}.sock`)
    );
    const process = new LockstepProcess(
      name,
      [
        ...words,
        ...["--disk", this.#path("disk.img"), "--disk-latency", DISK_LATENCY_MILLISECONDS],
        ...["--bills", this.#path("bills"), "--console", this.#path("console")],
        ...["--listen", `unix:${sockets[0]}`],
      ],
      this.#folder,
      sockets,
      (event) => this.#told(name, event),
    );
    this.#processes.push(process);
    return process;
  }

  #told(name: string, event: TimedEvent): void {
    const line = lineOf(event);
    if (line !== undefined) this.say(name, line.replaceAll(`${this.#folder}/`, ""));
  }

  /** Of the guest's console the first lines, retries, and a receipt now and then. */
  #guestSays(line: string): void {
    const receipt = Number(/^receipt (\d+) /.exec(line)?.[1] ?? NaN);
    if (receipt < this.#receiptsWanted) return;
    if (receipt >= this.#receiptsWanted) this.#receiptsWanted = receipt + 100;
    this.say("guest", line);
  }

  async #protected(process: LockstepProcess): Promise<void> {
    const status = await process.until("status", ({ role }) => role === "protected");
    const pause = status.snapshotPauseMilliseconds;
    this.#figures.pauses.push(pause);
    this.say(
      "demo",
      `Protected; for the snapshot the guest stood still for ${pause.toFixed(1)} ms`,
    );
  }

  /** Kills the primary after a receipt, and watches its backup take over. */
  async #killAt(
    console: ConsoleWatch,
    receipts: number,
    primary: LockstepProcess,
    backup: LockstepProcess,
  ): Promise<void> {
    await console.untilReceipt(receipts);
    const killed = primary.kill();
    console.look();
    this.say(
      "demo",
      `SIGKILL to the ${primary.name} (process ${primary.pid}) after receipt ` +
        `${console.receipts}, in the middle of disk I/O`,
    );
    this.#receiptsWanted = 0;
    this.#measureLog(primary);
    const output = await backup.until("first-output");
    const milliseconds = output.at - killed;
    this.#figures.takeovers.push(milliseconds);
    this.say(
      backup.name,
      `Performs its first operation ${milliseconds.toFixed(1)} ms after the SIGKILL`,
    );
  }

  #measureLog(primary: LockstepProcess): void {
    const statuses = primary.events.filter((event): event is Status & { at: number } =>
      event.kind === "status" && event.role === "protected"
    );
    const [from, to] = [statuses.at(0), statuses.at(-1)];
    if (!from || !to || to.guestTicks === from.guestTicks) return;
    const guestSeconds = (to.guestTicks - from.guestTicks) / 1e7;
    this.#figures.logBytesPerGuestSecond = (to.logBytes - from.logBytes) / guestSeconds;
  }

  async #audit(): Promise<boolean> {
    const [disk, bills, console] = await Promise.all(
      ["disk.img", "bills", "console"].map((name) => Deno.readFile(this.#path(name))),
    );
    const verdict = audit({ disk: disk!, bills: bills!, console: console! });
    for (const line of renderVerdict(verdict)) this.say("demo", line);
    return verdict.sound && verdict.finished;
  }

  async #tellFigures(): Promise<void> {
    const { takeovers, pauses, logBytesPerGuestSecond } = this.#figures;
    const slowdown = await measureSlowdown(
      this.#folder,
      (process) => this.#processes.push(process),
    );
    const list = (values: readonly number[]) =>
      values.map((value) => value.toFixed(1)).join(" and ");
    for (
      const line of [
        `SIGKILL to the first operation by the new primary: ${list(takeovers)} ms`,
        `Guest pause when a backup joins: ${list(pauses)} ms`,
        `Log: ${bytesText(logBytesPerGuestSecond)} per second of guest time`,
        `Computing only: ${slowdown.alone.toFixed(0)} MIPS alone, ` +
        `${slowdown.protected.toFixed(0)} MIPS protected: slowdown ${slowdown.factor.toFixed(2)}`,
      ]
    ) this.say("measured", line);
  }
}

/** Shows it all. */
export const demoCommand: Command = {
  name: "demo",
  operands: [],
  summary: "Show a bank survive two kill -9 in the middle of disk I/O",
  details: [
    "Starts primary, backup and a repaired machine as processes in a new folder under /tmp. Exit code 0 " +
    "when the auditor is satisfied, 1 when not.",
  ],
  options: [keepOption],
  run: demo,
};
