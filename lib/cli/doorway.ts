/** `--listen`: the socket at which backups join a live machine. */
import { errorText } from "../host/fault.ts";
import type { LiveMachine } from "../replica/live.ts";
import { parseStreamArgument } from "../replica/stream_argument.ts";
import { UnixListener } from "../replica/transport_unix.ts";
import { type Arguments, type Option, textOption, UsageError } from "./command.ts";
import type { Reporter } from "./reporter.ts";

/** Where backups join. */
export const listenOption: Option<string> = {
  ...textOption("listen", "unix:PATH", "Let backups join at this socket, while the guest runs"),
  parse(text) {
    const argument = parseStreamArgument(text);
    if (argument.kind === "unix") return argument.path;
    throw new UsageError(`--listen takes unix:PATH, not ${JSON.stringify(text)}`);
  },
};

/** Attaches everyone who connects, until disposed. */
export class Doorway implements Disposable {
  readonly #listener: UnixListener;

  private constructor(listener: UnixListener) {
    this.#listener = listener;
  }

  /**
   * Opens the socket that `--listen` names, if it names one.
   *
   * @param fenced Whether the lock is held: a dead process's socket file may be removed then.
   * @throws {TransportError} When it cannot be opened.
   */
  static async open(
    given: Arguments,
    live: LiveMachine,
    fenced: boolean,
    reporter: Reporter,
  ): Promise<Doorway | undefined> {
    const path = given.value(listenOption);
    if (path === undefined) return undefined;
    const listener = await UnixListener.open(path, { replaceStale: fenced });
    const doorway = new Doorway(listener);
    doorway.#attachAll(live).catch((error) => reporter.note(errorText(error)));
    void live.expectReaders();
    reporter.tell({ kind: "listening", name: listener.name });
    return doorway;
  }

  async #attachAll(live: LiveMachine): Promise<void> {
    for await (const client of this.#listener.clients()) live.attach(client);
  }

  /** Closes the socket; who has joined stays. */
  [Symbol.dispose](): void {
    this.#listener.close();
  }
}
