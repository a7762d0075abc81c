/** Sees one live machine through: console input, signals, status, and a clean end. */
import type { Machine } from "../board/machine.ts";
import type { EndRecord } from "../epoch/record.ts";
import type { HostDevices } from "../host/devices.ts";
import type { Home } from "../replica/home.ts";
import type { LiveMachine } from "../replica/live.ts";
import { guestExit } from "./exit_codes.ts";
import type { Reporter } from "./reporter.ts";
import { onSignals } from "./signals.ts";
import { countersOf, StatusMeter } from "./status_meter.ts";
import { type TypedAt, Typing } from "./typing.ts";

/** A live machine and what hangs on it. */
export interface LiveSession {
  /** The hypervisor and all around it. */
  readonly live: LiveMachine;
  /** The machine that it runs. */
  readonly machine: Machine;
  /** Its devices; closed at the end. */
  readonly backs: HostDevices;
  /** The lock and the record; freed at the very end. Absent when nothing arbitrates. */
  readonly home: Home | undefined;
  /** Run id. */
  readonly run: string;
  /** 1 for the machine that booted; each promotion adds one. */
  readonly term: number;
  /** Whether nobody is meant to take over. */
  readonly alone: boolean;
  /** Where the guest's console is typed at. */
  readonly typedAt: TypedAt;
  /** Whether console output goes to a terminal. */
  readonly shown: boolean;
}

/**
 * Runs the machine to its end, and frees what it holds: devices first, the lock last.
 *
 * @param run Starts it.
 * @returns The process's exit code.
 */
export async function seeThrough(
  session: LiveSession,
  reporter: Reporter,
  run: () => Promise<EndRecord>,
): Promise<number> {
  const { live, machine, backs, home, alone } = session;
  const stop = () => live.stop("detach");
  const user = () => {
    if (live.roster.protection === "protected") live.stop("hand-over");
    else reporter.note("Nobody could go on: not handed over");
  };
  backs.startNetwork({ frame: (frame) => live.receive(frame), note: reporter.note });
  const meter = new StatusMeter(reporter, () => countersOf(live, machine, alone));
  const { typedAt, shown } = session;
  const typing = new Typing({ live, reporter, typedAt, shown });
  const began = performance.now();
  reporter.tell({ kind: "live", run: session.run, term: session.term });
  try {
    using _signals = onSignals({ interrupt: stop, terminate: stop, ...(alone ? {} : { user }) });
    const end = await run();
    meter.stop();
    reporter.close();
    typing[Symbol.dispose]();
    const { guestTicks, logBytes } = live.figures;
    reporter.tell({
      kind: "ended",
      reason: end.reason,
      steps: machine.steps,
      ...{ guestTicks, logBytes },
      milliseconds: performance.now() - began,
      ...(logBytes > 0 ? { log: live.logFigures } : {}),
    });
    return exitCodeOf(end, reporter);
  } finally {
    meter.stop();
    reporter.close();
    typing[Symbol.dispose]();
    await backs.close();
    await home?.leave();
  }
}

/** The exit code of a machine that has ended. */
export function exitCodeOf(end: EndRecord, reporter: Reporter): number {
  if (end.reason !== "power-off") {
    reporter.note(end.reason === "detach" ? "Stopped cleanly" : "Handed over");
    return 0;
  }
  const { code, note } = guestExit(end.exitCode ?? 0);
  if (note !== undefined) reporter.note(note);
  return code;
}
