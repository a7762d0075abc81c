/** A `lockstep` process with Debian's Linux: start it, wait for its console, type, take its exit code. */
import { type Ended, Lockstep } from "../cli/lockstep_process.ts";
import { linuxGuest } from "./linux_guest.ts";
import { PATIENCE_MILLISECONDS, Screen } from "./screen.ts";

/** The shell is ready. */
const PROMPT = "~ # ";

/** Longer lines are broken by the shell's line editing. */
const LONGEST_LINE = 70;

/** Saves half of a boot. */
export const WITHOUT_CIPHER_TESTS = "cryptomgr.notests";

/** How a machine is made. */
export interface LinuxOptions {
  /** The kernel's command line (default: `quiet`). */
  readonly append?: string;
  /** Whether the kernel tests its ciphers, which is half of a boot (default: no). */
  readonly cipherTests?: boolean;
  /** Another initial file system than the guest's. */
  readonly initrd?: string;
  /** Disk images, each as `--disk` takes it. */
  readonly disks?: readonly string[];
  /** Memory (default 128). */
  readonly ramMebibytes?: number;
  /** Further words, such as `--console FILE` or `-o FILE`. */
  readonly words?: readonly string[];
}

/** The command line of a machine with Linux: `command` is `run`, `record` or `primary`. */
export function linuxWords(command: string, options: LinuxOptions = {}): readonly string[] {
  const { kernel, initrd } = { ...linuxGuest(), ...options.initrd && { initrd: options.initrd } };
  const append = options.append ?? "quiet";
  return [
    ...[command, "--kernel", kernel, "--initrd", initrd],
    ...["--ram", `${options.ramMebibytes ?? 128}`, "--append"],
    options.cipherTests === true ? append : `${WITHOUT_CIPHER_TESTS} ${append}`,
    ...(options.disks ?? []).flatMap((disk) => ["--disk", disk]),
    ...options.words ?? [],
  ];
}

/** A process with a console, which is gone at the end of the test. */
export class LinuxMachine implements AsyncDisposable {
  /** For signals, and for what is said on standard error. */
  readonly process: Lockstep;
  /** What stands on its standard output. */
  readonly screen: Screen;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array>;
  #isLate = false;

  /** Starts `lockstep` with these words. */
  constructor(words: readonly string[], folder?: string) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#keyboard = writable.getWriter();
    const where = folder === undefined ? {} : { folder };
    this.process = new Lockstep(words, { stdin: readable, ...where });
    this.screen = Screen.ofStream(this.process.stdout);
  }

  /** Types these characters; a line ends with "\n". */
  async type(characters: string): Promise<void> {
    await this.#keyboard.write(new TextEncoder().encode(characters));
  }

  /** Waits for the shell's prompt. */
  async prompt(): Promise<void> {
    await this.screen.shows(new RegExp(PROMPT));
  }

  /** Types a command at the prompt, waits for the next prompt, and returns what stood in between. */
  async command(line: string): Promise<string> {
    if (line.length > LONGEST_LINE) throw new RangeError(`Too long to be typed: ${line}`);
    await this.type(`${line}\n`);
    // The terminal echoes what was typed, and ends lines with a carriage return.
    await this.screen.shows(/\r\n/);
    const [shown] = await this.screen.shows(new RegExp(`^[^]*?${PROMPT}`));
    return shown.slice(0, -PROMPT.length).replaceAll("\r", "");
  }

  /** Waits for the process's end; one that does not come is an error that shows the console. */
  async end(): Promise<Ended> {
    const late = setTimeout(() => {
      this.#isLate = true;
      this.process.kill("SIGKILL");
    }, PATIENCE_MILLISECONDS);
    const ended = await this.process.end();
    clearTimeout(late);
    if (this.#isLate) throw new Error(`The machine does not end:\n${this.screen.seen}`);
    return { ...ended, stdout: this.screen.seen };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#keyboard.close().catch(() => {});
  }
}
