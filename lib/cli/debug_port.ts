/**
 * `--debug`: gdb may attach to a backup, and sees a copy of its machine. A process of its own listens, keeps
 * gdb's machine and replays; the backup only writes the copy's file, and waits for nobody.
 */
import { TextLineStream } from "@std/streams";
import type { EngineName } from "../cpu/engine.ts";
import type { LogRecord } from "../epoch/record.ts";
import { errorText } from "../host/fault.ts";
import { hostText, type LoopbackAddress, loopbackText } from "../host/loopback.ts";
import { settledWithin } from "../host/pause.ts";
import type { PendingRecords } from "../replica/attachment.ts";
import { DebugCopy } from "../replica/debug_copy.ts";
import type { MachineLog } from "../replica/machine_log.ts";
import { openFileWriter } from "../replica/transport_file.ts";
import { type Option, sizeOption } from "./command.ts";
import type { CopySource } from "./copy_source.ts";
import {
  type BackupMessage,
  messageLine,
  messagesFrom,
  type ServerMessage,
} from "./debug_messages.ts";
import { ExitCode } from "./exit_codes.ts";
import { CommandError } from "./failure.ts";
import { loopbackOption } from "./loopback_option.ts";
import { ownCommand } from "./own_command.ts";

const DEFAULT_LIMIT_BYTES = 2 ** 30;
/** How long the end of a server that serves nobody is waited for. */
const END_MILLISECONDS = 2000;

/** Where gdb attaches. */
export const debugOption: Option<LoopbackAddress> = loopbackOption(
  "debug",
  "Let gdb attach at this port (0: any free one), each to a copy of the machine of its own",
);

/** How large a copy may be. */
export const debugLimitOption: Option<number> = sizeOption(
  "debug-limit",
  "End gdb's copy of the log at this size (default 1G); it is in a temporary folder while gdb is attached",
);

/** What a debugger's port is given. */
export interface DebugPortOptions {
  /** Where gdb connects. */
  readonly address: LoopbackAddress;
  /** Most bytes of a copy. */
  readonly limitBytes?: number | undefined;
  /** What gdb's machines run on. */
  readonly engine?: EngineName | undefined;
  /** Takes one line for a person. */
  readonly note: (text: string) => void;
}

/** The port, as the backup sees it. */
export class DebugPort {
  readonly #options: DebugPortOptions;
  readonly #folder: string;
  readonly #server: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  /** In the order in which they are to begin. */
  readonly #wanted = new Set<number>();
  /** The one that begins: one at a time, since each needs a second memory for it. */
  #beginning: number | undefined;
  readonly #copies = new Map<number, DebugCopy>();
  /** The last line that the server has said when something was wrong with it. */
  readonly #said: Promise<string | undefined>;
  #source: CopySource | undefined;
  #isClosing = false;

  private constructor(options: DebugPortOptions) {
    this.#options = options;
    this.#folder = orRefused(() => Deno.makeTempDirSync({ prefix: "lockstep-debug-" }));
    this.#server = orRefused(() => startServer(options, this.#folder));
    this.#input = this.#server.stdin.getWriter();
    this.#said = lastLine(this.#server.stderr);
  }

