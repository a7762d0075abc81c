/**
 * Unix sockets as two-way streams. The socket file has mode 0600: who may connect gets the guest's memory.
 *
 * Needs `--allow-net=unix:/ABSOLUTE/PATH` besides reading and writing the path.
 */
import { errorCode, errorText } from "../host/fault.ts";
import { identityOfPath } from "../host/positional_file.ts";
import {
  type ByteStream,
  nextBytes,
  readableFrom,
  TransportError,
  writableTo,
} from "./transport.ts";

/**
 * Connects to the socket at `path`.
 *
 * @throws {TransportError} when nobody listens there
 */
export async function connectUnix(path: string): Promise<ByteStream> {
  const name = `unix:${path}`;
  try {
    return streamOver(await Deno.connect({ transport: "unix", path }), name);
  } catch (error) {
    throw new TransportError("Cannot connect to", name, reason(error), { cause: error });
  }
}

/** How a listener treats a socket file that is already there. */
export interface ListenOptions {
  /**
   * Remove a socket file at which nobody answers. Only for whoever holds the fence: a primary that is
   * just starting may not answer yet.
   */
  readonly replaceStale: boolean;
}

/** A listening socket. */
export class UnixListener {
  /** As the command line names it. */
  readonly name: string;
  readonly #listener: Deno.UnixListener;
  #closed = false;

  private constructor(path: string, listener: Deno.UnixListener) {
    this.name = `unix:${path}`;
    this.#listener = listener;
  }

  /**
   * Listens at `path`, mode 0600.
   *
   * @throws {TransportError} when the path is taken, or may not be used
   */
  static async open(path: string, options: ListenOptions): Promise<UnixListener> {
    if (identityOfPath(path) !== undefined) await makeWay(path, options);
    let listener: Deno.UnixListener;
    try {
      listener = Deno.listen({ transport: "unix", path });
      // In the same turn as `listen`; until then the umask decides, and usually refuses others as well.
      Deno.chmodSync(path, 0o600);
    } catch (error) {
      throw new TransportError("Cannot listen at", `unix:${path}`, reason(error), { cause: error });
    }
    return new UnixListener(path, listener);
  }

  /** Everyone who connects, until {@linkcode UnixListener.close}. */
  async *clients(): AsyncGenerator<ByteStream> {
    for (let count = 1;; count++) {
      let connection: Deno.UnixConn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        throw new TransportError("Cannot accept at", this.name, errorText(error), { cause: error });
      }
      yield streamOver(connection, `${this.name} client ${count}`);
    }
  }

  /** Stops listening and removes the socket file; clients that have connected stay. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Deno removes the file.
    this.#listener.close();
  }
}

/** Removes a dead process's socket file, or says why it stays. */
async function makeWay(path: string, options: ListenOptions): Promise<void> {
  const name = `unix:${path}`;
  const refuse = (why: string) => {
    throw new TransportError("Cannot listen at", name, why);
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
  return REASONS.get(errorCode(error) ?? "") ?? errorText(error);
}

function streamOver(connection: Deno.UnixConn, name: string): ByteStream {
  let closed = false;
  return {
    name,
    kind: "unix",
    direction: "two-way",
    readable: readableFrom(name, () => closed ? Promise.resolve(null) : nextBytes(connection)),
    writable: writableTo(name, connection, () => connection.closeWrite()),
    endAtPresentEnd() {},
    close() {
      if (!closed) connection.close();
      closed = true;
      return Promise.resolve();
    },
  };
}
