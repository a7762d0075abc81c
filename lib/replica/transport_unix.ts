/**
 * Unix sockets as two-way streams. The socket file has mode 0600: who may connect gets the guest's memory.
 *
 * Needs `--allow-net=unix:/ABSOLUTE/PATH` besides reading and writing the path.
 */
import { errorText } from "../host/fault.ts";
import {
  connectSocket,
  type ListenOptions,
  listenSocket,
  SocketError,
} from "../host/unix_socket.ts";
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
  return streamOver(await opened(connectSocket(path)), `unix:${path}`);
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
    return new UnixListener(path, await opened(listenSocket(path, options)));
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

async function opened<Socket>(opening: Promise<Socket>): Promise<Socket> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    const { action, path, reason } = error;
    throw new TransportError(action, `unix:${path}`, reason, { cause: error });
  }
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
