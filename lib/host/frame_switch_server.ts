/** A frame switch on sockets: peers connect to it, and it connects to peers such as `passt` itself. */
import { errorText } from "./fault.ts";
import { FrameClient } from "./frame_client.ts";
import { FrameConnection } from "./frame_stream.ts";
import { FrameSwitch } from "./frame_switch.ts";
import { pause } from "./pause.ts";
import { listenSocket } from "./unix_socket.ts";

/** Most peers; further ones are turned away. */
const MOST_PORTS = 256;

/** How long nobody is let in after that has failed. */
const RETRY_MILLISECONDS = 500;

/** A switch that serves until it is closed. */
export class FrameSwitchServer {
  readonly #switch = new FrameSwitch(() => performance.now());
  readonly #note: (text: string) => void;
  readonly #connections = new Set<FrameConnection>();
  readonly #clients: FrameClient[] = [];
  #listener: Deno.UnixListener | undefined;
  #accepting: Promise<void> = Promise.resolve();
  #closed = false;
  #count = 0;

  private constructor(note: (text: string) => void) {
    this.#note = note;
  }

  /**
   * Connects to the peers at `outward`, then listens at `path`.
   *
   * @param note Takes one line for a person whenever something happens.
   * @throws {SocketError} when one of them is not there, or the path is taken
   */
  static async open(
    path: string,
    outward: readonly string[],
    note: (text: string) => void,
  ): Promise<FrameSwitchServer> {
    const server = new FrameSwitchServer(note);
    try {
      for (const peer of outward) await server.#plugOutward(peer);
      const listener = await listenSocket(path, { replaceStale: true });
      server.#listener = listener;
      server.#accepting = server.#accept(listener);
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** Lets everyone go and removes the socket. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#listener?.close();
    for (const connection of this.#connections) connection.close();
    for (const client of this.#clients) client.close();
    await this.#accepting;
  }

  async #plugOutward(path: string): Promise<void> {
    const client = new FrameClient(path);
    this.#clients.push(client);
    await client.connect();
    this.#switch.attach(client);
    this.#note(`Connected to unix:${path}`);
    client.start({
      frame: (frame) => this.#switch.receive(client, frame),
      note: this.#note,
    });
  }

  async #accept(listener: Deno.UnixListener): Promise<void> {
    while (!this.#closed) {
      let socket: Deno.UnixConn;
      try {
        socket = await listener.accept();
      } catch (error) {
        if (this.#closed) return;
        // Such as too many open files: whoever is here goes on.
        this.#note(`Cannot let a peer in: ${errorText(error)}`);
        await pause(RETRY_MILLISECONDS);
        continue;
      }
      if (this.#switch.ports >= MOST_PORTS) {
        socket.close();
        this.#note(`Turned a peer away: there are ${MOST_PORTS} already`);
      } else {
        void this.#serve(new FrameConnection(socket));
      }
    }
  }

  async #serve(connection: FrameConnection): Promise<void> {
    const name = `Peer ${++this.#count}`;
    this.#connections.add(connection);
    this.#switch.attach(connection);
    this.#note(`${name} has come`);
    const why = await connection.receive((frame) => this.#switch.receive(connection, frame));
    this.#switch.detach(connection);
    this.#connections.delete(connection);
    if (!this.#closed) this.#note(`${name} is gone: ${why}`);
  }
}
