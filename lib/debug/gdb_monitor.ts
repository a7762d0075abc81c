/** The commands behind gdb's `monitor`, in one table. */
import type { EpochRecord } from "../epoch/record.ts";
import { type Bookmark, BookmarkError } from "./bookmarks.ts";
import { type GdbTarget, isOfLog } from "./gdb_target.ts";
import { addressSpace } from "./guest_memory_view.ts";
import { hitText } from "./hit_text.ts";
import type { Moment } from "./moment.ts";
import { parsePosition, PositionError, positionForms, secondsText } from "./position.ts";
import { momentOf } from "./position_moment.ts";
import { standingText } from "./standing_text.ts";

/** One command. */
interface MonitorRow {
  /** What it is called. */
  readonly name: string;
  /** What may follow, for help. */
  readonly operands: string;
  /** One line. */
  readonly help: string;
  /** Does it, and answers what is shown. */
  readonly run: (
    target: GdbTarget,
    operand: string,
    signal: AbortSignal,
  ) => string | Promise<string>;
}

/** Epochs that `events` looks at on each side, and how many lines it shows of them. */
const EVENTS = { epochs: 10_000, lines: 10, most: 1000 } as const;

/** gdb keeps what it has read, and does not know that the recording stands elsewhere now. */
const STALE = "gdb still shows the registers from before: maintenance flush register-cache\n";

/** What lets gdb forget them by itself, typed once or in its start file. */
const HOOK = "Registers are read again after each of these once gdb has been told:\n" +
  "  define hookpost-monitor\n  maintenance flush register-cache\n  end\n";

const rows: readonly MonitorRow[] = [
  { name: "help", operands: "", help: "Show this", run: () => help },
  { name: "when", operands: "", help: "Show where the recording stands", run: when },
  { name: "seek", operands: "POSITION", help: `Go to ${positionForms}, start or end`, run: seek },
  {
    name: "follow",
    operands: "[on|off]",
    help:
      "Whether continue waits at the end of a log that is still written; and what it has so far",
    run: follow,
  },
  {
    name: "events",
    operands: "[COUNT]",
    help: "Show what came from outside (input, completions, clock reads) before here and after",
    run: events,
  },
  {
    name: "why",
    operands: "",
    help: "Show who has pulled the watchpoint, if it was no instruction at its address",
    run: why,
  },
  {
    name: "space",
    operands: "here|all",
    help: "Stop at breakpoints and watchpoints of the process that is here, or of any",
    run: space,
  },
  {
    name: "digest",
    operands: "",
    help: "Show the digest of the machine's whole state",
    run: ({ timeline }) =>
      `step ${timeline.moment.step}  digest ` +
      `${timeline.machine.snapshotDigest().toString(16).padStart(16, "0")}\n`,
  },
  {
    name: "checkpoint",
    operands: "[NAME]",
    help: "Keep this moment, in a file beside the log",
    run: checkpoint,
  },
  { name: "checkpoints", operands: "", help: "Show what is kept", run: checkpoints },
  { name: "restart", operands: "NUMBER", help: "Go to a checkpoint", run: restart },
  { name: "delete", operands: "NUMBER", help: "Forget a checkpoint", run: forget },
];

const help =
  rows.map(({ name, operands, help }) => `${`${name} ${operands}`.trimEnd().padEnd(18)} ${help}\n`)
    .join("") + HOOK;

/** Does what a line behind `monitor` says, and answers what is shown. */
export async function monitor(
  target: GdbTarget,
  line: string,
  signal: AbortSignal,
): Promise<string> {
  const [, name, operand] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line)!;
  const row = rows.find((row) => row.name === name);
  if (!row) return `There is no command ${JSON.stringify(name)}. There are:\n${help}`;
  const { timeline } = target;
  const here = timeline.moment;
  try {
    return await row.run(target, operand!, signal);
  } catch (error) {
    // Where the log is damaged, or diverges, it cannot stand.
    if (!timeline.isStanding) await timeline.seek(here);
    if (signal.aborted) return `Interrupted\n${when(target)}${STALE}`;
    const isKnown = error instanceof PositionError || error instanceof BookmarkError ||
      isOfLog(error);
    if (isKnown) return `${error.message}\n`;
    throw error;
  }
}

function when({ timeline }: GdbTarget): string {
  return standingText(timeline.machine, timeline.moment);
}

async function seek(target: GdbTarget, operand: string, signal: AbortSignal): Promise<string> {
  const { timeline } = target;
  const here = timeline.moment;
  await target.parts.debugger.growth.look();
  try {
    const moment = operand === "start" || operand === "end"
      ? timeline[operand]
      : await momentOf(timeline, parsePosition(operand), signal);
    await target.parts.debugger.seek(moment, signal);
  } catch (error) {
    // Looking for a text has moved it, and has not found any.
    if (error instanceof PositionError) await timeline.seek(here);
    throw error;
  }
  return `${when(target)}${STALE}`;
}