  /**
   * Starts the server.
   *
   * @throws {CommandError} when nobody can listen there
   */
  static async open(options: DebugPortOptions): Promise<DebugPort> {
    const port = new DebugPort(options);
    const messages = messagesFrom<ServerMessage>(port.#server.stdout);
    const { value: first } = await messages.next();
    if (first?.kind !== "listening") {
      const { code } = await port.#server.status;
      Deno.removeSync(port.#folder, { recursive: true });
      throw new CommandError(code, (await port.#said) ?? "The server for gdb has not started");
    }
    const address = loopbackText({ ...options.address, port: first.port });
    options.note(`In gdb: target remote ${address}`);
    void port.#listen(messages);
    return port;
  }

  /** From now on copies come from there; those that have begun go on as the caller sees to it. */
  set source(source: CopySource) {
    this.#source = source;
    if (this.#beginning !== undefined && this.#wanted.has(this.#beginning)) {
      this.#beginning = undefined;
    }
    this.#beginNext();
  }

  /** The copies that are being written. */
  get copies(): Iterable<MachineLog> {
    return this.#copies.values();
  }

  /** Copies a record. */
  send(record: LogRecord): void {
    for (const copy of this.#copies.values()) copy.send(record);
  }

  /**
   * Nothing more comes: who debugs goes on with what there is.
   *
   * @param reason Why, as a part of a sentence.
   */
  async close(reason: string): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const isServing = this.#copies.size > 0;
    for (const copy of this.#wanted) await this.#over(copy, reason);
    for (const [number, copy] of this.#copies) {
      await copy.settled();
      await this.#over(number, reason);
    }
    await this.#input.close().catch(() => {});
    if (!isServing) await settledWithin(this.#server.status, END_MILLISECONDS);
  }

  #beginNext(): void {
    const [copy] = this.#wanted;
    if (copy === undefined || this.#beginning !== undefined || !this.#source) return;
    this.#beginning = copy;
    this.#source.begin(
      (records, epoch) => this.#make(copy, records, epoch),
      (reason) => void this.#refuse(copy, reason),
    );
  }

  /** It needs no memory here any more. */
  #hasBegun(copy: number): void {
    if (this.#beginning !== copy) return;
    this.#beginning = undefined;
    this.#beginNext();
  }

  #make(copy: number, records: PendingRecords, epoch: number): MachineLog | undefined {
    if (!this.#wanted.has(copy)) return undefined;
    const { limitBytes = DEFAULT_LIMIT_BYTES, note } = this.#options;
    const path = this.#pathOf(copy);
    const log = new DebugCopy(openFileWriter(path), records, epoch, {
      limitBytes,
      begun: () => this.#hasBegun(copy),
      ended: (reason) => {
        this.#hasBegun(copy);
        void this.#over(copy, `${reason}; attach again for the present`);
      },
    });
    this.#wanted.delete(copy);
    this.#copies.set(copy, log);
    void this.#tell({ kind: "copy", copy, path });
    note(`gdb has attached to a copy of the machine, which begins behind epoch ${epoch}`);
    return log;
  }

  async #refuse(copy: number, reason: string): Promise<void> {
    this.#wanted.delete(copy);
    this.#hasBegun(copy);
    await this.#over(copy, reason);
  }

  async #listen(messages: AsyncIterable<ServerMessage>): Promise<void> {
    try {
      for await (const message of messages) this.#take(message);
    } catch {
      // It cannot be read any more, which is as good as gone.
    }
    // Without it nobody reads the copies.
    for (const copy of this.#copies.keys()) this.#drop(copy);
    this.#wanted.clear();
    removeQuietly(this.#folder);
    if (this.#isClosing) return;
    const reason = await this.#said ?? "it was killed";
    this.#options.note(`gdb cannot attach any more: its server has ended, ${reason}`);
  }

  #take(message: ServerMessage): void {
    switch (message.kind) {
      case "wanted":
        if (this.#isClosing) return;
        this.#wanted.add(message.copy);
        this.#beginNext();
        return;
      case "left":
        return this.#drop(message.copy);
      case "note":
        return this.#options.note(message.text);
      case "listening":
        return;
    }
  }

  #drop(copy: number): void {
    this.#wanted.delete(copy);
    this.#copies.get(copy)?.discard();
    this.#copies.delete(copy);
    this.#hasBegun(copy);
    removeQuietly(this.#pathOf(copy));
  }

  #pathOf(copy: number): string {
    return `${this.#folder}/${copy}.log`;
  }

  #over(copy: number, reason: string): Promise<void> {
    return this.#tell({ kind: "over", copy, reason });
  }

  async #tell(message: BackupMessage): Promise<void> {
    // When the server has gone, so has whoever was told.
    await this.#input.write(messageLine(message)).catch(() => {});
  }
}

async function lastLine(readable: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const lines: ReadableStream<string> = readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  let last: string | undefined;
  try {
    for await (const line of lines) last = line.replace(/^lockstep: /, "");
  } catch {
    // What has been read is all there is.
  }
  return last;
}

function orRefused<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    const message = `Cannot start the server for gdb: ${errorText(error)}`;
    throw new CommandError(ExitCode.unavailable, message, { cause: error });
  }
}

/** With no permission but to read and remove its copies, and after everybody else where processors are scarce. */
function startServer(
  { address, engine }: DebugPortOptions,
  folder: string,
): Deno.ChildProcess {
  const path = folder.replaceAll(",", ",,");
  const permissions = [
    ...[`--allow-read=${path}`, `--allow-write=${path}`],
    // A port of the system's choice has no number yet.
    `--allow-net=${address.port === 0 ? hostText(address) : loopbackText(address)}`,
  ];
  const words = [
    ...["debug-server", loopbackText(address), folder],
    ...(engine === undefined ? [] : ["--engine", engine]),
  ];
  return new Deno.Command("sh", {
    // Ctrl-C at a terminal is for the backup: the server ends when nobody needs it any more.
    args: [
      "-c",
      `trap '' INT; exec nice -n 5 "$@"`,
      "sh",
      Deno.execPath(),
      ...ownCommand(permissions, words),
    ],
    stdin: "piped",
    stdout: "piped",
    // Whoever waits for the end of the backup's output shall not wait for gdb.
    stderr: "piped",
  }).spawn();
}

/** What cannot be removed is no reason to leave the machine that is followed. */
function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch {
    // The server has removed its name, or whoever cleans the folder of temporary files.
  }
}
