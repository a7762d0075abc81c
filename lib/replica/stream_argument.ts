/** STREAM on the command line: `FILE`, `-`, `exec:COMMAND` or `unix:PATH`. */

/** A STREAM argument, taken apart. */
export type StreamArgument =
  | {
    /** A log file: written from its start, or followed as it grows. */
    readonly kind: "file";
    /** Where it is. */
    readonly path: string;
  }
  | {
    /** Standard output or standard input. */
    readonly kind: "standard";
  }
  | {
    /** A child process, both ways over its standard input and output. */
    readonly kind: "exec";
    /** For `sh -c`. */
    readonly command: string;
  }
  | {
    /** A socket, both ways. */
    readonly kind: "unix";
    /** Where it is. */
    readonly path: string;
  };

/** A STREAM argument makes no sense. */
export class StreamArgumentError extends Error {
  /** The argument as given. */
  readonly argument: string;

  /** `reason` says what is wrong with it, and what to write. */
  constructor(argument: string, reason: string) {
    super(`Cannot use ${JSON.stringify(argument)} as a stream: ${reason}`);
    this.name = "StreamArgumentError";
    this.argument = argument;
  }
}

/** Longest path of a socket, bytes: `sun_path` without its final zero (unix(7)). */
const SOCKET_PATH_BYTES = 107;

/**
 * Takes a STREAM argument apart.
 *
 * @throws {StreamArgumentError} saying what to write in its place
 */
export function parseStreamArgument(argument: string): StreamArgument {
  if (argument === "") {
    throw new StreamArgumentError(argument, "name a FILE, -, exec:COMMAND or unix:PATH");
  }
  if (argument.includes("\0")) {
    throw new StreamArgumentError(argument, "it contains a zero byte");
  }
  if (argument === "-") return { kind: "standard" };
  const scheme = /^([a-z][a-z0-9+.-]*):(.*)$/s.exec(argument);
  if (scheme === null) return { kind: "file", path: argument };
  const [, name, rest = ""] = scheme;
  switch (name) {
    case "exec":
      if (rest.trim() === "") throw new StreamArgumentError(argument, "a command follows exec:");
      return { kind: "exec", command: rest };
    case "unix":
      return { kind: "unix", path: socketPath(argument, rest) };
    default:
      throw new StreamArgumentError(
        argument,
        `there is no ${name}: stream, only exec: and unix:; a file of that name is ./${argument}`,
      );
  }
}

function socketPath(argument: string, path: string): string {
  if (path === "") throw new StreamArgumentError(argument, "a path follows unix:");
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > SOCKET_PATH_BYTES) {
    throw new StreamArgumentError(
      argument,
      `its path has ${bytes} bytes and a socket's at most ${SOCKET_PATH_BYTES}; choose a shorter one`,
    );
  }
  return path;
}

/** The paths of those that are log files. */
export function filesOf(streams: readonly StreamArgument[]): readonly string[] {
  return streams.flatMap((stream) => stream.kind === "file" ? [stream.path] : []);
}
