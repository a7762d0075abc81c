/** Unix sockets, opened with mode 0600 and refused in words that say what to do. */
import { errorCode, errorText } from "./fault.ts";
import { identityOfPath } from "./positional_file.ts";

/** A socket could not be opened. */
export class SocketError extends Error {
  /** Tells this error from others. */
  override readonly name = "SocketError";

  /** The message names the action, the path and the reason. */
  constructor(
    /** What failed, as in "Cannot connect to". */
    readonly action: string,
    /** Where the socket is, or was to be. */
    readonly path: string,
    /** Why, and what to do. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${action} unix:${path}: ${reason}`, options);
  }
}

/**
 * Connects to the socket at `path`.
 *
 * @throws {SocketError} when nobody listens there
 */
export async function connectSocket(path: string): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    throw new SocketError("Cannot connect to", path, reason(error), { cause: error });
  }
}

/** How a listener treats a socket file that is already there. */
export interface ListenOptions {
  /**
   * Remove a socket file at which nobody answers. A primary may do so only with the fence in hand: another
   * one that is just starting may not answer yet.
   */
  readonly replaceStale: boolean;
}

/**
 * Listens at `path`, mode 0600.
 *
 * @throws {SocketError} when the path is taken, or may not be used
 */
export async function listenSocket(
  path: string,
  options: ListenOptions,
): Promise<Deno.UnixListener> {
  if (identityOfPath(path) !== undefined) await makeWay(path, options);
  try {
    const listener = Deno.listen({ transport: "unix", path });
    // In the same turn as `listen`; until then the umask decides, and usually refuses others as well.
    Deno.chmodSync(path, 0o600);
    return listener;
  } catch (error) {
    const why = errorCode(error) === "ENOENT"
      ? "its folder does not exist; check the path"
      : reason(error);
    throw new SocketError("Cannot listen at", path, why, { cause: error });
  }
}

/** Removes a dead process's socket file, or says why it stays. */
async function makeWay(path: string, options: ListenOptions): Promise<void> {
  const refuse = (why: string) => {
    throw new SocketError("Cannot listen at", path, why);
  };
  if (!Deno.lstatSync(path).isSocket) refuse("a file of that name exists; choose another path");
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (errorCode(error) !== "ECONNREFUSED") refuse(reason(error));
    if (!options.replaceStale) refuse("a dead process left its socket there; remove it");
    Deno.removeSync(path);
    return;
  }
  refuse("another process listens there");
}

/** Why a socket did not open, in words that say what to do. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such socket; start the other side first"],
  ["ECONNREFUSED", "nobody listens there; start the other side first"],
  ["EADDRINUSE", "a file of that name exists; choose another path"],
  ["EACCES", "permission is denied; check the owner and mode of the path"],
]);

function reason(error: unknown): string {
  // Deno cannot be told of a path with a comma, other than by permission for all of the network.
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno does not let this process use it; choose a path without commas";
  }
  return REASONS.get(errorCode(error) ?? "") ?? errorText(error);
}