async function follow(
  { timeline, parts: { debugger: { growth } } }: GdbTarget,
  operand: string,
): Promise<string> {
  if (!["", "on", "off"].includes(operand)) {
    return `Say on or off, not ${JSON.stringify(operand)}\n`;
  }
  if (operand !== "") growth.follows = operand === "on";
  await growth.look();
  const { start, end } = timeline;
  return `The log has steps ${start.step} to ${end.step}, epochs ${start.epoch} to ${end.epoch}, ` +
    `and ends at ${secondsText(timeline.endTicks)} s\n` +
    `${growth.endText}\n`;
}

async function why({ timeline, parts: { debugger: { hit } } }: GdbTarget): Promise<string> {
  return hit && await hitText(timeline, hit) || "Nothing that gdb does not know\n";
}

/** Virtual addresses mean something in an address space only, and gdb does not know of more than one. */
function space(target: GdbTarget, operand: string): string {
  if (operand === "here") target.space = addressSpace(target.timeline.machine);
  else if (operand === "all") target.space = undefined;
  else if (operand !== "") return "A space is here or all\n";
  return target.space === undefined
    ? "Stops in every address space\n"
    : `Stops in the address space with its page table at 0x${(target.space << 12n).toString(16)}\n`;
}

async function events({ timeline }: GdbTarget, operand: string): Promise<string> {
  const count = operand === "" ? EVENTS.lines : wholeNumber(operand);
  const { epoch } = timeline.moment;
  const before: string[] = [];
  const after: string[] = [];
  const from = Math.max(timeline.start.epoch + 1, epoch - EVENTS.epochs);
  const to = Math.min(timeline.end.epoch, epoch + EVENTS.epochs);
  const most = Math.min(count, EVENTS.most);
  for await (const record of timeline.epochs(from, to)) {
    const step = timeline.epochEnd(record.epoch)!.step;
    const text = eventText(record, step);
    if (text === undefined) continue;
    if (record.epoch > epoch) {
      if (after.push(text) >= most) break;
    } else if (before.push(text) > most) before.shift();
  }
  return [...before, `-- here: step ${timeline.moment.step}\n`, ...after].join("");
}

/** What an epoch brought at its end; undefined when that was time only. */
function eventText(record: EpochRecord, step: number): string | undefined {
  const { epoch, time, term, completions, consoleInput, frames, reads } = record;
  const parts = [
    term === undefined ? "" : `promoted to term ${term}`,
    ...completions.map(({ operation, status }) => `operation ${operation} ${status}`),
    consoleInput.length === 0
      ? ""
      : `input ${JSON.stringify(new TextDecoder().decode(consoleInput))}`,
    frames.length === 0 ? "" : `${frames.length} network frames`,
    reads.length === 0 ? "" : `${reads.length} clock reads`,
  ].filter((part) => part !== "");
  if (parts.length === 0) return undefined;
  return `step ${step}  epoch ${epoch}  time ${secondsText(time.base)} s  ${parts.join(", ")}\n`;
}

function checkpoint({ timeline, parts: { bookmarks } }: GdbTarget, operand: string): string {
  const bookmark = bookmarks.add(timeline.moment, operand);
  // Going back to it in this session takes milliseconds.
  timeline.keepCheckpoint();
  return bookmarkText(bookmark);
}

function checkpoints({ parts: { bookmarks } }: GdbTarget): string {
  return bookmarks.all.map(bookmarkText).join("") || "No checkpoints\n";
}

async function restart(target: GdbTarget, operand: string, signal: AbortSignal): Promise<string> {
  const number = wholeNumber(operand);
  const bookmark = target.parts.bookmarks.all.find((bookmark) => bookmark.number === number);
  if (!bookmark) throw new BookmarkError(`There is no checkpoint ${number}`);
  const { epoch, step }: Moment = bookmark;
  await target.parts.debugger.seek({ epoch, step }, signal);
  return `${when(target)}${STALE}`;
}

function forget({ parts: { bookmarks } }: GdbTarget, operand: string): string {
  const number = wholeNumber(operand);
  if (!bookmarks.remove(number)) throw new BookmarkError(`There is no checkpoint ${number}`);
  return `Forgot checkpoint ${number}\n`;
}

function bookmarkText({ number, step, epoch, name }: Bookmark): string {
  // The file may come from anywhere: nothing in it reaches the terminal as a command.
  const shown = name.replaceAll(/\p{Cc}/gu, " ");
  return `checkpoint ${number}  step ${step}  epoch ${epoch}${shown === "" ? "" : `  ${shown}`}\n`;
}

function wholeNumber(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new BookmarkError(`A whole number is needed, not ${JSON.stringify(text)}`);
}
