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
export class Doorway implements AsyncDisposable {
  readonly #listener: UnixListener;
  readonly #attaching: Promise<void>;

  private constructor(listener: UnixListener, live: LiveMachine, reporter: Reporter) {
    this.#listener = listener;
    this.#attaching = this.#attachAll(live).catch((error) => reporter.note(errorText(error)));
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
    const doorway = new Doorway(listener, live, reporter);
    void live.expectReaders();
    reporter.tell({ kind: "listening", name: listener.name });
    return doorway;
  }

  async #attachAll(live: LiveMachine): Promise<void> {
    for await (const client of this.#listener.clients()) live.attach(client);
  }

  /** Closes the socket and waits until its file is gone: the next machine's may have the same path. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#attaching;
  }
}
