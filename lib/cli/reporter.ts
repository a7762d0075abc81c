/**
 * Tells people and programs what happens, on standard error: a status line on a terminal, plain lines
 * otherwise, NDJSON for programs.
 */
import type { ByteOutput, ConsoleSink } from "../host/console.ts";
import { HostFileError, isGone } from "../host/fault.ts";
import { openFailure } from "../host/positional_file.ts";
import { lineOf, type RunEvent, type Status, statusText, timeOfDay } from "./event.ts";

/** How events are told. */
export type ReportForm = "terminal" | "lines" | "json";

/** The part of `Deno.stderr` that is used here. */
export interface ReportOutput {
  /** Writes some of `data`, answers how many bytes. */
  writeSync(data: Uint8Array): number;
}

/** Roles whose beginning is worth a line where there is no status line. */
const TOLD_ROLES: ReadonlySet<Status["role"]> = new Set(["protected", "joining", "SOLO"]);

const ERASE_LINE = "\r\x1b[K";
const REVERSE = "\x1b[7m";
const BOLD = "\x1b[1m";
const PLAIN = "\x1b[0m";

/** Tells events in one form. */
export class Reporter {
  readonly #form: ReportForm;
  readonly #output: ReportOutput;
  #shown = false;
  #status: Status | undefined;
  #role: Status["role"] | undefined;
  /** Whether people type at a console on this terminal: a status line would be in their way. */
  #interactive = false;
  /** Whether the terminal's cursor stands at the start of a line, as far as our console output goes. */
  #atLineStart = true;

  /**
   * Nothing is told before {@linkcode tell}.
   *
   * @param output Usually `Deno.stderr`.
   */
  constructor(form: ReportForm, output: ReportOutput) {
    this.#form = form;
    this.#output = output;
  }

  /** Tells an event. */
  readonly tell = (event: RunEvent): void => {
    if (this.#form === "json") {
      this.#write(`${JSON.stringify({ at: timeOfDay(), ...event })}\n`);
    } else if (event.kind === "status") {
      this.#showStatus(event);
    } else {
      const line = lineOf(event);
      if (line !== undefined) this.#line(line);
    }
  };

  /** Tells one line for a person. */
  readonly note = (text: string): void => {
    this.tell({ kind: "note", text });
  };

  /** Tells people at a terminal how to use it. */
  readonly hint = (text: string): void => {
    if (this.#form === "terminal") this.note(text);
  };

  /** From now on people type at a console on this terminal: there is no status line any more. */
  leaveTerminalToConsole(): void {
    this.#hide();
    this.#status = undefined;
    this.#interactive = true;
  }

  /** Whether anybody wants figures often. */
  get statusMilliseconds(): number {
    return this.#form === "json" ? 100 : 250;
  }

  /** Keeps console output on the same terminal and the status line out of each other's way. */
  beside(sink: ConsoleSink): ConsoleSink {
    if (this.#form !== "terminal") return sink;
    return {
      write: async (data, position) => {
        this.#hide();
        await sink.write(data, position);
        this.#atLineStart = data.at(-1) === 0x0a;
        this.#show();
      },
      retry: (error) => sink.retry(error),
      close: () => sink.close(),
    };
  }

  /** Takes the status line away for good. */
  close(): void {
    this.#hide();
    this.#status = undefined;
  }

  #showStatus(status: Status): void {
    if (this.#form === "terminal" && !this.#interactive) {
      this.#hide();
      this.#status = status;
      this.#show();
    } else if (status.role !== this.#role && TOLD_ROLES.has(status.role)) {
      this.#line(statusText(status));
    }
    this.#role = status.role;
  }

  #line(text: string): void {
    this.#hide();
    const start = this.#form === "terminal" && !this.#atLineStart ? "\n" : "";
    this.#atLineStart = true;
    this.#write(`${start}lockstep: ${text}\n`);
    this.#show();
  }

  #show(): void {
    if (this.#status === undefined || !this.#atLineStart) return;
    const style = this.#status.role === "SOLO" ? REVERSE : BOLD;
    this.#write(`${style} ${statusText(this.#status)} ${PLAIN}`);
    this.#shown = true;
  }

  #hide(): void {
    if (this.#shown) this.#write(ERASE_LINE);
    this.#shown = false;
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    try {
      for (let done = 0; done < bytes.length;) {
        done += this.#output.writeSync(bytes.subarray(done));
      }
    } catch (error) {
      // A machine must not die because nobody reads what it tells.
      if (!isGone(error)) throw error;
    }
  }
}

/**
 * Writes text, all of it, to standard output or the like.
 *
 * @param name What is written to, for messages.
 * @throws {HostFileError} when that fails, but for a reader that has gone
 */
export async function writeText(
  output: ByteOutput,
  text: string,
  name = "standard output",
): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let done = 0; done < bytes.length;) done += await output.write(bytes.subarray(done));
  } catch (error) {
    if (isGone(error)) throw error;
    throw new HostFileError(name, `Cannot write ${name}: ${openFailure(error)}`, { cause: error });
  }
}
