/** `lockstep debug`: a recording as a target of gdb, in both directions. */
import { Bookmarks } from "../debug/bookmarks.ts";
import { Debugger } from "../debug/debugger.ts";
import { type GdbEnding, serveGdb } from "../debug/gdb_session.ts";
import type { GdbTargetParts } from "../debug/gdb_target.ts";
import { momentOf } from "../debug/position_moment.ts";
import { positionForms } from "../debug/position.ts";
import { Timeline } from "../debug/timeline.ts";
import {
  connectionsOf,
  listenLoopback,
  type LoopbackAddress,
  loopbackText,
} from "../host/loopback.ts";
import { type Arguments, type Command, UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { loopbackOption } from "./loopback_option.ts";
import { engineOption, notesOption, quietOption } from "./machine_options.ts";
import { positionOption } from "./position_option.ts";
import type { Reporter } from "./reporter.ts";
import { reporterFor } from "./report_form.ts";
import { onSignals } from "./signals.ts";

const listenOption = loopbackOption(
  "listen",
  "Wait for gdb at this port (0: any free one), one gdb after the other",
);

const atOption = positionOption("at", `Start at ${positionForms}, and not at the log's start`);

async function debug(given: Arguments): Promise<number> {
  const reporter = reporterFor(given);
  const address = given.value(listenOption);
  const way = given.optionalOperand("-");
  if (way !== undefined && (way !== "-" || address)) {
    throw new UsageError("Say - for standard input and output, or --listen, and nothing else");
  }
  if (way === undefined && !address && Deno.stdin.isTerminal()) {
    throw new UsageError(
      "Nobody speaks gdb's protocol at this terminal: say --listen 127.0.0.1:1234, " +
        "or in gdb: target remote | lockstep debug FILE",
    );
  }
  const path = given.operand("FILE");
  let timeline: Timeline | undefined;
  try {
    const open = async (): Promise<GdbTargetParts> => {
      const opened = await Timeline.open(path, { note: reporter.note });
      timeline = opened;
      const at = given.value(atOption);
      const moving = new Debugger(opened);
      await moving.seek(at ? await momentOf(opened, at) : opened.start);
      const { run } = opened.header;
      const bookmarks = Bookmarks.open(path, run, (moment) => opened.has(moment), reporter.note);
      return { debugger: moving, bookmarks };
    };
    await (address ? serveAt(address, await open(), reporter) : serveHere(open));
    return ExitCode.done;
  } finally {
    timeline?.close();
  }
}

async function serveHere(open: () => Promise<GdbTargetParts>): Promise<void> {
  // Ctrl-C at gdb's terminal reaches us, too; gdb says by itself what it wants.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const connection = { readable: Deno.stdin.readable, writable: Deno.stdout.writable };
    await serveGdb(connection, open);
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}

/** How a person is told that gdb has left. */
export const gdbEndings: Readonly<Record<GdbEnding, string>> = {
  detached: "gdb has detached",
  killed: "gdb has ended the session",
  disconnected: "gdb has disappeared",
};

async function serveAt(
  address: LoopbackAddress,
  parts: GdbTargetParts,
  reporter: Reporter,
): Promise<void> {
  using listener = listenLoopback(address);
  let present: Deno.TcpConn | undefined;
  const stop = () => {
    listener.close();
    // Whoever reads from it sees its end.
    present?.close();
  };
  using _signals = onSignals({ interrupt: stop, terminate: stop });
  const { port } = listener.addr;
  reporter.note(`In gdb: target remote ${loopbackText({ ...address, port })}`);
  for await (const connection of connectionsOf(listener)) {
    present = connection;
    const ending = await serveGdb(connection, () => Promise.resolve(parts));
    present = undefined;
    reporter.note(gdbEndings[ending]);
    if (ending === "killed") return;
  }
}

/** Debugs a recording. */
export const debugCommand: Command = {
  name: "debug",
  operands: [
    { name: "FILE", help: "The log" },
    { name: "-", optional: true, help: "Speak on standard input and output, as without --listen" },
  ],
  summary: "Debug a log with gdb: to any instruction, forwards and backwards",
  details: [
    "Serves gdb's remote protocol. Breakpoints, watchpoints, steps and continue work in both directions; " +
    "registers and memory are those of the recording and cannot be written. Memory is read through the " +
    "guest's page tables; a watchpoint is pulled by devices, too. `monitor help` in gdb tells what else there " +
    "is: positions, one process or all (`monitor space`), who has written (`monitor why`), events from " +
    "outside, and checkpoints, which stand in FILE.checkpoints.",
    "A log that is still being written is debugged as it grows: continue goes on with what has come, and " +
    "after `monitor follow on` waits for it. (lockstep backup --debug lets gdb attach to a machine that lives.)",
    "gdb's `kill` ends it, `detach` and `disconnect` leave it waiting for the next gdb. An index " +
    "(`lockstep index`) makes long ways short.",
  ],
  options: [listenOption, atOption, engineOption, quietOption, notesOption],
  examples: [
    "lockstep debug clock.log --listen 127.0.0.1:1234",
    "gdb-multiarch clock.elf -ex 'target remote | lockstep debug clock.log'",
    "lockstep debug clock.log --at epoch:20 --listen 127.0.0.1:1234",
  ],
  run: debug,
};
