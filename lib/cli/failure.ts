/** Errors as one clear line and an exit code. */
import { ConfigurationError, ImageError, StateError } from "../board/errors.ts";
import { IndexingError } from "../debug/indexing.ts";
import { PositionError } from "../debug/position.ts";
import { EmptyLogError } from "../debug/record_difference.ts";
import { StoredLogError } from "../debug/stored_log.ts";
import { SymbolError } from "../debug/symbol_table.ts";
import { DivergenceError } from "../epoch/divergence.ts";
import { HostFileError, isGone } from "../host/fault.ts";
import { LoopbackError } from "../host/loopback.ts";
import { SocketError } from "../host/unix_socket.ts";
import { LogError } from "../log/log_error.ts";
import { BackupError } from "../replica/backup_terms.ts";
import { StartRefusedError } from "../replica/home.ts";
import { MembershipWriteError } from "../replica/membership.ts";
import { StreamArgumentError } from "../replica/stream_argument.ts";
import { ReplayError } from "../replica/replaying.ts";
import { TransportError } from "../replica/transport.ts";
import { UsageError } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";

/** A command cannot go on, for a reason that a person can do something about. */
export class CommandError extends Error {
  /** Tells this error from others. */
  override readonly name = "CommandError";

  /**
   * `message` is the line that is told.
   *
   * @param exitCode One of {@linkcode ExitCode}.
   */
  constructor(readonly exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

// deno-lint-ignore no-explicit-any -- constructors of any shape, only for instanceof
type ErrorClass = abstract new (...parameters: any[]) => Error;

/** What each kind of error means for whoever called us. */
const MEANINGS: readonly (readonly [ErrorClass, number])[] = [
  [UsageError, ExitCode.usage],
  [StreamArgumentError, ExitCode.usage],
  [ConfigurationError, ExitCode.refused],
  [ImageError, ExitCode.refused],
  [StateError, ExitCode.refused],
  [LogError, ExitCode.refused],
  [ReplayError, ExitCode.refused],
  [IndexingError, ExitCode.refused],
  [PositionError, ExitCode.refused],
  [StoredLogError, ExitCode.refused],
  [EmptyLogError, ExitCode.refused],
  [SymbolError, ExitCode.refused],
  [HostFileError, ExitCode.refused],
  [DivergenceError, ExitCode.divergence],
  [StartRefusedError, ExitCode.unavailable],
  [BackupError, ExitCode.unavailable],
  [MembershipWriteError, ExitCode.unavailable],
  [TransportError, ExitCode.unavailable],
  [SocketError, ExitCode.unavailable],
  [LoopbackError, ExitCode.unavailable],
  [Deno.errors.NotCapable, ExitCode.unavailable],
];

/** A failure as the shell sees it. */
export interface Failure {
  /** The exit code. */
  readonly code: number;
  /** Absent when nobody is left to tell. */
  readonly line?: string;
}

/** What to tell about `error`, in one line. */
export function failureOf(error: unknown): Failure {
  // Whoever read our output, such as `head`, has seen enough.
  if (isGone(error)) return { code: ExitCode.done };
  if (error instanceof CommandError) return { code: error.exitCode, line: oneLine(error.message) };
  for (const [known, code] of MEANINGS) {
    if (error instanceof known) return { code, line: oneLine(error.message) };
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: ExitCode.internal,
    line: `Internal error: ${oneLine(text)}; please report it, with what LOCKSTEP_TRACE=1 adds`,
  };
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").trim();
}
