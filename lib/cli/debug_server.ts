/**
 * The process that serves gdb for a backup, on copies of its log: whatever gdb does, or whoever connects in its
 * place, does not touch the backup. It outlives the backup as long as somebody debugs.
 */
import { Bookmarks, bookmarksPath } from "../debug/bookmarks.ts";
import { Debugger } from "../debug/debugger.ts";
import { greeted } from "../debug/gdb_greeting.ts";
import { serveGdb } from "../debug/gdb_session.ts";
import type { GdbTargetParts } from "../debug/gdb_target.ts";
import { Growth } from "../debug/growth.ts";
import { StoredLogError } from "../debug/stored_log.ts";
import { Timeline } from "../debug/timeline.ts";
import { errorText } from "../host/fault.ts";
import { connectionsOf, listenLoopback, parseLoopback } from "../host/loopback.ts";
import { pause } from "../host/pause.ts";
import { type Arguments, type Command, UsageError } from "./command.ts";
import {
  type BackupMessage,
  messageLine,
  messagesFrom,
  type ServerMessage,
} from "./debug_messages.ts";
import { gdbEndings } from "./debug.ts";
import { ExitCode } from "./exit_codes.ts";
import { engineOption } from "./machine_options.ts";

/** Most that debug at once; each has a machine of its own. */
const MOST_SESSIONS = 4;
/** Most that are connected at once and have not said yet who they are. */
const MOST_CALLERS = 16;
/** How long gdb may take to say its first word. */
const GREETING_MILLISECONDS = 10_000;
/** Waits between two looks at a copy whose snapshot is being written. */
const LOOK_MILLISECONDS = 5;
/** Most bytes of checkpoints in memory, for each gdb. */
const CHECKPOINT_BYTES = 256 << 20;

/** A copy of the backup's log. */
class ServedCopy {
  /** Where it is, or undefined when there will be none. */
  readonly path: Promise<string | undefined>;
  readonly #resolve: (path: string | undefined) => void;
  #over: string | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.path = promise;
    this.#resolve = resolve;
  }

  /** Why nothing more is written into it, once that is so. */
  get over(): string | undefined {
    return this.#over;
  }

  begins(path: string): void {
    this.#resolve(path);
  }

  ends(reason: string): void {
    this.#over ??= reason;
    this.#resolve(undefined);
  }
}

/** Serves everyone who connects. */
class DebugServer {
  readonly #copies = new Map<number, ServedCopy>();
  #last = 0;
  #callers = 0;

  constructor(private readonly tell: (message: ServerMessage) => void) {}

  /** Takes what the backup says. */
  take(message: BackupMessage): void {
    const copy = this.#copies.get(message.copy);
    if (message.kind === "over") copy?.ends(message.reason);
    else copy?.begins(message.path);
  }

  /** The backup has gone. */
  takeLeave(): void {
    for (const copy of this.#copies.values()) copy.ends("the backup has gone");
  }

  /** Serves one connection to its end. */
  async serve(connection: Deno.TcpConn): Promise<void> {
    try {
      const readable = await this.#greeted(connection);
      if (readable) await this.#debug({ readable, writable: connection.writable });
    } finally {
      closeQuietly(connection);
    }
  }

  async #greeted({ readable }: Deno.TcpConn): Promise<ReadableStream<Uint8Array> | undefined> {
    if (this.#callers === MOST_CALLERS) return undefined;
    this.#callers++;
    const greeting = await greeted(readable, GREETING_MILLISECONDS);
    this.#callers--;
    if (!greeting) {
      this.#note("Somebody at the debugger's port does not speak gdb's protocol, and was cut off");
    } else if (this.#copies.size === MOST_SESSIONS) {
      this.#note(`gdb was turned away: ${MOST_SESSIONS} are debugging already`);
      return undefined;
    }
    return greeting;
  }

  async #debug(connection: Parameters<typeof serveGdb>[0]): Promise<void> {
    const number = ++this.#last;
    const copy = new ServedCopy();
    this.#copies.set(number, copy);
    this.tell({ kind: "wanted", copy: number });
    let timeline: Timeline | undefined;
    try {
      const ending = await serveGdb(connection, async (gone) => {
        timeline = await openCopy(copy, gone);
        return await partsOf(timeline, copy);
      });
      this.#note(gdbEndings[ending]);
    } catch (error) {
      this.#note(`gdb cannot be served: ${errorText(error)}`);
    } finally {
      timeline?.close();
      const path = await Promise.race([copy.path, undefined]);
      if (path !== undefined) removeBookmarks(path);
      this.#copies.delete(number);
      this.tell({ kind: "left", copy: number });
    }
  }

