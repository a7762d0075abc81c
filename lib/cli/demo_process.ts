/** A `lockstep` process of the demo's own, with no more permissions than its part needs. */
import { TextLineStream } from "@std/streams";
import { settledWithin } from "../host/pause.ts";
import { type TimedEvent, timeOfDay } from "./event.ts";
import { CommandError } from "./failure.ts";
import { ExitCode } from "./exit_codes.ts";
import { ownCommand, PROJECT } from "./own_command.ts";

/** A wait that takes longer than this has failed, milliseconds. */
const PATIENCE_MILLISECONDS = 20_000;

/** A child that tells its events as NDJSON on standard error. */
export class LockstepProcess {
  /** What the story calls it. */
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #events: TimedEvent[] = [];
  #changed = Promise.withResolvers<void>();
  #over = false;

  /**
   * Starts it.
   *
   * @param name What the story calls it.
   * @param words Its command line.
   * @param folder The only folder that it may write to.
   * @param sockets Paths of the sockets that it may use.
   * @param told Told of each of its events, as it comes.
   */
  constructor(
    name: string,
    words: readonly string[],
    folder: string,
    sockets: readonly string[],
    told: (event: TimedEvent) => void,
  ) {
    this.name = name;
    const net = sockets.map((path) => `unix:${path}`).join(",");
    const permissions = [
      `--allow-read=${folder},${PROJECT}`,
      `--allow-write=${folder}`,
      ...(net === "" ? [] : [`--allow-net=${net}`]),
    ];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...ownCommand(permissions, [...words, "--notes", "json"])],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    void this.#read(told);
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Everything that it has told. */
  get events(): readonly TimedEvent[] {
    return this.#events;
  }

  /**
   * Waits for an event of a kind, from the first that it told on.
   *
   * @throws {CommandError} when it ends without telling it, or takes too long
   */
  async until<Kind extends TimedEvent["kind"]>(
    kind: Kind,
    where: (event: Extract<TimedEvent, { kind: Kind }>) => boolean = () => true,
  ): Promise<Extract<TimedEvent, { kind: Kind }>> {
    const deadline = performance.now() + PATIENCE_MILLISECONDS;
    for (let next = 0;;) {
      for (; next < this.#events.length; next++) {
        const event = this.#events[next]!;
        if (isKind(event, kind) && where(event)) return event;
      }
      const left = deadline - performance.now();
      if (this.#over) this.#failed(`ended before it told "${kind}"`);
      if (!await settledWithin(this.#changed.promise, left)) {
        this.#failed(`did not tell "${kind}" within ${PATIENCE_MILLISECONDS} ms`);
      }
    }
  }

  /** Sends SIGKILL, and answers when: the time of day, milliseconds. */
  kill(): number {
    const at = timeOfDay();
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has left by itself.
    }
    return at;
  }

  /** Waits for its end and answers its exit code. */
  async end(milliseconds = PATIENCE_MILLISECONDS): Promise<number> {
    if (!await settledWithin(this.#child.status, milliseconds)) {
      this.#failed(`did not end within ${milliseconds} ms`);
    }
    return (await this.#child.status).code;
  }

  #failed(what: string): never {
    const last = this.#events.findLast((event) => event.kind === "note");
    const said = last?.kind === "note" ? `; the last that it said: ${last.text}` : "";
    throw new CommandError(ExitCode.internal, `The ${this.name} ${what}${said}`);
  }

  async #read(told: (event: TimedEvent) => void): Promise<void> {
    const lines: ReadableStream<string> = this.#child.stderr
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      const event = parsed(line);
      this.#events.push(event);
      told(event);
      this.#signal();
    }
    this.#over = true;
    this.#signal();
  }

  #signal(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function isKind<Kind extends TimedEvent["kind"]>(
  event: TimedEvent,
  kind: Kind,
): event is Extract<TimedEvent, { kind: Kind }> {
  return event.kind === kind;
}

/** A line that is no event is the one that says why a process gives up. */
function parsed(line: string): TimedEvent {
  if (line.startsWith("{")) return JSON.parse(line) as TimedEvent;
  return { at: timeOfDay(), kind: "note", text: line };
}
