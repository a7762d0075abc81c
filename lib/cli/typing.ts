/**
 * What people type at a machine's console, from standard input or, for a machine that was promoted behind
 * a pipe, from the terminal that its primary had.
 */
import { guardsGone, inForeground, openControllingTerminal } from "../host/character_mode.ts";
import { type ByteInput, ConsoleInput } from "../host/console_input.ts";
import { ESCAPE_HELP, EscapeKeys } from "../host/escape_keys.ts";
import { pause } from "../host/pause.ts";
import type { LiveMachine } from "../replica/live.ts";
import { ExitCode } from "./exit_codes.ts";
import type { Reporter } from "./reporter.ts";

/** Where a machine's console input comes from. */
export type TypedAt = "standard-input" | "terminal";

/** What typing needs to know. */
export interface TypingOptions {
  /** The machine that is typed at. */
  readonly live: LiveMachine;
  /** Who tells what the keys do. */
  readonly reporter: Reporter;
  /** Where people type. */
  readonly typedAt: TypedAt;
  /** Whether console output goes to a terminal: a terminal here is then raw, as QEMU's is. */
  readonly shown: boolean;
}

/** Bytes typed that wait for the guest before reading goes on. */
const TYPED_AHEAD_BYTES = 4096;
const TYPING_MILLISECONDS = 5;

type InputTerminal = typeof Deno.stdin | Deno.FsFile;

/** Brings what is typed to the machine until closed. */
export class Typing implements Disposable {
  readonly #options: TypingOptions;
  #input: ConsoleInput | undefined;
  #closed = false;
  #quitting = false;
  readonly #onContinue = () => this.#continue();

  /** Starts at once; a process in the background starts when it is brought to the foreground. */
  constructor(options: TypingOptions) {
    this.#options = options;
    Deno.addSignalListener("SIGCONT", this.#onContinue);
    void this.#begin();
  }

  /** Gives the terminal back. */
  [Symbol.dispose](): void {
    this.#closed = true;
    Deno.removeSignalListener("SIGCONT", this.#onContinue);
    this.#input?.close();
  }

  async #begin(): Promise<void> {
    const { typedAt, shown } = this.#options;
    if (typedAt === "standard-input") {
      if (!Deno.stdin.isTerminal()) return this.#read(new ConsoleInput(Deno.stdin));
      if (inForeground()) this.#readTerminal(Deno.stdin);
      return;
    }
    if (!shown) return;
    // A primary that was killed at this terminal has a guard, which must have done its work.
    await guardsGone();
    if (this.#closed || this.#input || !inForeground()) return;
    const terminal = openControllingTerminal();
    if (terminal) this.#readTerminal(terminal);
  }

  #readTerminal(terminal: InputTerminal): void {
    if (!this.#options.shown) return this.#read(new ConsoleInput(terminal));
    const { reporter, typedAt } = this.#options;
    const escape = new EscapeKeys({
      quit: () => this.#quit(),
      help: () => reporter.note(ESCAPE_HELP),
    });
    reporter.leaveTerminalToConsole();
    this.#read(new ConsoleInput(terminal as ByteInput & InputTerminal, { escape }));
    const keys = "Ctrl-A X quits, Ctrl-A H tells more";
    if (typedAt === "terminal") reporter.note(`The console is at this terminal: ${keys}`);
    else reporter.hint(keys);
  }

  #read(input: ConsoleInput): void {
    this.#input = input;
    void this.#type(input);
  }

  async #type(input: ConsoleInput): Promise<void> {
    const { live } = this.#options;
    for (;;) {
      await input.arrival();
      const bytes = input.take();
      if (bytes.length === 0) return;
      live.type(bytes);
      // The guest reads at its own pace; until then the typist's terminal or pipe holds the rest.
      while (live.typedBytes > TYPED_AHEAD_BYTES) await pause(TYPING_MILLISECONDS);
    }
  }

  /** The second time it does not wait for a clean end. */
  #quit(): void {
    if (this.#quitting) Deno.exit(ExitCode.interrupted);
    this.#quitting = true;
    this.#options.live.stop("detach");
  }

  #continue(): void {
    if (this.#input) this.#input.renew();
    else void this.#begin();
  }
}