  #note(text: string): void {
    this.tell({ kind: "note", text });
  }
}

/** Waits for the copy's snapshot as long as gdb does. */
async function openCopy(copy: ServedCopy, gone: AbortSignal): Promise<Timeline> {
  const given = new Promise<undefined>((resolve) =>
    gone.addEventListener("abort", () => resolve(undefined))
  );
  const path = await Promise.race([copy.path, given]);
  if (path === undefined) throw new StoredLogError(copy.over ?? "it has not waited");
  let isLast = false;
  const more = async () => {
    if (isLast || gone.aborted) return false;
    // What was written until then is read once more.
    isLast = copy.over !== undefined;
    await pause(LOOK_MILLISECONDS, gone);
    return true;
  };
  try {
    return await Timeline.open(path, {
      ...{ index: false, removed: true, more, checkpointBytes: CHECKPOINT_BYTES },
    });
  } catch (error) {
    if (error instanceof StoredLogError && copy.over) throw new StoredLogError(copy.over);
    throw error;
  }
}

async function partsOf(timeline: Timeline, copy: ServedCopy): Promise<GdbTargetParts> {
  const growth = new Growth(timeline, { follows: true, over: () => copy.over });
  const moving = new Debugger(timeline, growth);
  await moving.seek(timeline.start);
  const path = (await copy.path)!;
  const { run } = timeline.header;
  const bookmarks = Bookmarks.open(path, run, (moment) => timeline.has(moment), () => {});
  return { debugger: moving, bookmarks };
}

/** They are about a log that nobody else has. */
function removeBookmarks(path: string): void {
  try {
    Deno.removeSync(bookmarksPath(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}

async function serve(given: Arguments): Promise<number> {
  const address = parseLoopback(given.operand("ADDRESS"));
  if (!address) throw new UsageError("ADDRESS is none of this host's own");
  const folder = given.operand("FOLDER");
  using listener = listenLoopback(address);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      Deno.removeSync(folder, { recursive: true });
      Deno.exit(ExitCode.done);
    });
  }
  const tell = (message: ServerMessage) => writeQuietly(messageLine(message));
  const server = new DebugServer(tell);
  const serving = new Set<Promise<void>>();
  const accepting = (async () => {
    for await (const connection of connectionsOf(listener)) {
      const served = server.serve(connection)
        .catch((error) => tell({ kind: "note", text: `gdb was cut off: ${errorText(error)}` }))
        .finally(() => serving.delete(served));
      serving.add(served);
    }
  })();
  tell({ kind: "listening", port: listener.addr.port });
  for await (const message of messagesFrom<BackupMessage>(Deno.stdin.readable)) {
    server.take(message);
  }
  server.takeLeave();
  listener.close();
  await accepting;
  await Promise.all(serving);
  Deno.removeSync(folder, { recursive: true });
  return ExitCode.done;
}

/** The backup may have gone; what it would have heard is of no interest then. */
function writeQuietly(bytes: Uint8Array): void {
  try {
    for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
  } catch {
    // It has.
  }
}

/** Serves gdb; started by a backup and by nobody else. */
export const debugServerCommand: Command = {
  name: "debug-server",
  operands: [
    { name: "ADDRESS", help: "Where gdb connects" },
    { name: "FOLDER", help: "Where the backup's copies of its log are; removed at the end" },
  ],
  summary: "Serve gdb for a backup",
  options: [engineOption],
  run: serve,
};
